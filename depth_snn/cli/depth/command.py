"""`depth-snn eval --protocol depth`: everything the project claims about pruning and recovery."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import check_file_target, check_folder_target, policy_changes
from depth_snn.cli.depth.energy_table import MODELLED, energy_figures, print_energy
from depth_snn.cli.depth.plots import plot_bursts, plot_curves, plot_extra
from depth_snn.cli.depth.protocol import (
    FIRST_SEED,
    GROUPS,
    RECOVERY,
    Results,
    camvid_clip,
    families,
    methods_of,
    run_curve,
    run_groups,
)
from depth_snn.cli.depth.score import seed_scores
from depth_snn.cli.depth.table import Value, figures_of, lag_curves, print_results, print_table
from depth_snn.cli.progress import Progress
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, ExitCode, InputError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.pruning.play import Player
from depth_snn.search.clips import scene_clip
from depth_snn.search.grid import STEPS

CURVE_SEEDS = 2
"""Seeds whose clips a curve is taken on."""
CAMVID = "camvid"


def run_depth(args: argparse.Namespace) -> int:
    """Run the protocol; print its tables, draw its pictures, write its figures."""
    from depth_snn.cli.chain.setup import load_policy
    from depth_snn.models.weights import find_network

    if args.frames < 2:
        raise ConfigError(
            f"--frames {args.frames}: the first frame is not measured; give 2 or more"
        )
    if args.out:
        check_folder_target("--out", args.out)
    check_file_target("--json", args.json)
    if args.data and not args.data.is_dir():  # before minutes are spent on the scenes
        raise InputError(f"--data {args.data}: no such folder; give that of CamVid")
    policy = load_policy(args.policy, args.network, **policy_changes(args))
    player = Player(find_network(args.network))
    progress = Progress("groups", args.seeds * len(GROUPS))
    results = run_groups(player, policy, args.seeds, args.frames, progress.update)
    progress.finish()
    found = figures_of(results)
    if args.curves:
        results.curves = _scene_curves(player, policy, args)
    if args.data:
        found |= _camvid(args, results)
    print_results(results)
    print_energy(results)
    _print_curves(results)
    if args.out:
        _draw(results, policy, args.out)
    command = f"depth-snn eval --protocol depth --network {args.network} --seeds {args.seeds}"
    if args.data:
        command += " --data DIR"
    figures = _as_figures(found, command, "measured")
    figures |= _as_figures(energy_figures(results), command, MODELLED)
    publish(figures, args.json)
    return ExitCode.OK


def _scene_curves(
    player: Player, policy: PolicyConfig, args: argparse.Namespace
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    config, curves = player.model.config, {}
    for group in ("static", "ego"):
        seeds = range(FIRST_SEED, FIRST_SEED + min(args.seeds, CURVE_SEEDS))
        clips = [scene_clip(s, k, args.frames, config) for k in seeds for s in GROUPS[group]]
        curves[group] = run_curve(player, families(policy, STEPS), clips)
    return curves


def _camvid(args: argparse.Namespace, results: Results) -> dict[str, Value]:
    """The val sequence with CamVid's own network and policy."""
    from depth_snn.cli.chain.setup import load_policy
    from depth_snn.models.weights import find_network

    player = Player(find_network(CAMVID))
    policy = load_policy(None, CAMVID)
    clip = camvid_clip(args.data, player.model.config)
    played = {m.name: player.play(clip.frames, m) for m in methods_of(policy)}
    results.groups[CAMVID] = {
        name: [seed_scores([p], [played["dense"]], [()])] for name, p in played.items()
    }
    results.curves[CAMVID] = run_curve(player, families(policy, STEPS), [clip])
    full = results.groups[CAMVID][RECOVERY][0]
    return {
        "camvid_mac_saving": (100 * (1 - full.work), "%", None),
        "camvid_miou_loss": (full.loss, "points", None),
        "camvid_speedup": (full.speedup, "", None),
    }


def _print_curves(results: Results) -> None:
    for group, families_ in results.curves.items():
        for name, points in families_.items():
            rows = [["", f"{100 * work:.1f}", f"{loss:.2f}"] for work, loss in sorted(points)]
            print_table([f"{group}, {name}", "MACs %", "mIoU lost"], rows)


def _draw(results: Results, policy: PolicyConfig, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = [plot_bursts(lag_curves(results), folder / "bursts.png")]
    made.append(plot_extra(results.trace, policy.gate.cap_percent, folder / "extra.png"))
    if results.curves:
        made.append(plot_curves(results.curves, folder / "curves.png"))
    for path in made:
        print(f"wrote {path}")


def _as_figures(found: dict[str, Value], command: str, kind: str) -> dict[str, Figure]:
    return {
        name: found_now(value, unit=unit, spread=spread, command=command, kind=kind)
        for name, (value, unit, spread) in found.items()
    }
