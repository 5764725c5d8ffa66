"""The page that goes with a bundle, for somebody who has never seen this project."""

from __future__ import annotations

from typing import Any

from sims.bundle.manifest import MANIFEST, RUNNER, Manifest

_TEXT = """\
DEPTH-SNN bundle: graph {graph!r}, {frames} frames

These files let you check, in one command, that a network of integers gives on your machine or your
Loihi 2 exactly the integers that our simulator gave.

  1. Have Python {python} and depth-snn {version} (source commit {commit}).
     In a clone of its source at that commit:   pip install '.[lava]' -c constraints.txt
     For a Loihi 2 you also need Intel's lava-loihi extension in the same environment.
  2. On a CPU with Lava:     python {runner} --engine lava
     On a Loihi 2 by SLURM:  python {runner} --engine loihi2 --partition NAME   (or --board NAME)
     Over Ethernet:          python {runner} --engine loihi2 --host-ip ADDRESS
     Without Lava:           python {runner} --engine fast
  3. Send back results.json, whatever it says. It holds how many integers differ and where the first
     does, versions, times, and what a chip reported of itself; no host names, no addresses.

Exit status: 0 all values equal, 2 some differ, 1 an error that is said in one line.

The expected values of {ports} ports come from the {engine} simulator. {manifest} holds the
SHA-256 of every file; they are checked first. Packed with:
{constraints}.
"""


def readme(**facts: Any) -> str:
    """Text of ``README.txt`` for a bundle with these fields of a :class:`Manifest`."""
    made = Manifest(**facts)
    constraints = ", ".join(f"{k} {v}" for k, v in sorted(made.constraints.items()))
    return _TEXT.format(
        graph=made.graph,
        frames=made.frames,
        python=made.constraints["python"],
        version=made.version,
        commit=made.commit,
        runner=RUNNER,
        ports=len(made.ports),
        engine=made.engine,
        manifest=MANIFEST,
        constraints=constraints,
    )
