"""`depth-snn figures`: measure, merge and render the figures the documents state."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from depth_snn.errors import ExitCode, FigureError
from depth_snn.figure_tables import FigureBook, render_document
from depth_snn.figures import (
    load_figures,
    load_meanings,
    merge_figures,
    write_measurement,
    write_text,
)

NAME = "figures"
HELP = "merge measured figures and render them into the documents"
EXAMPLE = """\
examples:
  depth-snn figures measure --into docs/figures.json
  depth-snn figures measure --kind bench   (the benchmarks against peers)
  depth-snn figures merge run.json --into docs/figures.json
  depth-snn figures render README.md docs/*.md
  depth-snn figures render --check README.md docs/*.md   (exit 1 when one is stale)"""

_INTO = Path("docs/figures.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's options.

    Args:
        parser: The command's parser.
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    merge = actions.add_parser("merge", help="put measured figures into the figures file")
    merge.add_argument("files", nargs="+", type=Path, metavar="FILE", help="written by --json")
    measure = actions.add_parser("measure", help="run benchmarks/measure_*.py, then merge")
    measure.add_argument("--benchmarks", type=Path, default=Path("benchmarks"), metavar="DIR")
    kinds = ("measure", "bench")
    measure.add_argument("--kind", choices=kinds, default="measure", help="scripts <kind>_*.py")
    measure.add_argument("--only", metavar="TEXT", help="only scripts whose name contains TEXT")
    for action in (merge, measure):
        action.add_argument("--into", type=Path, default=_INTO, metavar="FILE", help=f"[{_INTO}]")
    render = actions.add_parser("render", help="write the figures between a document's markers")
    render.add_argument("documents", nargs="+", type=Path, metavar="DOCUMENT")
    render.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    render.add_argument("--figures", type=Path, default=_INTO, metavar="FILE", help=f"[{_INTO}]")


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Args:
        args: The parsed options.

    Returns:
        0, or 1 when `render --check` found a stale document.

    Raises:
        FigureError: A file, a figure or a marker is wrong.
    """
    if args.action == "merge":
        return merge(args.files, args.into)
    if args.action == "measure":
        return measure(args.benchmarks, args.only, args.into, kind=args.kind)
    return render(args.documents, args.figures, check=args.check)


def merge(files: list[Path], into: Path) -> int:
    """Put measured figures into the figures file.

    Args:
        files: What measuring commands wrote.
        into: The figures file; the lines of meaning stand in the `.md` beside it.

    Returns:
        0.

    Raises:
        FigureError: A file is malformed, or a figure has no line of meaning.
    """
    meanings = load_meanings(into.with_suffix(".md"))
    newer = [(str(file), load_figures(file)) for file in files]
    for source, figures in newer:
        for name in figures:
            if name not in meanings:
                where = into.with_suffix(".md")
                raise FigureError(f"{source}: `{name}` has no line of meaning in {where}")
    base = load_figures(into) if into.exists() else {}
    merged = merge_figures(base, *newer)
    write_measurement(into, merged)
    for _, figures in newer:
        for name, figure in figures.items():
            print(f"{name}: {figure.text()}")
    return int(ExitCode.OK)


def measure(benchmarks: Path, only: str | None, into: Path, *, kind: str = "measure") -> int:
    """Run the measuring scripts and merge what they write.

    Args:
        benchmarks: The folder of the scripts.
        only: Run only scripts whose name contains this.
        into: The figures file.
        kind: Scripts `<kind>_*.py` are run.

    Returns:
        0.

    Raises:
        FigureError: There is no such script, or one failed.
    """
    scripts = sorted(p for p in benchmarks.glob(f"{kind}_*.py") if (only or "") in p.stem)
    if not scripts:
        raise FigureError(f"{benchmarks}: no script {kind}_*.py to run")
    with tempfile.TemporaryDirectory() as folder:
        files = [_measure_one(script, Path(folder)) for script in scripts]
        return merge(files, into)


def render(documents: list[Path], figures: Path, *, check: bool) -> int:
    """Write the figures between the markers of documents.

    Args:
        documents: Markdown files.
        figures: The figures file.
        check: Write nothing and report what is stale.

    Returns:
        0, or 1 when checking found a stale document.

    Raises:
        FigureError: A document cannot be read, or a marker is wrong.
    """
    book = FigureBook(load_figures(figures), load_meanings(figures.with_suffix(".md")))
    stale = []
    for document in documents:
        try:
            old = document.read_text(encoding="utf-8")
        except OSError as error:
            raise FigureError(f"{document}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise FigureError(f"{document}: not UTF-8 text (byte {error.start})") from error
        new = render_document(old, book, str(document))
        if new == old:
            continue
        stale.append(document)
        if not check:
            write_text(document, new)
    for document in stale:
        print(f"{document}: " + ("stale; run `make docs`" if check else "rendered"))
    return int(ExitCode.ERROR if check and stale else ExitCode.OK)


def _measure_one(script: Path, folder: Path) -> Path:
    out = folder / f"{script.stem}.json"
    print(f"measuring: {script} ...", flush=True)
    done = subprocess.run([sys.executable, str(script), "--json", str(out)], check=False)
    if done.returncode != 0 or not out.exists():
        raise FigureError(f"{script}: failed (exit {done.returncode}); run it by itself to see why")
    return out
