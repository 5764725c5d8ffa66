"""The one door to Lava: every Lava name the project uses is taken from here, when it is needed.

``import loihi`` works without Lava. The first access to a Lava name imports Lava, or says in one
line what to install. Lava finds the models of a process by comparing class objects, so names that
pass through this module are the same to it.
"""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from depth_snn.errors import MissingDependency

LAVA_PYTHON = (3, 10)
"""The only Python that lava-nc 0.10.0, the last release, works on with its dependencies."""

INSTALL = "install it in a clone with `pip install '.[lava]'` under Python 3.10"

_HOMES = {
    "AbstractProcess": "lava.magma.core.process.process",
    "Var": "lava.magma.core.process.variable",
    "InPort": "lava.magma.core.process.ports.ports",
    "OutPort": "lava.magma.core.process.ports.ports",
    "PyInPort": "lava.magma.core.model.py.ports",
    "PyOutPort": "lava.magma.core.model.py.ports",
    "LavaPyType": "lava.magma.core.model.py.type",
    "AbstractSubProcessModel": "lava.magma.core.model.sub.model",
    "PyLoihiProcessModel": "lava.magma.core.model.py.model",
    "LoihiProtocol": "lava.magma.core.sync.protocols.loihi_protocol",
    "CPU": "lava.magma.core.resources",
    "implements": "lava.magma.core.decorator",
    "requires": "lava.magma.core.decorator",
    "tag": "lava.magma.core.decorator",
    "RunSteps": "lava.magma.core.run_conditions",
    "Loihi2SimCfg": "lava.magma.core.run_configs",
    "ProcGroupDiGraphs": "lava.magma.compiler.compiler_graphs",
    "MGMT_RESPONSE": "lava.magma.runtime.mgmt_token_enums",
    "enum_equal": "lava.magma.runtime.mgmt_token_enums",
    "Dense": "lava.proc.dense.process",
    "Sparse": "lava.proc.sparse.process",
    "LIF": "lava.proc.lif.process",
    "LIFReset": "lava.proc.lif.process",
    "Delta": "lava.proc.sdn.process",
    "SigmaDelta": "lava.proc.sdn.process",
    "SignMode": "lava.utils.weightutils",
}
"""Where each name lives in lava-nc 0.10.0."""


def lava_available() -> tuple[bool, str]:
    """Whether Lava can be used here, without importing it.

    Returns:
        True and the version of lava-nc, or False and one line that says what is missing.
    """
    if sys.version_info[:2] != LAVA_PYTHON:
        here = ".".join(str(n) for n in sys.version_info[:2])
        return False, f"Lava needs Python 3.10, this is {here}; {INSTALL}"
    if find_spec("lava") is None or find_spec("lava.magma") is None:
        return False, f"Lava (lava-nc 0.10.0) is not installed; {INSTALL}"
    try:
        version = metadata.version("lava-nc")
        numpy_version = metadata.version("numpy")
    except metadata.PackageNotFoundError as error:
        return False, f"Lava is present but package {error.name} has no metadata; {INSTALL}"
    if int(numpy_version.split(".")[0]) >= 2:
        return False, f"Lava needs numpy < 2, found {numpy_version}; {INSTALL}"
    return True, version


def require_lava() -> str:
    """Version of lava-nc.

    Raises:
        MissingDependency: if Lava cannot be used here.
    """
    ok, answer = lava_available()
    if not ok:
        raise MissingDependency(answer)
    return answer


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'loihi.shim' has no name {name!r}")
    require_lava()
    try:
        value = getattr(importlib.import_module(home), name)
    except ImportError as error:
        raise MissingDependency(f"Lava cannot be imported ({error}); {INSTALL}") from error
    globals()[name] = value
    return value
