"""Many different streets for training: random clips and decorrelated frames."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from depth_snn.data.scene.domain import DOMAINS
from depth_snn.data.scene.events import KINDS
from depth_snn.data.scene.frame import LabelledFrame
from depth_snn.data.scene.street import CAMERAS, StreetScene
from depth_snn.errors import InputError

_DOMAIN_SHARES = {
    "day": 0.36,
    "dusk": 0.12,
    "night": 0.13,
    "rain": 0.14,
    "fog": 0.12,
    "low_sun": 0.13,
}
_SHAKING, _HEAVY, _CUT = 0.15, 0.25, 0.06  # shares of clips under these conditions


def random_clip(
    seed: int,
    *,
    height: int = 128,
    width: int = 256,
    frames: int = 60,
    assets: str = "known",
    camera: str | None = None,
    domain: str | None = None,
) -> StreetScene:
    """A street whose camera, domain, conditions and events follow from the seed.

    Args:
        seed: Number of the street.
        height: Rows.
        width: Columns.
        frames: Length.
        assets: "known" or "heldout".
        camera: "standing", "driving" or None for either.
        domain: A name of `DOMAINS`, or None for any (more often day than another).
    """
    rng = np.random.default_rng([seed, 5])
    chosen_camera = CAMERAS[int(rng.integers(len(CAMERAS)))]
    shares = [_DOMAIN_SHARES[name] for name in DOMAINS]
    chosen_domain = DOMAINS[int(rng.choice(len(DOMAINS), p=shares))]
    sway = float(rng.choice([0.0, 0.4]))
    shake = float(rng.uniform(0.004, 0.02)) if rng.uniform() < _SHAKING else 0.0
    traffic = (
        float(rng.uniform(1.6, 2.4)) if rng.uniform() < _HEAVY else float(rng.uniform(0.4, 1.4))
    )
    cut = bool(rng.uniform() < _CUT)
    kinds = tuple(KINDS[int(k)] for k in rng.permutation(len(KINDS)))
    return StreetScene(
        seed,
        height=height,
        width=width,
        camera=camera or chosen_camera,
        domain=domain or chosen_domain,
        assets=assets,
        frames=frames,
        sway=sway,
        shake=shake,
        traffic=traffic,
        cut=cut and frames > 1,
        kinds=kinds,
    )


def sample_frames(
    seed: int,
    count: int,
    *,
    height: int = 128,
    width: int = 256,
    assets: str = "known",
    per_street: int = 8,
    camera: str | None = None,
    domain: str | None = None,
) -> Iterator[LabelledFrame]:
    """Yields decorrelated labelled frames: a few, far apart, from each of many streets.

    Args:
        seed: First street; each further one counts up from `seed * 100003`.
        count: Number of frames.
        height: Rows.
        width: Columns.
        assets: "known" or "heldout".
        per_street: Frames taken from one street.
        camera: As in `random_clip`.
        domain: As in `random_clip`.

    Raises:
        InputError: If `count` or `per_street` is not positive.
    """
    if count < 1 or per_street < 1:
        raise InputError(
            f"sample of {count} frames, {per_street} per street: use at least 1 of each"
        )
    step = 11
    for start in range(0, count, per_street):
        scene = random_clip(
            seed * 100_003 + start // per_street,
            height=height,
            width=width,
            frames=per_street * step,
            assets=assets,
            camera=camera,
            domain=domain,
        )
        for index in range(min(per_street, count - start)):
            yield scene.labelled(index * step + step // 2)
