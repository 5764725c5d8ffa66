"""Import modules one after the other and say what came of it, one line of JSON per module.

`depth-snn doctor` runs this as a child process, so that a package that crashes while it is imported
takes the child with it and not the report.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable


def probe(module: str) -> str:
    """Import one module.

    Args:
        module: Its dotted name.

    Returns:
        An empty text, or the failure on one line.
    """
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever a foreign package raises is the finding
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""


def decoders() -> list[str]:
    """The common video formats that this machine's FFmpeg libraries can read."""
    import av.codec

    known = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg")
    return [name for name in known if name in av.codec.codecs_available]


def lava() -> str:
    """Lava imported through the one door to it.

    Returns:
        An empty text, or the failure on one line.
    """
    shim = importlib.import_module("loihi.shim")
    try:
        shim.require_lava()
        _ = shim.LIF
    except Exception as error:  # whatever a foreign package raises is the finding
        return " ".join(str(error).split())
    return ""


FACTS: dict[str, tuple[str, Callable[[], object]]] = {
    "decoders": ("av", decoders),
    "lava": ("loihi.shim", lava),
}
"""Facts to ask for once a module has been imported: name → (module, question)."""


def main(modules: list[str]) -> None:
    """Probe modules and print what was found.

    Args:
        modules: Their dotted names.
    """
    for module in modules:
        failure = probe(module)
        _say({"module": module, "failure": failure})
        if failure:
            continue
        for fact, (needs, ask) in FACTS.items():
            if needs == module:
                _say({"fact": fact, "value": ask()})


def _say(row: dict[str, object]) -> None:
    # Foreign packages print while they are imported; the mark tells our lines from theirs.
    print("\nprobe:" + json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
