"""A store gives back what it was given, to the bit, and refuses what is no whole store."""

from __future__ import annotations

import math
import os
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.errors import ConfigError, DepthError, InputError
from depth_snn.search.store import Store
from depth_snn.search.store_rows import MAX_TEXT, evaluation_of, row_of
from depth_snn.search.types import CRASHED, FAILED, OK, TIMEOUT, Outcome, Task
from tests.unit.command import contents

FACTS = {"network": "tiny", "genome": {"layers": [4, 4], "low": 0.0}, "seeds": (1, 2)}
HARD = (0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3)


def evaluation(number: int = 0, **words: Any) -> tuple[Task, Outcome]:
    task = Task(number, number % 3, HARD, 1)
    values = {"measures": {f"m{k}": x for k, x in enumerate(HARD)}, "violation": -0.0} | words
    return task, Outcome(OK, seconds=0.25, **values)


def bits(task: Task, outcome: Outcome) -> tuple[object, ...]:
    floats = [*task.point, *outcome.measures.values(), outcome.violation, outcome.seconds]
    floats = [math.nan if math.isnan(x) else x for x in floats]  # any NaN is the same
    words = (task.number, task.candidate, task.clips, [*outcome.measures], outcome.status)
    return (*words, outcome.error, struct.pack(f"{len(floats)}d", *floats))


def store_of(path: Path, count: int) -> Path:
    with Store.open(path, FACTS, resume=False) as store:
        for k in range(count):
            store.append(*evaluation(k))
    return path


def refused(path: Path, kind: type[DepthError], *parts: str, facts: Any = FACTS) -> None:
    with pytest.raises(kind) as caught:
        Store.open(path, facts, resume=True)
    said = str(caught.value)
    assert said.startswith(str(path)) and "\n" not in said
    for part in parts:
        assert part in said, said


def test_it_gives_back_the_same_floats(tmp_path: Path) -> None:
    path = tmp_path / "a store #1?.sqlite"
    with Store.open(path, FACTS, resume=False) as store:
        assert (store.count, store.resumed, store.get(0)) == (0, 0, None)
        for k in (2, 0):  # numbers come in the order in which evaluations end
            store.append(*evaluation(k))
    with Store.open(path, FACTS, resume=True) as store:
        assert (store.count, store.resumed) == (2, 2)
        for k in (0, 2):
            found = store.get(k)
            assert found is not None and bits(*found) == bits(*evaluation(k))
        assert store.get(1) is None and store.get(-1) is None and store.get(2**80) is None
        ended = Outcome(CRASHED, error="its process ended with exit code 0", seconds=1.0)
        store.append(Task(1, 1, (0.5,), 0), ended)
        assert store.get(1) == (Task(1, 1, (0.5,), 0), ended)
        assert (store.count, store.resumed) == (3, 2)
    assert contents(tmp_path) == [path.name]


@given(
    st.lists(st.floats(), max_size=5),
    st.dictionaries(st.text(max_size=5), st.floats(), max_size=4),
    st.floats(),
    st.sampled_from((OK, FAILED, TIMEOUT, CRASHED)),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_every_evaluation_survives_a_row(
    point: list[float], measures: dict[str, float], violation: float, status: str, error: str
) -> None:
    pair = Task(7, 3, tuple(point), 2), Outcome(status, measures, violation, error, 0.5)
    there = sqlite3.connect(":memory:")
    row = row_of(*pair)
    back = there.execute(f"SELECT {', '.join('?' * len(row))}", row).fetchone()
    there.close()
    assert bits(*evaluation_of(back)) == bits(*pair)


def test_numpy_numbers_are_kept_as_plain_ones(tmp_path: Path) -> None:
    task = Task(0, 0, tuple(np.array([0.1, 0.2])), 0)
    with Store.open(tmp_path / "s", FACTS, resume=False) as store:
        store.append(task, Outcome(OK, {"loss": np.float64(1 / 3)}, np.float64(0)))
        found = store.get(0)
    assert found is not None and found[0] == task and found[1].measures == {"loss": 1 / 3}
    assert all(type(x) is float for x in found[0].point)


def test_what_is_appended_is_in_the_file_at_once(tmp_path: Path) -> None:
    """A process that ends without closing anything leaves every evaluation it appended."""
    program = (
        "import os, sys; from tests.unit.test_search_store import *;"
        "store = Store.open(sys.argv[1], FACTS, resume=False);"
        "[store.append(*evaluation(k)) for k in range(3)]; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "s")], check=True)
    there = sqlite3.connect(tmp_path / "s")
    assert there.execute("SELECT number FROM evaluations").fetchall() == [(0,), (1,), (2,)]
    there.close()


def test_a_number_is_appended_once(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", FACTS, resume=False) as store:
        store.append(*evaluation(4, violation=1.0))
        with pytest.raises(InputError, match="has evaluation 4 already"):
            store.append(*evaluation(4))
        found = store.get(4)
        assert store.count == 1 and found is not None and found[1].violation == 1.0


@pytest.mark.parametrize(
    ("task", "outcome"),
    [
        (Task(-1, 0, (), 0), Outcome(OK)),
        (Task(0, 2**31, (), 0), Outcome(OK)),
        (Task(0, 0, (), 0), Outcome("lost")),
        (Task(0, 0, (), 0), Outcome(FAILED, error="x" * (MAX_TEXT + 1))),
    ],
)
def test_what_could_not_be_read_back_is_not_written(
    tmp_path: Path, task: Task, outcome: Outcome
) -> None:
    with Store.open(tmp_path / "s", FACTS, resume=False) as store:
        with pytest.raises(InputError, match="evaluation"):
            store.append(task, outcome)
        assert store.count == 0
    with Store.open(tmp_path / "s", FACTS, resume=True) as store:
        assert store.count == 0


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FACTS | {"network": "small"}, 'network is "tiny" there and "small" here'),
        (FACTS | {"genome": {"layers": [4, 6], "low": 0}}, "genome.layers[1] is 4 there and 6"),
        (FACTS | {"genome": {"layers": [4], "low": 0}}, "genome.layers is [4, 4] there and [4]"),
        (FACTS | {"genome": {"layers": [4, 4], "low": 0}}, "genome.low is 0.0 there and 0 here"),
        (FACTS | {"added": "y" * 99}, 'added is absent there and "yyy'),
        ({"network": "tiny", "seeds": [1, 2]}, "genome is {"),
    ],
)
def test_a_store_of_other_facts_is_refused(tmp_path: Path, facts: Any, said: str) -> None:
    refused(store_of(tmp_path / "s", 1), ConfigError, said, "another search", facts=facts)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("mine", encoding="ascii")
    for name, said in (("folder", "is a folder"), ("file", "--resume"), ("dangling", "--resume")):
        with pytest.raises(ConfigError, match=said):
            Store.open(tmp_path / name, FACTS, resume=False)
    assert (tmp_path / "file").read_text(encoding="ascii") == "mine"
    with pytest.raises(ConfigError, match="there is no folder"):
        Store.open(tmp_path / "no" / "s", FACTS, resume=False)
    assert contents(tmp_path) == ["dangling", "file", "folder"]


def test_where_files_cannot_be_linked_a_store_is_begun_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", no_links)
    store_of(tmp_path / "s", 2)
    with Store.open(tmp_path / "s", FACTS, resume=True) as store:
        assert store.count == 2
    assert contents(tmp_path) == ["s"]


def test_files_that_are_no_store_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "absent", ConfigError, "no such file", "--resume")
    refused(tmp_path, ConfigError, "is a folder")
    (tmp_path / "text").write_text("a search, honestly\n" * 99, encoding="ascii")
    refused(tmp_path / "text", InputError, "not a store of a search")
    (tmp_path / "empty").touch()
    refused(tmp_path / "empty", InputError, "not a store of a search")
    there = sqlite3.connect(tmp_path / "foreign")
    there.execute("CREATE TABLE music (title TEXT)")
    there.close()
    refused(tmp_path / "foreign", InputError, "not a store of a search")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    refused(tmp_path / "huge", InputError, "256 MiB")


@pytest.mark.parametrize(
    ("statement", "kind", "said"),
    [
        ("UPDATE search SET format = 2", ConfigError, "format 2"),
        ("UPDATE search SET format = 'x'", InputError, "facts are missing"),
        ("UPDATE search SET facts = '[['", InputError, "facts cannot be read"),
        ("UPDATE search SET facts = 7", InputError, "facts cannot be read"),
        ("UPDATE search SET facts = x'7b7d'", InputError, "facts are missing"),
        ("DELETE FROM search", InputError, "facts are missing"),
        ("CREATE VIEW v AS SELECT 1", InputError, "tables"),
        ("CREATE TRIGGER t AFTER INSERT ON evaluations BEGIN SELECT 1; END", InputError, "tables"),
        ("ALTER TABLE evaluations ADD COLUMN more TEXT", InputError, "tables"),
        ("DROP TABLE evaluations", InputError, "tables"),
        ("UPDATE evaluations SET point = '[0.5]'", InputError, "evaluation 0: the checksum"),
        ("UPDATE evaluations SET violation = '0.5' WHERE number = 1", InputError, "evaluation 1"),
        ("UPDATE evaluations SET candidate = 'x'", InputError, "candidate is no number"),
        ("UPDATE evaluations SET seconds = 'x'", InputError, "seconds is no number"),
        ("UPDATE evaluations SET error = x'00'", InputError, "error is no text"),
        ("UPDATE evaluations SET error = hex(zeroblob(9999999))", InputError, "error is no text"),
    ],
)
def test_a_store_that_was_tampered_with_is_refused(
    tmp_path: Path, statement: str, kind: type[DepthError], said: str
) -> None:
    path = store_of(tmp_path / "s", 2)
    there = sqlite3.connect(path)
    there.execute(statement)
    there.commit()
    there.close()
    refused(path, kind, said)


def test_a_torn_store_is_refused(tmp_path: Path) -> None:
    whole = store_of(tmp_path / "s", 20).read_bytes()
    for length in range(100, len(whole), 700):
        (tmp_path / "torn").write_bytes(whole[:length])
        refused(tmp_path / "torn", InputError)


def test_damage_never_changes_what_is_read(tmp_path: Path) -> None:
    """Bytes are overwritten all over the file: a line, or the same evaluations as before."""
    whole = store_of(tmp_path / "s", 8).read_bytes()
    rng = np.random.default_rng(1)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] = int(rng.integers(256))
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        try:
            store = Store.open(path, FACTS, resume=True)
        except DepthError as error:
            assert "\n" not in str(error)
            refusals += 1
            continue
        for k in range(store.count):
            found = store.get(k)
            assert found is not None and bits(*found)[:-1] == bits(*evaluation(k))[:-1]
        store.close()
    assert refusals > 0


def test_another_process_is_refused_while_one_has_the_store(tmp_path: Path) -> None:
    path = tmp_path / "s"
    program = (
        "import sys; from tests.unit.test_search_store import *;"
        "store = Store.open(sys.argv[1], FACTS, resume=False);"
        "print('open', flush=True); sys.stdin.read(); store.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        refused(path, InputError, "another process is using it")
        other.communicate("")
    with Store.open(path, FACTS, resume=True) as store:
        store.append(*evaluation(0))
        refused(path, InputError, "another process is using it")
        store.append(*evaluation(1))


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", FACTS, resume=False) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")  # as if the disk ended there
        with pytest.raises(InputError, match="full"):
            for k in range(99):
                store.append(*evaluation(k))
        count = store.count
        found = store.get(count - 1)
        assert store.get(count) is None and found is not None and found[0].number == count - 1
