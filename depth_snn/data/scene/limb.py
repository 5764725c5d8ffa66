"""The rigid parts of a person, and where they are in every phase of a step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import U8

_Point = tuple[float, float]


@dataclass(frozen=True)
class Limb:
    """One rigid part in one phase, in metres, y up.

    Attributes:
        joint: Where it is fixed.
        angle: Its direction, from straight down, positive to the right.
        length: Along its direction.
        widths: At the joint and at the end.
        cloth: What it is made of.
        shade: Factor on the colour.
        shape: "rod" (rounded), "plate" (square ends) or "dome" (half an ellipse at its end).
    """

    joint: _Point
    angle: float
    length: float
    widths: tuple[float, float]
    cloth: str
    shade: float = 1.0
    shape: str = "rod"


def draw_limbs(owner: U8, limbs: tuple[Limb, ...], origin: _Point, scale: float) -> None:
    """Writes the index of each limb into the pixels it covers, in order, in place.

    Args:
        owner: uint8 (h, w).
        limbs: What to draw.
        origin: Metres from the left edge to x = 0, and from y = 0 to the upper edge.
        scale: Pixels per metre.
    """
    for index, limb in enumerate(limbs):
        sx, sy = math.sin(limb.angle), -math.cos(limb.angle)  # along the limb, y up
        x, y = limb.joint
        ex, ey = x + sx * limb.length, y + sy * limb.length
        half, far = limb.widths[0] / 2, limb.widths[1] / 2
        if limb.shape == "dome":
            turns = [math.pi * (k / 11 - 0.5) for k in range(12)]
            rim = [(far * math.sin(t), limb.length * math.cos(t)) for t in turns]
            points = [(x + a * sy + b * sx, y - a * sx + b * sy) for a, b in rim]
        else:
            points = [
                (x - half * sy, y + half * sx),
                (x + half * sy, y - half * sx),
                (ex + far * sy, ey - far * sx),
                (ex - far * sy, ey + far * sx),
            ]
        pixels = [
            (round((origin[0] + px) * scale * 16), round((origin[1] - py) * scale * 16))
            for px, py in points
        ]
        cv2.fillConvexPoly(owner, np.array(pixels, np.int32), index, cv2.LINE_8, 4)
        if limb.shape == "rod":
            for px, py, radius in ((x, y, half), (ex, ey, far)):
                at = (round((origin[0] + px) * scale * 16), round((origin[1] - py) * scale * 16))
                cv2.circle(owner, at, max(1, round(radius * scale * 16)), index, -1, shift=4)


@dataclass(frozen=True)
class Look:
    """What does not change from phase to phase.

    Attributes:
        tall: Height in metres.
        facing: +1 to the right, -1 to the left, 0 along the view.
        swing: Largest angle of the thighs, radians.
        extra: What is worn or carried.
        shelter: Whether there is an umbrella.
        build: Factor on the widths.
    """

    tall: float
    facing: int
    swing: float
    extra: str
    shelter: bool
    build: float


def skeleton(look: Look, phase: float) -> tuple[Limb, ...]:
    """Limbs of one phase, far ones first."""
    tall, facing, swing = look.tall, look.facing, look.swing
    unit = tall / 1.75
    leg, body, arm = 0.25 * tall, 0.3 * tall, 0.34 * tall
    hip_y = 2 * leg * math.cos(swing * abs(math.sin(phase)) * 0.8) + 0.04 * unit
    amount = swing if facing != 0 else swing * 0.25
    apart = 0.0 if facing != 0 else 0.085 * unit * look.build
    sign = float(facing) if facing != 0 else 1.0
    thighs = [sign * amount * math.sin(phase + shift) for shift in (0.0, math.pi)]
    bends = [sign * amount * max(0.0, math.cos(phase + s)) * 1.3 for s in (0.0, math.pi)]
    lean = -0.06 * float(facing) * (1 + swing)
    hips = [(-apart, hip_y), (apart, hip_y)]
    knees = [
        (h[0] + leg * math.sin(a), h[1] - leg * math.cos(a))
        for h, a in zip(hips, thighs, strict=True)
    ]
    neck = (math.sin(-lean) * body, hip_y + math.cos(lean) * body)
    wide = 0.0 if facing != 0 else 0.21 * unit * look.build
    outward = 0.1 if facing == 0 else 0.0
    arms = [-thighs[0] * 0.9 - outward, -thighs[1] * 0.9 + outward]
    up = float(math.pi + lean)
    w = unit * look.build
    trunk = (0.3 * w, 0.38 * w) if facing == 0 else (0.26 * w, 0.3 * w)
    head = (neck[0], neck[1] + 0.07 * unit)
    thigh, shin, sleeve = (0.19 * w, 0.15 * w), (0.14 * w, 0.1 * w), (0.12 * w, 0.09 * w)
    bare = "skin" if look.extra == "skirt" else "legs"
    far = (
        Limb((neck[0] - wide, neck[1] - 0.06), arms[0], arm, sleeve, "coat", 0.7),
        Limb(hips[0], thighs[0], leg, thigh, "legs", 0.7),
        Limb(knees[0], thighs[0] - bends[0], leg, shin, bare, 0.65),
        Limb(hips[1], thighs[1], leg, thigh, "legs"),
        Limb(knees[1], thighs[1] - bends[1], leg, shin, bare, 0.95),
        Limb((0.0, hip_y), up, body, trunk, "coat"),
        Limb(head, up, 0.07 * tall, (0.17 * unit, 0.19 * unit), "skin"),
        Limb((head[0], head[1] + 0.06 * tall), up, 0.035 * tall, (0.2 * unit, 0.17 * unit), "hair"),
    )
    worn = _worn(look, neck, hip_y, up, unit)
    near = (Limb((neck[0] + wide, neck[1] - 0.06), arms[1], arm, sleeve, "coat", 0.88),)
    held = _held(look, neck, (near[0].joint, near[0].angle, arm), unit)
    return (*far, *worn, *near, *held)


def _worn(look: Look, neck: _Point, hip_y: float, up: float, unit: float) -> tuple[Limb, ...]:
    """Clothes and bags that move with the trunk."""
    w = unit * look.build
    crown = (neck[0], neck[1] + 0.07 * unit + 0.1 * look.tall)
    back = -0.2 * unit * look.facing
    if look.extra == "backpack":
        at = (neck[0] + back, neck[1] - 0.06)
        return (Limb(at, up + math.pi, 0.42 * unit, (0.26 * w, 0.3 * w), "thing", shape="plate"),)
    if look.extra == "cap":
        peak = (crown[0] + 0.1 * unit * look.facing, crown[1] - 0.02)
        return (
            Limb(crown, up, 0.06 * unit, (0.24 * unit, 0.18 * unit), "thing"),
            Limb(peak, up, 0.03 * unit, (0.24 * unit, 0.24 * unit), "thing", 0.8, "plate"),
        )
    if look.extra == "brim":
        return (
            Limb(crown, up, 0.02 * unit, (0.5 * unit, 0.5 * unit), "thing", shape="plate"),
            Limb(crown, up, 0.14 * unit, (0.24 * unit, 0.2 * unit), "thing", 0.8, "plate"),
        )
    if look.extra in ("skirt", "coat", "poncho"):
        long, flare, top = {
            "skirt": (0.42, 0.5, 0.34),
            "coat": (0.5, 0.42, 0.36),
            "poncho": (0.85, 0.9, 0.3),
        }[look.extra]
        start = neck if look.extra == "poncho" else (0.0, hip_y + 0.08)
        cloth = "coat" if look.extra == "coat" else "thing"
        sizes = (top * w, flare * w)
        return (Limb(start, up + math.pi, long * unit, sizes, cloth, 0.95, "plate"),)
    if look.extra == "stripe":
        at = (neck[0] * 0.5, hip_y + 0.15 * look.tall)
        return (Limb(at, up, 0.12 * unit, (0.36 * w, 0.34 * w), "other", shape="plate"),)
    return ()


def _held(
    look: Look, neck: _Point, hand: tuple[_Point, float, float], unit: float
) -> tuple[Limb, ...]:
    """Things in or over the hand."""
    joint, angle, arm = hand
    grip = (joint[0] + arm * math.sin(angle), joint[1] - arm * math.cos(angle))
    out: tuple[Limb, ...] = ()
    if look.extra == "bag":
        out += (
            Limb(grip, angle * 0.3, 0.32 * unit, (0.2 * unit, 0.3 * unit), "thing", 1, "plate"),
        )
    if look.extra == "trolley":
        foot = (grip[0] - 0.3 * unit * (look.facing or 1), 0.62 * unit)
        out += (Limb(foot, 0.0, 0.58 * unit, (0.36 * unit, 0.36 * unit), "thing", 1, "plate"),)
    if look.shelter:
        top = (neck[0] + 0.12 * unit * look.facing, neck[1] + 0.42 * unit)
        out += (
            Limb((top[0], neck[1] - 0.1), math.pi, 0.52 * unit, (0.04, 0.04), "hair", 1, "plate"),
            Limb(top, math.pi, 0.3 * unit, (1.1 * unit, 1.1 * unit), "thing", shape="dome"),
        )
    return out
