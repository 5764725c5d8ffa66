"""One gate neuron in three bodies: Loihi integers, snntorch and norse give the same spikes.

The drive is real: how suddenly the colour gradients of a built-in street changed, per region.
"""

from __future__ import annotations

import numpy as np

from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.data.frames import open_frames
from depth_snn.errors import MissingDependency
from depth_snn.neurons.bodies import BODIES, make_body
from depth_snn.neurons.lif_integer import LIFParams
from depth_snn.recovery.drive import feature_gradient, region_drive

FRAMES = 40


def main() -> None:
    config, gate = NetworkConfig(), GateConfig()
    params = LIFParams(dv=gate.dv, vth=gate.vth)
    drives, before = [], None
    for frame in open_frames(
        "scene:street", height=config.height, width=config.width, limit=FRAMES
    ):
        now = feature_gradient(frame.rgb, config)
        drives.append(region_drive(now, before, config))
        before = now
    print(f"{FRAMES} frames, {config.regions} regions, beta {params.beta}, threshold {gate.vth}")
    spikes = {}
    for name in BODIES:
        try:
            body = make_body(name, config.regions, params)
        except MissingDependency as missing:
            print(f"{name:9} left out: {missing}")
            continue
        spikes[name] = np.stack([body.step(drive)[0] for drive in drives])
        print(f"{name:9} {int(spikes[name].sum())} spikes")
    loihi = spikes["loihi"]
    assert loihi.any(), "the scene's sudden pedestrian makes the gates spike"
    assert all(np.array_equal(loihi, other) for other in spikes.values())
    print(f"{len(spikes)} bodies agree on every spike of every region")


if __name__ == "__main__":
    main()
