"""`depth-snn eval`: accuracy and compute over labelled clips."""

from __future__ import annotations

import argparse

from depth_snn.cli.common import add_figures_option, add_policy_options, policy_changes, positive
from depth_snn.errors import ExitCode, InputError

NAME = "eval"
HELP = "measure accuracy and compute of a network on labelled frames"
EXAMPLE = """examples:
  depth-snn eval --network street --scenes street,driving --seeds 3
  depth-snn eval --network street --scenes street --tau-px 0 --tau-stale 0    the dense network"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--scenes", default="street,driving", metavar="LIST",
                        help="built-in scenes, separated by commas (default street,driving)")  # fmt: skip
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="clips of each (default 3)")
    parser.add_argument("--first-seed", type=int, default=100, metavar="N", help="seed of the first clip")
    parser.add_argument("--frames", type=positive, default=40, metavar="N", help="frames of each clip")
    add_policy_options(parser)
    add_figures_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run every clip through the chain and print one row for each scene."""
    import numpy as np

    from depth_snn.cli.chain.loop import Chain, run_chain
    from depth_snn.cli.chain.record import quality_of, timing_of
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.data.frames import open_frames

    setup = prepare(args.network, load_policy(args.policy, **policy_changes(args)))
    size = {"height": setup.config.height, "width": setup.config.width}
    dense_macs = setup.dense_prices.dense_macs()
    header = ("scene", "clips", "MACs %", "dense", "pruned", "integer", "pedestrian", "vehicle", "speed-up")
    print(f"{header[0]:18}" + " ".join(f"{h:>10}" for h in header[1:]))
    for name in [n for n in args.scenes.split(",") if n]:
        rows = []
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            source = open_frames(f"scene:{name}", limit=args.frames, seed=seed, **size)
            out = run_chain(Chain(setup, keep_inputs=0), source, args.frames)
            quality, timing = quality_of(out, []), timing_of(out)
            work = np.mean([sum(m.values()) for m in out.macs[1:]]) / dense_macs
            keys = ("miou_dense", "miou_pruned", "miou_integer", "iou_pedestrian_pruned",
                    "iou_vehicle_pruned")  # fmt: skip
            rows.append([work, *(quality.get(k, np.nan) for k in keys),
                         timing["dense_sdpa"] / timing["pruned_end_to_end"] / 100])  # fmt: skip
        if not rows:
            raise InputError("no clips: give at least one scene")
        means = 100 * np.nanmean(np.array(rows), 0)
        print(f"{name:18}{len(rows):10d} " + " ".join(f"{m:10.2f}" for m in means))
    print("mIoU and IoU in %, pruned columns with recovery; speed-up is dense SDPA over pruned, end to end")
    return ExitCode.OK
