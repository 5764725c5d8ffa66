"""Hours and weathers: how each lights a street, and what the air does to it."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Domain:
    """The ranges from which a sequence draws its light and air.

    Attributes:
        ambient: Factor on all colours.
        sky: Colour of the sky overhead and at the horizon, 0 to 255.
        haze: Colour that far things fade to, 0 to 255.
        haze_m: Range of the distance at which haze takes 63 % of a colour, metres.
        lit: Whether lamps and windows shine.
        sun: Range of the darkness of cast shadows, 0 to 1.
        slope: Range of a shadow's length per height.
        ahead: Whether the sun may stand ahead of the camera and dazzle it.
        wet: Range of the mirror strength of the ground.
        rain: Range of the density of streaks.
        clouds: Range of cloud cover, 0 to 1.
    """

    ambient: Rgb
    sky: tuple[Rgb, Rgb]
    haze: Rgb
    haze_m: tuple[float, float] = (110.0, 260.0)
    lit: bool = False
    sun: tuple[float, float] = (0.0, 0.0)
    slope: tuple[float, float] = (0.5, 1.5)
    ahead: bool = False
    wet: tuple[float, float] = (0.0, 0.0)
    rain: tuple[float, float] = (0.0, 0.0)
    clouds: tuple[float, float] = (0.0, 0.8)


LOOKS: dict[str, Domain] = {
    "day": Domain(
        (1.0, 1.0, 0.98),
        ((92, 142, 208), (204, 218, 232)),
        (205, 214, 224),
        sun=(0.0, 0.5),
    ),
    "dusk": Domain(
        (0.66, 0.54, 0.56),
        ((92, 84, 130), (240, 168, 112)),
        (190, 138, 116),
        lit=True,
        sun=(0.0, 0.15),
        slope=(2.0, 3.0),
    ),
    "night": Domain(
        (0.34, 0.35, 0.42),
        ((8, 10, 24), (30, 34, 56)),
        (24, 26, 40),
        lit=True,
        clouds=(0.0, 0.5),
    ),
    "rain": Domain(
        (0.68, 0.71, 0.75),
        ((118, 126, 138), (168, 174, 182)),
        (150, 157, 166),
        haze_m=(60.0, 130.0),
        lit=True,
        wet=(0.3, 0.6),
        rain=(0.4, 1.0),
        clouds=(0.5, 1.0),
    ),
    "fog": Domain(
        (0.84, 0.86, 0.88),
        ((176, 182, 188), (198, 202, 206)),
        (196, 200, 204),
        haze_m=(13.0, 42.0),
        lit=True,
        clouds=(0.0, 0.05),
    ),
    "low_sun": Domain(
        (1.02, 0.86, 0.66),
        ((120, 150, 196), (252, 214, 150)),
        (236, 200, 152),
        haze_m=(80.0, 200.0),
        sun=(0.4, 0.65),
        slope=(2.2, 4.5),
        ahead=True,
    ),
}
DOMAINS: tuple[str, ...] = tuple(LOOKS)
