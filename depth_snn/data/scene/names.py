"""Scenes by name: camera, hour or weather, and condition."""

from __future__ import annotations

from dataclasses import dataclass

from depth_snn.data.scene.domain import DOMAINS
from depth_snn.data.scene.street import CAMERAS, StreetScene

SHAKE = 0.016
"""Strength of the shake in scenes named so, as a share of the picture's height."""
HEAVY = 2.0
"""Traffic of scenes named so."""


@dataclass(frozen=True)
class SceneSpec:
    """What stands behind the name of a scene; the fields are arguments of `StreetScene`."""

    camera: str = "standing"
    domain: str = "day"
    shake: float = 0.0
    traffic: float = 1.0
    cut: bool = False

    def build(
        self, seed: int, *, height: int, width: int, frames: int, assets: str = "known"
    ) -> StreetScene:
        """Builds the scene."""
        return StreetScene(
            seed,
            height=height,
            width=width,
            frames=frames,
            assets=assets,
            camera=self.camera,
            domain=self.domain,
            shake=self.shake,
            traffic=self.traffic,
            cut=self.cut and frames > 1,
        )


def _named() -> dict[str, SceneSpec]:
    out = {"street": SceneSpec(), "driving": SceneSpec("driving"), "static": SceneSpec()}
    for camera in CAMERAS:
        for domain in DOMAINS:
            out[f"{camera}-{domain}"] = SceneSpec(camera, domain)
        out[f"{camera}-shake"] = SceneSpec(camera, shake=SHAKE)
        out[f"{camera}-traffic"] = SceneSpec(camera, traffic=HEAVY)
        out[f"{camera}-cut"] = SceneSpec(camera, cut=True)
    return out


SCENES: dict[str, SceneSpec] = _named()
"""Every scene by the name that follows `scene:`."""
