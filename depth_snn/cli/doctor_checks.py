"""What `depth-snn doctor` looks at; each check says what to do when its thing is not there."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import depth_snn
from depth_snn.machine import memory_gib, usable_cores

PROBE_DEADLINE_S = 60.0
"""A cold start of torch from a slow disk stays under this; a hang does not."""

_LAVA_NEEDS = "on Python 3.10: pip install lava-nc==0.10.0 lava-dl==0.6.0 'setuptools<75'"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found.

    Attributes:
        name: What was looked at.
        status: "ok", "missing" (not there), "broken" (there and not working) or "note".
        core: Whether `depth-snn run` cannot work without it.
        detail: What was found.
        remedy: What to do about it; empty where nothing is to be done.
    """

    name: str
    status: str
    core: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Package:
    """A package the project uses: its name at the registry, its module, and what it is for."""

    distribution: str
    module: str
    purpose: str
    extra: str = ""


CORE = (
    Package("numpy", "numpy", "arrays"),
    Package("h5py", "h5py", "graph files"),
    Package("torch", "torch", "networks"),
    Package("safetensors", "safetensors", "weights"),
    Package("opencv-python-headless", "cv2", "motion and images"),
    Package("av", "av", "video files"),
    Package("pillow", "PIL", "labelled data sets"),
    Package("numba", "numba", "the fast simulator"),
    Package("scipy", "scipy", "matrix products"),
    Package("threadpoolctl", "threadpoolctl", "threads of matrix products"),
    Package("matplotlib", "matplotlib", "pictures"),
    Package("jinja2", "jinja2", "reports"),
    *((Package("tomli", "tomli", "budget files"),) if sys.version_info < (3, 11) else ()),
)
"""Without one of these `depth-snn run` does not work."""

OPTIONAL = (
    Package("snntorch", "snntorch", "the recovery neuron in snntorch", "snn"),
    Package("norse", "norse.torch", "the recovery neuron in norse", "snn"),
    Package("nir", "nir", "networks of other tools (import, export)", "nir"),
    Package("nirtorch", "nirtorch", "networks of other tools in torch", "nir"),
    Package("timm", "timm", "converting timm's vision transformers", "train"),
    Package("cma", "cma", "searching policies with CMA-ES", "search"),
    Package("comocma", "comocma", "searching policies with COMO-CMA", "search"),
    Package("deap", "deap", "searching policies with MO-CMA-ES", "search"),
    Package("pymoo", "pymoo", "searching policies with NSGA-II", "search"),
    Package("moocore", "moocore", "hypervolumes of searches", "search"),
    Package("dask", "dask", "searching on several machines", "search"),
    Package("distributed", "distributed", "searching on several machines", "search"),
)
"""Without these everything else works."""


def examine() -> list[Finding]:
    """Make every check.

    Returns:
        The findings, the core's first.
    """
    modules = [package.module for package in (*CORE, *OPTIONAL)] + ["loihi.shim"]
    failures, facts = _probe(modules)
    findings = [check_python()]
    findings += [check_package(package, failures) for package in CORE]
    findings += [check_decoders(facts.get("decoders")), check_weights(), check_machine()]
    findings += [check_package(package, failures) for package in OPTIONAL]
    findings += [check_lava(facts.get("lava")), check_lava_dl()]
    return [*findings, check_loihi()]


def check_python() -> Finding:
    """The interpreter: the core takes 3.10 and later, Lava 3.10 alone."""
    version = platform.python_version()
    lava = "" if sys.version_info < (3, 11) else "; Lava itself needs 3.10"
    return Finding(name="python", status="ok", core=True, detail=version + lava)


def check_package(package: Package, failures: dict[str, str]) -> Finding:
    """One package: installed, and importable.

    Args:
        package: The package.
        failures: What the probe found, by module; an absent module was never reached.

    Returns:
        The finding.
    """
    core = not package.extra
    name = package.distribution
    remedy = f"pip install {package.distribution}"
    version = installed_version(package.distribution)
    if version is None:
        detail = f"not installed; needed for {package.purpose}"
        return Finding(name=name, status="missing", core=core, detail=detail, remedy=remedy)
    failure = failures.get(package.module, "the import crashed or took too long")
    if failure:
        remedy = f"{remedy} --force-reinstall"
        detail = f"{version} cannot be imported: {failure}"
        return Finding(name=name, status="broken", core=core, detail=detail, remedy=remedy)
    return Finding(name=name, status="ok", core=core, detail=f"{version}, for {package.purpose}")


def check_decoders(found: object) -> Finding:
    """The video formats FFmpeg reads here; H.264 is the one nearly every clip has."""
    names = [str(name) for name in found] if isinstance(found, list) else []
    detail = ", ".join(names) or "none"
    if "h264" in names:
        return Finding(name="video decoders", status="ok", core=False, detail=detail)
    remedy = "pip install --force-reinstall av, or give a folder of frames instead of a video"
    return Finding(
        name="video decoders", status="missing", core=False, detail=detail, remedy=remedy
    )


def check_weights() -> Finding:
    """The weights that ship with the package."""
    folder = Path(depth_snn.__file__).parent / "weights"
    files = sorted(folder.glob("*.safetensors"))
    if files:
        detail = ", ".join(f"{file.stem} ({file.stat().st_size / 2**20:.1f} MiB)" for file in files)
        return Finding(name="weights", status="ok", core=True, detail=detail)
    remedy = "reinstall the package, or train a network: depth-snn train --help"
    detail = "no shipped weights found"
    return Finding(name="weights", status="missing", core=True, detail=detail, remedy=remedy)


def check_machine() -> Finding:
    """Cores and memory; a run stays below 8 GiB, most of which the reference witness takes."""
    memory = memory_gib()
    size = "memory unknown" if memory is None else f"{memory:.1f} GiB of memory"
    detail = f"{usable_cores()} cores, {size}, {platform.machine()}, {platform.system()}"
    if memory is not None and memory < 8:
        remedy = "give `depth-snn run` --witness-frames 0: it then stays below 2 GiB"
        return Finding(name="machine", status="note", core=False, detail=detail, remedy=remedy)
    return Finding(name="machine", status="ok", core=False, detail=detail)


def check_lava(failure: object) -> Finding:
    """Lava: the third witness, on Python 3.10 only.

    Args:
        failure: What the probe found: an empty text when Lava was imported, None when it crashed.

    Returns:
        The finding.
    """
    name = "lava-nc"
    version = installed_version(name)
    if version is None:
        detail = "not installed; `simulate --engine lava` will not work, all else does"
        return Finding(name=name, status="missing", core=False, detail=detail, remedy=_LAVA_NEEDS)
    if failure != "":
        detail = f"{version} does not work: {failure or 'the import crashed or took too long'}"
        return Finding(name=name, status="broken", core=False, detail=detail, remedy=_LAVA_NEEDS)
    return Finding(name=name, status="ok", core=False, detail=f"{version}, the engine `lava`")


def check_lava_dl() -> Finding:
    """lava-dl by its version alone: importing it takes many seconds."""
    name = "lava-dl"
    version = installed_version(name)
    if version is None:
        detail = "not installed; its network files cannot be compared with"
        return Finding(name=name, status="missing", core=False, detail=detail, remedy=_LAVA_NEEDS)
    tools = installed_version("setuptools")
    major = re.match(r"\d+", tools or "")
    if major is None or int(major[0]) >= 75:
        detail = f"{version} does not import with setuptools {tools}"
        remedy = "pip install 'setuptools<75'"
        return Finding(name=name, status="broken", core=False, detail=detail, remedy=remedy)
    return Finding(name=name, status="ok", core=False, detail=f"{version}, setuptools {tools}")


def check_loihi() -> Finding:
    """A Loihi board: needs an extension of Lava that its maker gives to research members only."""
    from loihi.hardware import hardware_available

    name = "Loihi hardware"
    here, answer = hardware_available()
    if here:
        detail = f"lava-loihi is installed ({answer}); no board was contacted"
        return Finding(name=name, status="note", core=False, detail=detail)
    detail = "not here; energy on the chip is modelled, never measured"
    return Finding(name=name, status="missing", core=False, detail=detail, remedy=answer)


def installed_version(distribution: str) -> str | None:
    """The version of an installed package.

    Args:
        distribution: Its name at the registry.

    Returns:
        The version, or None when it is not installed.
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _probe(modules: list[str]) -> tuple[dict[str, str], dict[str, object]]:
    words = [sys.executable, "-m", "depth_snn.cli.import_probe", *modules]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=PROBE_DEADLINE_S, check=False
        )
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        # Python gives bytes here even where text was asked for.
        output = bytes(late.stdout or b"").decode(errors="replace")
    return read_probe(output)


def read_probe(output: str) -> tuple[dict[str, str], dict[str, object]]:
    """Read what the probe printed among whatever the packages printed.

    Args:
        output: Its standard output, possibly cut short.

    Returns:
        Failures by module (an empty text: imported), and facts by name.
    """
    failures: dict[str, str] = {}
    facts: dict[str, object] = {}
    for line in output.splitlines():
        if not line.startswith("probe:"):
            continue
        row = json.loads(line.removeprefix("probe:"))
        if "module" in row:
            failures[row["module"]] = row["failure"]
        else:
            facts[row["fact"]] = row["value"]
    return failures, facts
