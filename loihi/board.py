"""Which Loihi 2 a network goes to, and telling Lava so before anything is compiled.

Names are those of ``lava.utils.loihi`` of lava-nc 0.10.0, which is open; what they do with a board
is not, and is listed in docs/hardware.md as not tried.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from depth_snn.errors import ConfigError, EngineError
from loihi import shim

GENERATIONS = ("N3B2", "N3B3", "N3C1", "N3D1")
"""Loihi 2 chips that lava-nc 0.10.0 knows."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


@dataclass(frozen=True)
class Board:
    """A board, by SLURM or by its address.

    Attributes:
        partition: SLURM partition to take a board from, or None.
        board: SLURM node name, or None; at most one of the two.
        host_ip: Address of a board's host on the network, instead of SLURM.
        generation: Of its chips.

    Raises:
        ConfigError: Two ways are named at once, or a name is none.
    """

    partition: str | None = None
    board: str | None = None
    host_ip: str | None = None
    generation: str = "N3B3"

    def __post_init__(self) -> None:
        """Check that one way to a board is named."""
        named = {k: v for k, v in asdict(self).items() if k != "generation" and v is not None}
        if len(named) > 1:
            options = ", ".join(f"--{key.replace('_', '-')}" for key in named)
            raise ConfigError(f"{options}: each names a board; give one of them")
        for key, value in named.items():
            if not _WORD.fullmatch(value):
                raise ConfigError(f"--{key.replace('_', '-')} {value!r}: not a name or address")
        if self.generation not in GENERATIONS:
            raise ConfigError(
                f"--chip {self.generation!r}: expected one of {', '.join(GENERATIONS)}"
            )

    def fields(self) -> dict[str, Any]:
        """As a JSON object; :class:`Board` takes it back."""
        return asdict(self)


def select_host(board: Board) -> None:
    """Tell Lava where the board is; before the network is compiled.

    Args:
        board: The board. Without partition, node or address SLURM chooses one.

    Raises:
        EngineError: Lava finds no such board, no SLURM, or no answer from the address.
    """
    generation = shim.ChipGeneration[board.generation]
    try:
        if board.host_ip is not None:
            shim.use_ethernet_host(board.host_ip, loihi_gen=generation)
        else:
            shim.use_slurm_host(partition=board.partition, board=board.board, loihi_gen=generation)
    except FileNotFoundError as error:
        raise EngineError(
            f"no board was found: the program {error.filename!r} is not here; run on a machine "
            "that has SLURM, or name the board's host with --host-ip"
        ) from error
    except (ImportError, ValueError) as error:
        raise EngineError(f"no board was found: {' '.join(str(error).split())}") from error
