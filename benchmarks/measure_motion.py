"""Cost and accuracy of the motion sources at the size of the `small` network's picture.

Times are processor times on one thread, which are wall times where a core is free, taken side by
side: in every round each source runs once on the same pair of frames, and ratios are taken within
a round. The codec's vectors come from the scene encoded with MPEG-4. RAFT's time and work depend on
its shape alone, so random weights serve for them; how true its flow is needs trained ones (--raft),
and is printed, not written: the weights are not shipped.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import av
import cv2
import torch
from safetensors.torch import save_file

from depth_snn.config import NetworkConfig
from depth_snn.data.frames import Frame, open_frames
from depth_snn.figures import Figure, found_now, publish
from depth_snn.motion.raft import raft_network
from depth_snn.motion.sources import MotionSource, make_source
from depth_snn.training.flow import flow_errors
from depth_snn.training.recipe import load_recipe

COMMAND = "python benchmarks/measure_motion.py"
SOURCES = ("patch", "dis", "codec", "raft")
NAMES = (
    *(f"motion_{source}_macs" for source in SOURCES),
    *(f"motion_{source}_ms_ratio" for source in SOURCES),
    "motion_dis_ms", "flow_epe_dis_known", "flow_epe_dis_heldout", "flow_epe_zero_known",
    "flow_epe_zero_heldout",
)  # fmt: skip
SCENE = "scene:driving"
WARM_UP = 3


def encoded_clip(path: Path, config: NetworkConfig, frames: int) -> list[Frame]:
    """The scene as a video, decoded with its codec's motion vectors."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = config.width, config.height, "yuv420p"
        source = open_frames(SCENE, height=config.height, width=config.width, limit=frames)
        for frame in source:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.rgb, format="rgb24")))
        container.mux(stream.encode())
    return list(open_frames(str(path), height=config.height, width=config.width))


def make_sources(config: NetworkConfig, folder: Path) -> dict[str, MotionSource]:
    """Every source; RAFT with random weights."""
    weights = folder / "raft.safetensors"
    torch.manual_seed(0)
    save_file(raft_network().state_dict(), weights)
    specs = {name: f"raft:{weights}" if name == "raft" else name for name in SOURCES}
    return {name: make_source(spec, config) for name, spec in specs.items()}


def rounds(
    sources: dict[str, MotionSource], clip: list[Frame], count: int
) -> tuple[list[dict[str, float]], dict[str, int]]:
    """Milliseconds of every source in every round, and the most MACs each charged a frame."""
    out, macs = [], dict.fromkeys(sources, 0)
    usable = [i for i in range(1, len(clip)) if clip[i].vectors is not None]
    for index in range(count + WARM_UP):
        at = usable[index % len(usable)]
        before, now = clip[at - 1], clip[at]
        times = {}
        for name in list(sources)[:: 1 if index % 2 else -1]:
            start = time.process_time()
            motion = sources[name].measure(before.rgb, now.rgb, now.vectors)
            times[name] = 1e3 * (time.process_time() - start)
            macs[name] = max(macs[name], motion.macs)
        out.append(times)
    return out[WARM_UP:], macs


def cost_figures(config: NetworkConfig, count: int) -> dict[str, Figure]:
    """MACs, times relative to dense inverse search, and the time of that."""
    with tempfile.TemporaryDirectory() as name:
        clip = encoded_clip(Path(name) / "clip.mp4", config, 24)
        times, macs = rounds(make_sources(config, Path(name)), clip, count)
    found = {}
    for source in SOURCES:
        found[f"motion_{source}_macs"] = found_now(macs[source], unit="MACs", command=COMMAND)
        ratios = [t[source] / t["dis"] for t in times]
        found[f"motion_{source}_ms_ratio"] = found_now(
            statistics.median(ratios), unit="×", command=COMMAND, spread=_half_range(ratios)
        )
        print(f"{source:6} {statistics.median(t[source] for t in times):8.2f} ms")
    dis = [t["dis"] for t in times]
    found["motion_dis_ms"] = found_now(
        statistics.median(dis), unit="ms", command=COMMAND, spread=_half_range(dis)
    )
    return found


def _half_range(values: list[float]) -> float:
    """Half of the middle half's width: a busy machine stretches single rounds."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def error_figures(config: NetworkConfig, pairs: int, raft: Path | None) -> dict[str, Figure]:
    """Endpoint errors on unseen streets; other sources' than dis are printed only."""
    specs = ["dis", "patch", *([f"raft:{raft}"] if raft else [])]
    sources = {spec: make_source(spec, config) for spec in specs}
    found = {}
    for assets in ("known", "heldout"):
        errors = flow_errors(sources, config, pairs=pairs, assets=assets)
        print(
            f"{assets:8} " + ", ".join(f"{name} {error:.2f} px" for name, error in errors.items())
        )
        for name, key in (("dis", "dis"), ("none", "zero")):
            found[f"flow_epe_{key}_{assets}"] = found_now(errors[name], unit="px", command=COMMAND)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--rounds", type=int, default=30, help="timed rounds (default 30)")
    parser.add_argument("--pairs", type=int, default=48, help="pairs for the error (default 48)")
    parser.add_argument("--raft", type=Path, help="trained weights whose error to print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    config = load_recipe("small").network
    figures = cost_figures(config, options.rounds)
    figures |= error_figures(config, options.pairs, options.raft)
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
