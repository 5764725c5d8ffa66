"""Checks the bundle beside this file: same inputs, same integers? See README.txt.

python run_bundle.py --engine lava      on this machine's CPU, by Lava
python run_bundle.py --engine loihi2    on a Loihi 2, where Intel's lava-loihi is installed

Exit status: 0 all values equal, 2 some differ, 1 an error. The answer is kept in results.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Hand the bundle to the installed depth-snn."""
    # A file in the bundle's folder must not stand in for a package of the same name.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    try:
        from depth_snn.cli.main import main as depth_snn
    except ImportError as error:
        print(f"run_bundle.py: error: depth-snn is needed ({error}); {_install()}", file=sys.stderr)
        return 1
    return depth_snn(["verify", str(HERE), *sys.argv[1:]])


def _install() -> str:
    """What to install, as the manifest beside this file says."""
    try:
        made = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
        which = f"version {made['version']} (source commit {made['commit']})"
        python = made["constraints"]["python"]
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest.json cannot be read, so ask the sender which version"
    return (
        f"install {which} under Python {python}: in a clone of its source, "
        "pip install '.[lava]' -c constraints.txt"
    )


if __name__ == "__main__":
    raise SystemExit(main())
