"""Environments of the peers: one virtual environment each, made when it is first needed.

They stand in ``$DEPTH_CACHE/peers``, or ``.cache/peers`` of the repository, one folder for each
list of pins in ``benchmarks/peers/*.txt``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from depth_snn.errors import MissingDependency

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).resolve().parent / "peers"
INSTALL_DEADLINE_S = 1800
OWN = "own"
"""The environment this project runs in."""
STAMP = ".ready"
SLOTS = Path("bin", "python") if os.name != "nt" else Path("Scripts", "python.exe")


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is installed first where it is not there.

    Args:
        name: ``OWN``, or the name of a file of pins.

    Returns:
        Its Python.

    Raises:
        MissingDependency: It cannot be installed here; the reason in one line.
    """
    if name == OWN:
        return Path(sys.executable)
    pins = (PEERS / f"{name}.txt").read_text(encoding="utf-8")
    wanted = hashlib.sha256(f"{pins}{sys.version}".encode()).hexdigest()
    folder = cache_folder() / name
    stamp = folder / STAMP
    stale = not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted
    if stale or not (folder / SLOTS).exists():  # its Python may have gone with another folder
        print(f"installing {name} into {folder} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _install(name, folder)
        stamp.write_text(wanted, encoding="utf-8")
    return folder / SLOTS


def cache_folder() -> Path:
    """Where the environments stand."""
    base = os.environ.get("DEPTH_CACHE")
    return (Path(base) if base else ROOT / ".cache") / "peers"


def _install(name: str, folder: Path) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    pins = str(PEERS / f"{name}.txt")
    python = str(folder / SLOTS)
    # Not the Python of the project's own environment, which may be deleted before this one.
    base = getattr(sys, "_base_executable", sys.executable)
    if uv is not None:
        _run(name, [uv, "venv", "--quiet", "--python", base, str(folder)])
        _run(name, [uv, "pip", "install", "--quiet", "--python", python, "-r", pins])
    else:
        _run(name, [base, "-m", "venv", str(folder)])
        _run(name, [python, "-m", "pip", "install", "--quiet", "-r", pins])


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependency(f"environment {name}: {error}") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit {done.returncode}"
        raise MissingDependency(f"environment {name} does not install: {said[:300]}")
