"""Whether a Loihi 2 can be used from here, found out without importing what would crash."""

from __future__ import annotations

from importlib.util import find_spec

from depth_snn.errors import MissingDependency

NEEDED = (
    "running on a Loihi 2 needs Intel's lava-loihi extension, which is given to INRC members only "
    "and is not installed here; use --engine fast, --engine reference or --engine lava"
)


def hardware_available() -> tuple[bool, str]:
    """Whether the closed lava-loihi extension is installed.

    Lava without it fails late and unclearly: ``Loihi2HwCfg`` with a NameError,
    ``slurm.is_available`` with a FileNotFoundError, the profiler with a NotImplementedError. Lava
    itself recognises the extension by this one module.

    Returns:
        True and where it was found, or False and one line that says what is missing.
    """
    try:
        spec = find_spec("lava.utils.loihi2_profiler")
    except ImportError:
        spec = None
    if spec is None:
        return False, NEEDED
    return True, str(spec.origin)


def require_hardware() -> None:
    """Refuse clearly where no Loihi 2 can be used.

    Raises:
        MissingDependency: if lava-loihi is absent.
    """
    ok, answer = hardware_available()
    if not ok:
        raise MissingDependency(answer)
