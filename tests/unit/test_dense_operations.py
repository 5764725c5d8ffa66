"""Operations of the dense network in closed form are those of a frame in which all is a message."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.cases.building import balance, edge
from conversion.dense_operations import operations_of
from conversion.nodes import Conv, Input, Node, SumPool
from sims.fast import simulate


@pytest.mark.parametrize(
    "node",
    [
        Conv(name="n", height=5, width=6, weight=np.ones((4, 2, 5, 6), np.int64), stride=1,
             padding=0, exponent=0),
        Conv(name="n", height=7, width=9, weight=np.ones((3, 2, 3, 2), np.int64), stride=2,
             padding=1, stride_across=3, padding_across=0, exponent=0),
        SumPool(name="n", height=6, width=5, channels=2, kernel_down=3, kernel_across=2, stride=2,
                padding=1, padding_across=0, exponent=0),
    ],
    ids=["as large as an oblong grid", "two strides and paddings", "pool"],
)  # fmt: skip
def test_windows_that_are_not_square(node: Node) -> None:
    shape = node.input_shape("in")
    graph = balance("one", [Input(name="x", shape=shape, lo=0, hi=9), node], [edge("x -> n")])
    full = np.ones((1, *shape), np.int64)
    assert operations_of(node) == simulate(graph, {"x": full}).counts["n"].synaptic_operations[0]
