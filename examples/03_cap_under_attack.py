"""However wildly the gates spike, restored work never passes 15 % of the frame's own work.

The attacker chooses every spike, every potential and every schedule; the bucket is charged before
anything runs, so there is no frame in which the cap is passed and made up for later.
"""

from __future__ import annotations

import numpy as np

from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.pruning.prices import prices_of
from depth_snn.recovery.restore import RestoreParams, restore_step, restore_zeros

FRAMES = 2000
CAP_PERCENT = 15


def main() -> None:
    config, gate = NetworkConfig(), GateConfig(cap_percent=CAP_PERCENT)
    prices = prices_of(config, scored=True)
    params = RestoreParams(
        region_of=config.region_of(), price=prices.per_stage(),
        own_price=prices.own_per_stage(), regions=config.regions,
        hold=gate.hold, cap_percent=gate.cap_percent, refill_percent=gate.refill_percent,
        capacity=prices.dense_macs(),
    )  # fmt: skip
    rng, state = np.random.default_rng(0), restore_zeros(config.regions)
    percent, wanted = [], []
    for frame in range(FRAMES):
        spikes = rng.random(config.regions) < rng.choice([0.05, 0.5, 1.0])
        membrane = rng.integers(0, 2**23, config.regions)
        sched = np.repeat(rng.random(config.tokens)[None] < rng.random() ** 3, config.stages, 0)
        done, state = restore_step(spikes, membrane, sched, prices.fixed_macs(), state, params)
        assert done.spent_macs * 100 <= CAP_PERCENT * done.base_macs, f"cap passed in {frame}"
        percent.append(100 * done.spent_macs / done.base_macs)
        missing = (params.price[:, None] * ~sched).sum(0)[spikes[params.region_of]].sum()
        wanted.append(100 * float(missing) / done.base_macs)
    print(f"{FRAMES} hostile frames: spikes asked for {np.median(wanted):.0f} % extra (median)")
    print(f"granted: {np.mean(percent):.2f} % on average, {max(percent):.3f} % at worst")
    assert np.median(wanted) > CAP_PERCENT, "the attack asks for more than the cap"
    assert 0 < max(percent) <= CAP_PERCENT


if __name__ == "__main__":
    main()
