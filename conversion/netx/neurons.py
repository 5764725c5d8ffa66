"""CUBA neurons of a netx file as the constants of a LIF."""

from __future__ import annotations

from conversion.netx.read import Layer

CUBA_TYPES = ("CUBA", "LOIHI")
NETX_DEFAULT_THRESHOLD = 1 << 18 - 1
"""What netx writes for "never": 2^17, since Python subtracts before it shifts."""

SIGMA = {"du": -1, "dv": 4096, "vth": NETX_DEFAULT_THRESHOLD}
"""netx's neuron of a layer without one: the current adds up, nothing fires."""

HINTS = {
    "ALIF": "netx fails on adaptive neurons too; train CUBA neurons",
    "RF": "resonate-and-fire neurons have no counterpart here; train CUBA neurons",
    "ADRF": "resonate-and-fire neurons have no counterpart here; train CUBA neurons",
}


def cuba(layer: Layer, as_netx: bool) -> dict[str, int]:
    """du, dv and vth of a layer's CUBA neuron.

    The file's ``iDecay`` is one more than Lava's ``du`` (lava-dl: ``get_neuron_params``).

    Raises:
        GraphError: if it is another neuron, or has what ours lacks.
    """
    check_cuba(layer, as_netx)
    return {
        "du": layer.number("neuron/iDecay") - 1,
        "dv": layer.number("neuron/vDecay"),
        "vth": layer.number("neuron/vThMant"),
    }


def check_cuba(layer: Layer, as_netx: bool) -> None:
    """Refuse neurons that are no plain CUBA neuron.

    Raises:
        GraphError: naming the layer and what would help.
    """
    kind = layer.text("neuron/type")
    if kind not in CUBA_TYPES:
        family = next((hint for name, hint in HINTS.items() if kind.startswith(name)), None)
        known = "known are CUBA, LOIHI and SDNN"
        raise layer.fault(f"neuron {kind}: {family or known}")
    if as_netx:  # which does not look at the rest
        return
    # What lava-dl writes when a feature is not used.
    for key, unused, hint in (
        ("refDelay", 1, "refractory periods are not supported; train with refDelay 1"),
        ("wgtExp", 0, "netx ignores it; fold it into the weights"),
        ("gradedSpike", 0, "graded spikes of CUBA neurons are not supported; train binary ones"),
    ):
        value = layer.number(f"neuron/{key}", unused)
        if value != unused:
            raise layer.fault(f"{key} {value}: {hint}")
