"""Two things a compiler must be told: how wide vectors may be, and what memory is wanted next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from depth_snn.compiled import part

F = TypeVar("F", bound=Callable[..., Any])
LINE_BYTES = 64
"""A line of the cache."""


def _instruction(function: F) -> F:
    return cast(F, intrinsic(function))


@_instruction
def wide_vectors(_typing: Any = None) -> Any:
    """Let the calling function use vectors of 512 bits where the processor has them.

    LLVM stays at 256 bits on its own. The loops of a population are bound by arithmetic and gain
    half of their speed. What a function calls or is called from must say so itself.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # llvmlite's own add() refuses attributes that take a value.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


@_instruction
def _prefetch(_typing: Any, address: Any = None) -> Any:
    """Ask for one line of the cache, near the second level."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        read, level, data = number(0), number(2), number(1)
        builder.call(function, [builder.inttoptr(arguments[0], pointer), read, level, data])
        return context.get_dummy_value()

    return types.none(types.intp), generate


@part
def fetch_ahead(array: npt.NDArray[Any], first: int, last: int) -> None:
    """Ask for some items of a flat array that will be read soon; items beyond its end are left."""
    size = np.int64(array.itemsize)
    last = min(last, array.shape[0])
    begin = np.int64(array.ctypes.data)
    for address in range(begin + first * size, begin + last * size, LINE_BYTES):
        _prefetch(address)
