"""Which model computes which process; Lava is asked once for each class of process."""

from __future__ import annotations

from typing import Any

from loihi import shim


class Models(dict[Any, Any]):
    """Models by process, for Lava's run configuration.

    What is put in is for that one process. Every other process, those inside of blocks too, gets
    the model that Lava itself finds and selects for its class. Left alone Lava would execute every
    file beside the class again for each process of it.

    Args:
        select_sub_proc_model: Whether a block is made of processes where it can be.
    """

    def __init__(self, *, select_sub_proc_model: bool) -> None:
        super().__init__()
        self._cfg = shim.Loihi2SimCfg(
            select_tag="fixed_pt", select_sub_proc_model=select_sub_proc_model
        )
        self._by_class: dict[Any, Any] = {}
        self._left: list[Any] = []

    def leave(self, process: Any) -> None:
        """Let the run configuration itself choose the model of a process: that of a neurocore."""
        self._left.append(process)

    def __bool__(self) -> bool:
        """Lava replaces a map that is empty, and this one has an answer from the start."""
        return True

    def __contains__(self, process: object) -> bool:
        left = any(process is other for other in self._left)
        return isinstance(process, shim.AbstractProcess) and not left

    def __missing__(self, process: Any) -> Any:
        kind = type(process)
        if kind not in self._by_class:
            found = shim.ProcGroupDiGraphs._find_proc_models(process)
            self._by_class[kind] = self._cfg.select(process, found)
        return self._by_class[kind]
