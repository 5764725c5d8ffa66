"""The ledger by layer and category, against torch's own count of what runs.

Torch's counter sees convolutions and matrix products. It does not see affine norms, which multiply
element by element (category norm), nor the L2 norms of tokens (score); both are left out by name.
Motion and gates run in OpenCV, NumPy and compiled loops, outside torch. What it counts in another
form: the change of the attention state is one product over 2·n terms, n new ones and n old ones.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from depth_snn.cli.chain.ledger import Line, frame_work, ledger_text, make_ledger, write_ledger
from depth_snn.cli.chain.loop import Chain
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.data.frames import open_frames
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.prices import CATEGORIES, prices_of
from depth_snn.pruning.stream import PrunedStream, StreamState, new_state
from sims.record_file import load_record
from tests.unit.command import TINY as NETWORK
from tests.unit.command import depth_snn
from tests.unit.small import (
    CONVERTING,
    DEEP,
    TINY,
    UNEVEN,
    noise,
    pictures,
    random_network,
    shipped_network,
    tiny_network,
)

Mask = npt.NDArray[np.bool_]
Counts = dict[str, int]
UNSEEN = {"norm", "score", "motion", "gate"}
"""Categories that torch's counter does not see."""
SHIPPED = {path.stem: path for path in CONVERTING}


def watched(model: DepthViTLoihi) -> list[tuple[nn.Module, str]]:
    """Modules whose whole work falls in one category."""
    parts: list[tuple[nn.Module, str]] = [
        (model.stem, "stem"), (model.embed, "embed"), (model.decoder, "decoder"),
    ]  # fmt: skip
    for block in model.blocks:
        parts += [(getattr(block, name), "qkv") for name in ("q", "k", "v")]
        parts += [(block.proj, "projection"), (block.fc1, "mlp"), (block.fc2, "mlp")]
    return parts


@contextmanager
def counted(model: DepthViTLoihi) -> Iterator[Counts]:
    """MACs (operations ÷ 2) that torch counts inside, by category; what has no module is "rest"."""
    found, before, hooks = dict.fromkeys(CATEGORIES, 0), 0, []
    counter = FlopCounterMode(display=False)

    def enter(*_: object) -> None:
        nonlocal before
        before = counter.get_total_flops()

    def leave(category: str) -> Callable[..., None]:
        def count(*_: object) -> None:
            found[category] += (counter.get_total_flops() - before) // 2

        return count

    for module, category in watched(model):
        hooks.append(module.register_forward_pre_hook(enter))
        hooks.append(module.register_forward_hook(leave(category)))
    try:
        with torch.no_grad(), counter:  # in inference mode the counter sees nothing
            yield found
    finally:
        for hook in hooks:
            hook.remove()
    products = counter.get_flop_counts()["Global"]
    batched = sum(n for op, n in products.items() if "bmm" in str(op)) // 2
    found["attention"] = batched  # nothing else multiplies batches of matrices
    found["rest"] = counter.get_total_flops() // 2 - sum(found.values())


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_dense_macs_by_category_are_what_torch_counts(name: str) -> None:
    model = shipped_network(SHIPPED[name])
    prices = prices_of(model.config, scored=False)
    with counted(model) as found:
        model(pictures(*noise(model.config, 1)))
    assert found.pop("rest") == 0
    for category in set(CATEGORIES) - UNSEEN:
        assert found[category] == prices.dense[category] > 0, category


def stream_of(model: DepthViTLoihi) -> tuple[PrunedStream, StreamState, list[torch.Tensor]]:
    """A stream after its first frame, and the stem's features of the next."""
    stream, state = PrunedStream(model), new_state(model.config)
    first, second = noise(model.config, 2)
    everything = np.ones((model.config.stages, model.config.tokens), bool)
    with torch.no_grad():
        run(stream, stream.stem(first, state), everything, state)
    return stream, state, stream.stem(second, state)


def run(stream: PrunedStream, levels: list[torch.Tensor], mask: Mask, state: StreamState) -> None:
    """The stream's own code, without the inference mode that hides it from the counter."""
    PrunedStream.run.__wrapped__(stream, levels, mask, state)


def only(model: DepthViTLoihi, stage: int, tokens: int) -> Mask:
    """Tokens of one stage alone (S, N)."""
    mask = np.zeros((model.config.stages, model.config.tokens), bool)
    mask[stage, np.random.default_rng(tokens).permutation(model.config.tokens)[:tokens]] = True
    return mask


@pytest.mark.parametrize("model", [random_network(UNEVEN), random_network(DEEP), tiny_network()],
                         ids=lambda m: m.config.name)  # fmt: skip
@pytest.mark.parametrize("share", [0.01, 0.4, 0.99, 1.0])
def test_a_pruned_stage_executes_what_the_ledger_says(model: DepthViTLoihi, share: float) -> None:
    config, (stream, state, levels) = model.config, stream_of(model)
    prices = prices_of(config, scored=True)
    tokens = config.tokens if share == 1 else min(int(share * config.tokens) + 1, config.tokens - 1)
    for stage in range(config.stages):
        mask = only(model, stage, tokens)
        with counted(model) as found:
            run(stream, levels, mask, state)
        said = {k: int(v[stage]) for k, v in prices.executed_by_stage(mask.sum(1)).items()}
        # Plain products without a module of their own: the embedding of gathered rows; q, k and v
        # in one matrix; and, of some tokens, what has its norm folded in: all but the last of four.
        plain = found.pop("rest")
        if stage == 0 or share == 1:
            found["embed" if stage == 0 else "qkv"] += plain
        else:
            assert plain == said["qkv"] + said["projection"] + said["mlp"] // 2
            assert found["projection"] == 0 and 2 * found["mlp"] == said["mlp"]
            found |= {k: said[k] for k in ("qkv", "projection", "mlp")}
        for category in set(CATEGORIES) - UNSEEN:
            assert found[category] == said[category], (stage, category)


def test_a_frame_of_nested_masks_by_hand() -> None:
    """9, 5 and 2 of 32 tokens; products of matrices written out, then torch's count of them."""
    model = random_network(UNEVEN)
    stream, state, levels = stream_of(model)
    order = np.random.default_rng(0).permutation(UNEVEN.tokens)
    mask = order[None] < np.array([[9], [5], [2]])
    with counted(model) as found:
        run(stream, levels, mask, state)
    by_hand = {
        "embed": 9 * (16 * 5) * 12,
        "qkv": 5 * 12 * 3 * (3 * 4) + 2 * 12 * 3 * (2 * 4),
        # heads · terms · d², the state's terms twice over, then the queries
        "attention": 3 * (2 * 5 + 5) * 4 * 4 + 2 * (2 * 2 + 2) * 4 * 4,
        "projection": 5 * (3 * 4) * 12 + 2 * (2 * 4) * 12,
        "mlp": (5 + 2) * 2 * 12 * 20,
        "decoder": 2 * (12 * 4 * 6 + 4 * 5 * 6 + 4 * 6 * 5),
    }
    # Plain products, the first matrix of each MLP among them.
    plain = {"embed", "qkv", "projection"}
    assert found.pop("rest") == sum(by_hand[k] for k in plain) + by_hand["mlp"] // 2
    found["mlp"] *= 2
    work = frame_work(prices_of(UNEVEN, scored=True), mask.sum(1).tolist())
    for category, macs in by_hand.items():
        assert sum(n for (_, kind), n in work.items() if kind == category) == macs, category
        assert found[category] == (0 if category in plain else macs), category
    assert work["block1", "norm"] == 5 * (12 + 12 + 12)
    assert work["embed", "score"] == 9 * 12 and work["block2", "score"] == 0
    assert work["stem", "stem"] == 10 * 18 * 48 * 5


@pytest.fixture(scope="module")
def played() -> tuple[Chain, list[Line]]:
    policy = load_policy(None, "tiny", token_rate=(0.3,), head_rate=(0.5,))
    setup = prepare("tiny", policy)
    chain = Chain(setup, keep_inputs=0, simulate=False)
    for frame in open_frames("scene:street", height=TINY.height, width=TINY.width, limit=5):
        chain.step(frame)
    return chain, make_ledger(setup, chain.out)


def test_the_ledger_adds_up_to_what_the_chain_counts(played: tuple[Chain, list[Line]]) -> None:
    chain, lines = played
    for category in CATEGORIES:
        rows = [line for line in lines if line.category == category]
        counts = [macs[category] for macs in chain.out.macs]
        assert sum(line.first for line in rows) == counts[0], category
        assert sum(line.later for line in rows) == sum(counts[1:]), category
        dense = chain.setup.dense_prices.dense[category]
        assert sum(line.dense for line in rows) == dense, category
    assert {line.layer for line in lines} == {"frame", "stem", "embed", "block1", "block2"}
    assert all(line.frames == 4 for line in lines)
    heads = next(line for line in lines if (line.layer, line.category) == ("block1", "qkv"))
    assert heads.first * 2 == heads.dense, "half of the heads are cut, the yardstick has them all"


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file by column name."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_ledger_as_a_file_and_as_text(played: tuple[Chain, list[Line]], tmp_path: Path) -> None:
    _, lines = played
    write_ledger(tmp_path / "ledger.csv", lines)
    rows = read(tmp_path / "ledger.csv")
    assert rows[-1]["layer"] == "total" and len(rows) == len(lines) + 1
    for column in ("first_frame", "later_mean", "dense"):
        amounts = [float(row[column]) for row in rows]
        assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=0.1)
    text = ledger_text(lines)
    assert text.splitlines()[-1].startswith("in all") and "block2" in text and "decoder" in text
    assert f"{float(rows[-1]['later_mean']) / 1e6:.3f}" in text.splitlines()[-1]


def test_one_frame_has_no_mean(tmp_path: Path) -> None:
    lines = [Line("stem", "stem", 7, 0, 0, 7)]
    write_ledger(tmp_path / "l.csv", lines)
    assert (tmp_path / "l.csv").read_text(encoding="utf-8").splitlines()[1] == "stem,stem,7,,7"
    assert "–" in ledger_text(lines)


def test_a_run_writes_its_ledger(finished: Path, tmp_path: Path) -> None:
    rows = read(finished / "ledger.csv")
    record = load_record(finished / "run.h5")
    assert int(rows[-1]["first_frame"]) == sum(int(m[0]) for m in record.macs.values())
    mean = sum(float(m[1:].mean()) for m in record.macs.values())
    assert float(rows[-1]["later_mean"]) == pytest.approx(mean, abs=0.01)
    assert int(rows[-1]["dense"]) == record.dense_macs
    assert "million MACs" not in (finished / "said.txt").read_text(encoding="utf-8")
    words = ("--out", tmp_path / "o", "--frames", "2", "--witness-frames", "0", "--ledger")
    assert "million MACs" in depth_snn("run", "scene:street", *words, *NETWORK).out
