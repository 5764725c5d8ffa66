"""`depth-snn scene`: built-in streets as video with their ground truth, and as pictures."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from depth_snn.cli.common import check_folder_target, count, positive
from depth_snn.errors import ExitCode, InputError

NAME = "scene"
HELP = "write built-in street scenes as video with exact ground truth"
EXAMPLE = """\
examples:
  depth-snn scene list
  depth-snn scene render driving-rain --seed 3 --frames 60 --out out/rain
  depth-snn scene render standing-cut --assets heldout --size 192x384 --out out/cut
  depth-snn scene sheet --out out/sheets           a picture of every domain
  depth-snn scene sheet fog night --out out/sheets

What each file holds: docs/scenes.md."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="names of the scenes")
    render = actions.add_parser("render", help="video, labels, flow, occlusion, camera, events")
    render.add_argument("scene", metavar="NAME", help="a name that `depth-snn scene list` prints")
    render.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the files"
    )
    render.add_argument(
        "--frames", type=positive, default=60, metavar="N", help="length (default 60)"
    )
    render.add_argument(
        "--assets", choices=("known", "heldout"), default="known",
        help="heldout: shapes, textures and palettes kept for tests (default known)",
    )  # fmt: skip
    sheet = actions.add_parser("sheet", help="picture, labels and flow of each domain side by side")
    sheet.add_argument("names", nargs="*", metavar="NAME", help="domains (default all)")
    sheet.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the pictures"
    )
    for action in (render, sheet):
        action.add_argument(
            "--seed", type=count, default=0, metavar="N", help="which street (default 0)"
        )
        action.add_argument(
            "--size", type=size, default=(128, 256), metavar="HxW",
            help="rows and columns of a frame (default 128x256)",
        )  # fmt: skip


def size(text: str) -> tuple[int, int]:
    """Rows and columns, at least 16 of each, for argparse."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isdecimal() and 16 <= int(p) <= 4096 for p in parts):
        raise argparse.ArgumentTypeError(
            f"expected ROWSxCOLUMNS from 16x16 to 4096x4096, such as 128x256, got {text!r}"
        )
    return int(parts[0]), int(parts[1])


def run(args: argparse.Namespace) -> int:
    """Lists, renders, or draws sheets."""
    if args.action == "list":
        return _list()
    check_folder_target("--out", args.out)
    return _render(args) if args.action == "render" else _sheet(args)


def _list() -> int:
    from depth_snn.data.scene import SCENES

    for name, spec in SCENES.items():
        notes = [f"{spec.camera} camera", spec.domain.replace("_", " ")]
        notes += ["quick shake"] if spec.shake else []
        notes += ["heavy traffic"] if spec.traffic > 1 else []
        notes += ["hard cut half way"] if spec.cut else []
        print(f"{name:18} {', '.join(notes)}")
    return ExitCode.OK


def _render(args: argparse.Namespace) -> int:
    from depth_snn.cli.progress import Progress
    from depth_snn.data.scene import SCENES
    from depth_snn.data.scene.export import check_target, export_scene

    name = args.scene.removeprefix("scene:")
    if name not in SCENES:
        raise InputError(f"{args.scene}: unknown scene; use one of {', '.join(SCENES)}")
    spec = SCENES[name]
    if spec.cut and args.frames < 2:
        raise InputError(f"--frames {args.frames}: a scene with a cut needs at least 2")
    check_target(args.out)
    height, width = args.size
    scene = spec.build(
        args.seed, height=height, width=width, frames=args.frames, assets=args.assets
    )
    progress = Progress("frames", args.frames)
    facts = {"name": name, "seed": args.seed, "assets": args.assets, **asdict(spec)}
    export_scene(scene, args.out, facts, progress.update)
    progress.finish()
    for event in scene.events:
        span = f"frames {event.first_frame} to {event.last_frame}"
        print(f"{event.kind}: {span}, box {event.box}")
    print(f"wrote {args.out}: {args.frames} frames of {name}, {height}x{width}")
    return ExitCode.OK


def _sheet(args: argparse.Namespace) -> int:
    import cv2

    from depth_snn.cli.progress import Progress
    from depth_snn.data.scene.sheet import SHEETS, make_sheet

    names = args.names or list(SHEETS)
    for name in names:
        if name not in SHEETS:
            raise InputError(f"{name}: unknown domain; use one of {', '.join(SHEETS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    # Full colour resolution: the edges of labels stay sharp.
    sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    how = [cv2.IMWRITE_JPEG_QUALITY, 84, *sampling]
    progress = Progress("sheets", len(names))
    for done, name in enumerate(names, 1):
        picture = cv2.cvtColor(make_sheet(name, args.size, args.seed), cv2.COLOR_RGB2BGR)
        data = cv2.imencode(".jpg", picture, how)[1]
        part = args.out / f".{name}.{os.getpid()}.tmp"
        part.write_bytes(data.tobytes())
        os.replace(part, args.out / f"{name}.jpg")
        progress.update(done)
    progress.finish()
    print(f"wrote {len(names)} pictures to {args.out}")
    return ExitCode.OK
