"""What a scene hands out: frames with their truth, and the events known in advance."""

from __future__ import annotations

from dataclasses import dataclass

from depth_snn.data.scene.arrays import F32, U8, Bool


@dataclass(frozen=True)
class BurstEvent:
    """Something sudden that the scene will show.

    Attributes:
        kind: "pedestrian" (darts out from behind a parked van), "cut_in" (a car swerves in),
            "uncovered" (a bus passes and gives sight of someone), "light" (headlights go on),
            "flash" (the whole picture brightens) or "cut" (the street changes altogether).
        first_frame: Index of the first frame that shows it clearly.
        last_frame: Index of the last frame in which it moves inside the picture.
        box: (x0, y0, x1, y1) in pixels at `first_frame`, half open.
    """

    kind: str
    first_frame: int
    last_frame: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Pose:
    """A pinhole camera that looks along +z and never rotates.

    Attributes:
        x: Position to the right, in metres.
        y: Height above the ground, in metres.
        z: Position along the street, in metres.
        cx: Principal point, in pixels from the left picture edge.
        cy: Horizon, in pixels from the upper picture edge.
        focal: Focal length in pixels.
    """

    x: float
    y: float
    z: float
    cx: float
    cy: float
    focal: float


@dataclass(frozen=True)
class CameraMotion:
    """Exact camera of a frame and of the frame before it (the same one at index 0)."""

    now: Pose
    before: Pose


@dataclass(frozen=True)
class SceneFrame:
    """One drawn frame with its truth.

    Attributes:
        index: Frame number from 0.
        rgb: uint8 (H, W, 3).
        label: uint8 (H, W), class indices.
        flow: float32 (H, W, 2), (dx, dy) in pixels: pixel p shows what stood at p + flow in the
            frame before; zeros at index 0.
        occluded: bool (H, W), true where that point could not be seen in the frame before.
        camera: The exact camera motion.
    """

    index: int
    rgb: U8
    label: U8
    flow: F32
    occluded: Bool
    camera: CameraMotion


@dataclass(frozen=True)
class LabelledFrame:
    """A training example: rgb uint8 (H, W, 3) and label uint8 (H, W)."""

    rgb: U8
    label: U8
