"""Small NIR graphs that the tests of the import share, and a plain way to compare two."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import nir
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
DT = 1e-4


def full(n: int | tuple[int, ...], value: float) -> Floats:
    return np.full(n, value, np.float32)


def lif(n: int | tuple[int, ...], beta: float = 0.875, threshold: float = 1.0) -> Any:
    """A LIF as snntorch writes it: tau = dt/(1 − beta) and r = tau/dt, in 32 bits."""
    tau = (np.float32(DT) / (np.float32(1) - full(n, beta))).astype(np.float32)
    return nir.LIF(
        tau=tau, r=tau / np.float32(DT), v_leak=full(n, 0), v_threshold=full(n, threshold)
    )


def cuba(n: int, alpha: float, beta: float, threshold: float = 1.0) -> Any:
    syn, mem = (np.float32(DT) / (1 - full(n, x)) for x in (alpha, beta))
    return nir.CubaLIF(
        tau_syn=syn, tau_mem=mem, r=mem / np.float32(DT), w_in=syn / np.float32(DT),
        v_leak=full(n, 0), v_threshold=full(n, threshold),
    )  # fmt: skip


def dyadic(seed: int, *shape: int, bits: int = 6) -> Floats:
    """Weights of 8 bits times a power of two."""
    whole = np.random.default_rng(seed).integers(-127, 128, shape)
    return (whole / 2.0**bits).astype(np.float32)


def chain(*nodes: Any, shape: tuple[int, ...], out: int | None = None) -> Any:
    """Nodes in a row; a file needs the shape of the output, memory does not."""
    names = ["input", *(f"n{i}" for i in range(len(nodes))), "output"]
    every = [
        nir.Input(np.array(shape)),
        *nodes,
        nir.Output(None if out is None else np.array([out])),
    ]
    edges = list(pairwise(names))
    return nir.NIRGraph(dict(zip(names, every, strict=True)), edges, metadata={}, type_check=False)


def spikes(seed: int, frames: int, *shape: int, rate: float = 0.3) -> npt.NDArray[np.int64]:
    return (np.random.default_rng(seed).random((frames, *shape)) < rate).astype(np.int64)


def assert_same_nir(a: Any, b: Any) -> None:
    """Same nodes with the same parameters, bit by bit, and the same edges."""
    assert set(a.nodes) == set(b.nodes) and sorted(a.edges) == sorted(b.edges)
    for name, one in a.nodes.items():
        other = b.nodes[name]
        assert type(one) is type(other), name
        for field in fields(one):
            if field.name not in ("input_type", "output_type", "metadata"):
                left, right = getattr(one, field.name), getattr(other, field.name)
                left, right = (
                    v.detach().numpy() if hasattr(v, "detach") else v for v in (left, right)
                )
                if not isinstance(left, str) and left is not None:
                    left, right = np.asarray(left), np.asarray(right)
                    assert left.dtype == right.dtype, (name, field.name)
                    assert left.shape == right.shape, (name, field.name)
                assert np.array_equal(left, right), (name, field.name)
