"""The cost table of Loihi 2, from PilotNet LIF's measured power and our counts of the same network.

Counts one frame (16 steps) on the picture that comes inside lava-dl, solves for prices
(sims/calibration.py), prints them, and says what the table makes of a network it was not fitted on.
``--write`` replaces sims/tables/sources/pilotnet_lif.toml's counts and sims/tables/loihi2.toml.
"""

from __future__ import annotations

import argparse
import re
import sys
from math import prod

import numpy as np

from conversion.netx import pilotnet
from conversion.netx.importer import import_netx
from depth_snn.errors import MissingDependency
from depth_snn.figures import write_text
from sims import fast
from sims.calibration import (
    EVENTS,
    SOURCE,
    CalibratedPrice,
    Calibration,
    calibrate,
    load_calibration,
    scale_of,
    static_w_per_core,
)
from sims.cost_table import TABLE_FOLDER, load_table
from sims.counts import total_per_frame

TABLE = TABLE_FOLDER / "loihi2.toml"
SHARED = {
    "synaptic_operation": "synapses", "neuron_update_active": "updates",
    "neuron_update_idle": "updates", "spike_delivery": "messages",
}  # fmt: skip
NOTES = {
    "synaptic_operation": "Calibrated, modelled: not measured by itself. A binary spike's; a "
    "graded message multiplies, so it stands in.",
    "neuron_update_active": "Calibrated, modelled: not measured by itself.",
    "neuron_update_idle": "Calibrated, modelled. Nearly every update of the measured network was "
    "active, so the measurement says little of this one.",
    "spike_delivery": "Calibrated, modelled. Contains the way over the mesh.",
}
HEAD = """\
# Energy per event on Loihi 2, as far as one measured network goes. Written by
# `python benchmarks/calibrate_loihi2.py --write` from sources/pilotnet_lif.toml; do not edit.
# Nobody has published an energy per operation. A board's dynamic energy per frame of PilotNet LIF
# is public; counting the same network gives one equation for all prices. Central: Loihi 1's prices
# times one factor ({scale:.4f}). Bands: `low` to `high` is the price where its class of events
# (`shared`) has all of the measured energy; no two classes can, and a class may have none of it.

format = 1
name = "loihi2"
title = "Loihi 2, calibrated on one measured network"
"""
UNKNOWN = {
    (
        "product_operation",
        "operations",
    ): "microcode multiplies two states; the measured network has no such operation",
    ("mac_embedded", "operations"): "no energy per MAC of the embedded processors is public",
    ("mac_host", "operations"): "depends on the host; no host is part of the model",
    ("between_chips", "memory"): "the measured network lies on one chip",
    ("off_mesh", "memory"): "no energy of the links to processors and host is public",
}
INCLUDED = {
    "hop_east_west": "spike_delivery", "hop_north_south": "spike_delivery",
    "synaptic_memory_access": "synaptic_operation", "neuron_state_access": "neuron_update_active",
}  # fmt: skip


def count() -> dict[str, int]:
    """Events of one frame of PilotNet LIF, by count."""
    steps = int(load_calibration().measured["steps_per_frame"])
    frames = np.repeat(pilotnet.picture()[None], steps, axis=0)
    counts = fast.simulate(pilotnet.network(), {"input": frames}, probes=()).counts
    return {name: int(total_per_frame(counts, name, steps).sum()) for name in EVENTS.values()}


def table_text(calibration: Calibration) -> str:
    """The table as TOML."""
    relative = load_table("loihi1")
    prices = calibrate(calibration, relative)
    rows = [HEAD.format(scale=scale_of(calibration, relative))]
    rows += [_priced(event, price, NOTES[event], calibration) for event, price in prices.items()]
    rows.append(
        _priced("graded_message_delivery", prices["spike_delivery"],
                "Calibrated, modelled, on binary spikes: a wider payload cannot be cheaper.",
                calibration, shared="messages", bound="minimum")
    )  # fmt: skip
    rows += [
        _word(event, tier, f'value = "unknown"\nunit = "pJ"\nreason = "{why}"')
        for (event, tier), why in UNKNOWN.items()
    ]
    why = "the calibration divides the whole dynamic energy among operations"
    word = 'value = "included"\nunit = "pJ"\nwithin = "{}"\nreason = "{}"'
    rows += [_word(event, "memory", word.format(within, why)) for event, within in INCLUDED.items()]
    measured = calibration.measured
    rows.append(_word("static_power", "static", (
        f'value = {measured["static_w"]}\nlow = {static_w_per_core(calibration)}\n'
        f'high = {measured["static_w"]}\nunit = "W"\nbound = "minimum"\n'
        f'source = "{measured["source"]}"\nyear = {measured["year"]}\n'
        f'grade = "{measured["grade"]}"\n'
        f'note = "Of one chip; each chip in use has it. Low end: the share of one of the '
        f'{measured["cores"]} cores in use, were all others switched off."'
    )))  # fmt: skip
    return "\n".join(rows)


def _priced(
    event: str, price: CalibratedPrice, note: str, calibration: Calibration,
    *, shared: str = "", bound: str = "",
) -> str:  # fmt: skip
    source = f"calibrated on {calibration.measured['what']} ({calibration.measured['source']})"
    text = (
        f"value = {price.value}\nlow = {price.low or 0}\nhigh = {price.high}\n"
        f'shared = "{shared or SHARED[event]}"\nunit = "pJ"\n'
    ) + (f'bound = "{bound}"\n' if bound else "")
    text += (
        f'source = "{source}"\nyear = {calibration.measured["year"]}\ngrade = "D"\nnote = "{note}"'
    )
    return _word(event, "operations", text)


def _word(event: str, tier: str, rest: str) -> str:
    return f'[[row]]\nevent = "{event}"\ntier = "{tier}"\n{rest}\n'


def holdout_mj(calibration: Calibration) -> tuple[float, float]:
    """Energy per frame of sigma-delta PilotNet in mJ: what the board drew, what the table says."""
    graph = import_netx(pilotnet.folder("pilotnet_sdnn") / "network.net")
    neurons = sum(
        prod(n.output_shape("out")) for n in graph.nodes if n.kind in ("Delta", "SigmaDelta")
    )
    prices, held = calibrate(calibration, load_table("loihi1")), calibration.holdout
    dynamic_pj = held["synaptic_operations"] * float(prices["synaptic_operation"].value)
    dynamic_pj += neurons * float(prices["neuron_update_active"].value)
    static_mj = 1e3 * calibration.measured["static_w"] / held["frames_per_s"]
    return 1e3 * held["total_w"] / held["frames_per_s"], static_mj + dynamic_pj / 1e9


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the counts and the table")
    options = parser.parse_args()
    try:
        counted = count()
    except MissingDependency as error:
        print(f"calibrate_loihi2: error: {error}", file=sys.stderr)
        return 1
    stored = load_calibration()
    calibration = Calibration(stored.measured, counted, stored.holdout)
    print("\n".join(f"{name}: {events}" for name, events in counted.items()))
    print(table_text(calibration))
    board, ours = holdout_mj(calibration)
    print(
        f"# held out: {stored.holdout['what']}: board {board:.2f} mJ a frame, table {ours:.2f} mJ,"
    )
    print("# nearly all of it static power, so it tests the static row and hardly the others")
    if options.write:
        text = SOURCE.read_text(encoding="utf-8")
        for name, events in counted.items():
            text = re.sub(
                rf"(?m)(\[counts\][\s\S]*?^{name} = )\d+", rf"\g<1>{events}", text, count=1
            )
        write_text(SOURCE, text)
        write_text(TABLE, table_text(calibration))
        print(f"# wrote {TABLE}")
    elif counted != stored.counts:
        print("# the stored counts differ; --write replaces them")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
