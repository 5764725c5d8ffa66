"""Sigma-delta neurons of a netx file.

In netx a sigma-delta layer works in units of 2^-12 of its value, and its messages in units of 2^-6
(``spike_exp`` and ``state_exp`` 6). Its thresholds, which lava-dl exports in units of 2^-6, are
read 64 times too high, and its encoders lose low bits. Corrected, our drift-free encoders stand
there.
"""

from __future__ import annotations

import numpy as np

from conversion.netx.chain import Chain
from conversion.netx.read import Layer
from conversion.node import IntArray
from conversion.nodes import Delta, Output, SigmaDelta, StockSigmaDelta

SPIKE_EXP, STATE_EXP = 6, 6
"""lava-dl: ``netx.hdf5.Network(spike_exp=6)``, and its fixed ``state_exp``."""
MESSAGE_TOP = 2**15 - 1
"""netx gives the messages of sigma-delta neurons 16 bits."""


def is_sigma_delta(layer: Layer) -> bool:
    """Whether a layer's neurons are of that kind."""
    return layer.has_neuron and layer.text("neuron/type") == "SDNN"


def add_input_encoder(chain: Chain, layer: Layer, as_netx: bool) -> None:
    """The delta encoder of an input layer; its messages count whole values, not 2^-6.

    Raises:
        GraphError: if its threshold makes no sense.
    """
    threshold = _threshold(layer, as_netx)
    if as_netx:
        chain.add(_stock(chain, layer, np.zeros(chain.channels, np.int64), threshold, True))
        return
    chain.add(
        Delta(
            name=f"layer{layer.index}.delta", tokens=chain.places, channels=chain.channels, stage=0,
            gated=False, bias=np.zeros(chain.channels, np.int64), shift=0, lo=-MESSAGE_TOP - 1,
            hi=MESSAGE_TOP, threshold=-(-threshold >> SPIKE_EXP),
        )
    )  # fmt: skip
    chain.gain = SPIKE_EXP


def add_sigma_delta(chain: Chain, layer: Layer, bias: IntArray, as_netx: bool) -> None:
    """The neurons of a dense or conv layer: a ReLU encoder, or the sum alone of a last layer.

    Raises:
        GraphError: if the activation is none that is known here.
    """
    channels = chain.channels
    whole = (bias if bias.size else np.zeros(channels, np.int64)) << (SPIKE_EXP + STATE_EXP)
    if "neuron/sigma_output" in layer:
        whole = whole * (not as_netx)  # netx leaves the bias of such a layer out
        chain.add(Output(name="output", tokens=chain.places, channels=channels, bias=whole))
        return
    activation = layer.text("neuron/activation") if "neuron/activation" in layer else "relu"
    if activation != "relu" and not as_netx:
        raise layer.fault(f"activation {activation}, which netx runs as relu; known is relu")
    if as_netx:
        bias = whole >> (SPIKE_EXP + STATE_EXP)
        chain.add(_stock(chain, layer, bias, _threshold(layer, as_netx), False))
        return
    chain.add(
        SigmaDelta(
            name=f"layer{layer.index}.sigma", tokens=chain.places, channels=channels, stage=0,
            gated=False, bias=whole, shift=STATE_EXP, lo=0, hi=MESSAGE_TOP,
            threshold=_threshold(layer, as_netx),
        )
    )  # fmt: skip


def _stock(
    chain: Chain, layer: Layer, bias: IntArray, threshold: int, absolute: bool
) -> StockSigmaDelta:
    """Lava's own neuron, which takes ``vThMant`` for whole units."""
    return StockSigmaDelta(
        name=f"layer{layer.index}.{'delta' if absolute else 'sigma'}", tokens=chain.places,
        channels=chain.channels, bias=bias, threshold=threshold, spike_exp=SPIKE_EXP,
        state_exp=STATE_EXP, absolute=absolute,
    )  # fmt: skip


def _threshold(layer: Layer, as_netx: bool) -> int:
    """``vThMant``: in units of a message, 2^-6, though netx takes it for whole units."""
    threshold = layer.number("neuron/vThMant", truncate=as_netx)
    if threshold < 0:
        raise layer.fault(f"vThMant {threshold} is negative")
    return threshold
