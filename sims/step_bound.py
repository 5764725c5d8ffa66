"""How long a step takes at least: the largest of what its parts need (a max-affine bound).

The form is that of arXiv 2601.10035: cores work side by side, and within a core synapses, neuron
programs and memory overlap, as do links; so a step lasts at least as long as the slowest of them,
and never less than its barrier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sims.timing_table import TimingTable

BARRIER = "barrier"
RESOURCES = {
    "synapses": ("synaptic_operation",),
    "neurons": ("neuron_update_active", "neuron_update_idle", "product_operation"),
    "synaptic memory": ("synaptic_memory_read",),
    "links": ("link_message",),
}
"""What a place (a core, or a link) does one after the other; the resources overlap."""
Done = Mapping[str, Mapping[int, Sequence[int | Fraction]]]
"""Events by kind, place and frame."""


@dataclass(frozen=True)
class Bottleneck:
    """What a step waits for.

    Args:
        resource: A key of :data:`RESOURCES`, or "barrier".
        place: Number of the core, or of the link; −1 for the barrier.
    """

    resource: str
    place: int


@dataclass(frozen=True)
class StepTimes:
    """Step time of every frame.

    Args:
        ns: Nanoseconds that a frame's steps take when every layer is as busy as in this frame, T
            values; in a spatial mapping a frame has one step in each layer.
        unknown: What takes time and is not in it.
        bottlenecks: What each of the T steps waits for.
        loads: Nanoseconds by resource, place and frame, where an event of it has a time.
    """

    ns: tuple[Fraction, ...]
    unknown: tuple[str, ...]
    bottlenecks: tuple[Bottleneck, ...] = ()
    loads: Mapping[str, Mapping[int, tuple[Fraction, ...]]] | None = None


def bound_steps(
    done: Done, barriers: Sequence[int], table: TimingTable, unknown: tuple[str, ...] = ()
) -> StepTimes:
    """Bound the time of each frame's steps from below.

    Of several steps each lasts as long as its slowest part, so together they last at least as long
    as any part needs for all of them.

    Args:
        done: Events by kind, place and frame; kinds of :data:`~sims.timing_table.TIMED`.
        barriers: Steps of each frame, T values: 1 where a frame is worked on in one step.
        table: Times per event.
        unknown: What is not among the events.

    Returns:
        The times, what they leave out, and what each step waits for.
    """
    loads = {resource: _loads(done, events, table) for resource, events in RESOURCES.items()}
    floor = table.values["step"] or Fraction(0)
    ns, waits = [], []
    for frame, steps in enumerate(barriers):
        slowest, where = steps * floor, Bottleneck(BARRIER, -1)
        for resource, places in loads.items():
            for place, load in places.items():
                if load[frame] > slowest:
                    slowest, where = load[frame], Bottleneck(resource, place)
        ns.append(slowest)
        waits.append(where)
    missing = tuple(
        event.replace("_", " ") + "s"
        for event, places in done.items()
        if table.values[event] is None and any(map(any, places.values()))
    )
    return StepTimes(tuple(ns), (*missing, *unknown), tuple(waits), loads)


def _loads(
    done: Done, events: Sequence[str], table: TimingTable
) -> dict[int, tuple[Fraction, ...]]:
    """Time by place and frame of what one resource does; an event without a time adds nothing."""
    loads: dict[int, tuple[Fraction, ...]] = {}
    for event in events:
        price = table.values[event]
        for place, counts in done.get(event, {}).items() if price is not None else ():
            assert price is not None
            each = [price * count for count in counts]
            before = loads.get(place)
            loads[place] = tuple(
                each if before is None else (a + b for a, b in zip(before, each, strict=True))
            )
    return loads
