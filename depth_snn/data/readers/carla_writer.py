"""Writes what CARLA's cameras deliver, in the layout that `open_carla` reads."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_snn.data.readers.carla_encoding import bgra_of_bytes, flow_of_bytes
from depth_snn.data.readers.carla_recording import Recording, write_recording
from depth_snn.data.readers.images import Size
from depth_snn.errors import InputError

CAMERAS: dict[str, str] = {
    "rgb": "sensor.camera.rgb",
    "semantic": "sensor.camera.semantic_segmentation",
    "depth": "sensor.camera.depth",
    "flow": "sensor.camera.optical_flow",
}
"""Blueprint of the camera that fills each folder."""


class RecordingWriter:
    """A new recording's folder; every frame is a file in each of its four folders.

    Args:
        root: Folder to make; it must not hold a recording yet.
        recording: The facts to note.

    Raises:
        InputError: If the folder holds something, or cannot be written.
    """

    def __init__(self, root: str | Path, recording: Recording) -> None:
        if recording.height is None or recording.width is None:
            raise InputError("CARLA recording: its height and width must be known to write it")
        self.root = Path(root)
        self.size: Size = (recording.height, recording.width)
        try:
            if self.root.exists() and any(self.root.iterdir()):
                raise InputError(f"{self.root}: is not empty; give a new folder for the recording")
            for name in CAMERAS:
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.root}: cannot be written ({error.strerror})") from error
        write_recording(self.root, recording)

    def write(self, index: int, camera: str, data: bytes | memoryview) -> Path:
        """Writes one camera's frame.

        Args:
            index: Number of the frame in the recording, from 0.
            camera: A name in `CAMERAS`.
            data: The sensor's raw bytes: BGRA, or float32 pairs for the flow.

        Returns:
            The file.

        Raises:
            InputError: If the data does not fit or cannot be written.
        """
        if camera == "flow":
            path = self.root / camera / f"{index:06}.npy"
            flow = flow_of_bytes(data, self.size)
            try:
                np.save(path, flow, allow_pickle=False)
            except OSError as error:
                raise InputError(f"{path}: cannot be written ({error.strerror})") from error
            return path
        path = self.root / camera / f"{index:06}.png"
        # OpenCV writes blue first, as the sensor delivers; alpha carries nothing.
        if not cv2.imwrite(str(path), bgra_of_bytes(data, self.size)[..., :3]):
            raise InputError(f"{path}: cannot be written; check the disk and the folder's rights")
        return path
