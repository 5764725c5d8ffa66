"""Records a drive from a running CARLA server: synchronous mode, fixed step, one file a frame."""

from __future__ import annotations

import queue
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_snn.data.readers.carla_client import carla_module, connect
from depth_snn.data.readers.carla_recording import Recording
from depth_snn.data.readers.carla_writer import CAMERAS, RecordingWriter
from depth_snn.data.readers.images import MAX_PIXELS
from depth_snn.errors import ConfigError, EngineError

_BEHIND_GLASS = (1.5, 0.0, 1.6)  # metres ahead, right and above the car's centre


@dataclass(frozen=True)
class DriveSettings:
    """What to record.

    Attributes:
        frames: Number of frames.
        warm_up: Steps driven before the first, until cars stand on their wheels and move.
        height: Rows of the pictures.
        width: Columns of the pictures.
        fov_deg: Horizontal field of view.
        step_s: Fixed simulation step; one frame is taken each step.
        town: Map to load, such as "Town03"; None keeps the server's.
        vehicles: Other cars to set on the road.
        seed: Seed of the traffic and of the choice of places.
    """

    frames: int = 100
    warm_up: int = 30
    height: int = 256
    width: int = 512
    fov_deg: float = 90.0
    step_s: float = 1.0 / 15.0
    town: str | None = None
    vehicles: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "frames": (1, 10**6),
            "warm_up": (0, 10**4),
            "height": (1, MAX_PIXELS // max(self.width, 1)),
            "width": (1, MAX_PIXELS),
            "fov_deg": (1.0, 170.0),
            # CARLA's physics is stable up to 0.1 s without substeps.
            "step_s": (0.001, 0.1),
            "vehicles": (0, 500),
            "seed": (0, 2**31 - 1),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"CARLA drive: {name} is {value}; use {least} to {most}")


def record_drive(
    out: str | Path,
    settings: DriveSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 2000,
    timeout_s: float = 20.0,
) -> Path:
    """Drives through a town by autopilot and records colours, tags, depth and flow.

    Args:
        out: New folder for the recording.
        settings: What to record.
        host: Machine of the server.
        port: Its port.
        timeout_s: Longest wait for any answer.

    Returns:
        The folder, for `open_carla`; `decide_recorded_flow` then finds how to read the flow.

    Raises:
        MissingDependency: If the client package is not installed.
        EngineError: If no server answers, or it fails on the way.
        InputError: If the folder is not new.
    """
    drive = settings or DriveSettings()
    client, version = connect(host, port, timeout_s)
    recording = Recording(
        version, drive.height, drive.width, fov_deg=drive.fov_deg, step_s=drive.step_s
    )
    writer = RecordingWriter(out, recording)
    try:
        world = client.load_world(drive.town) if drive.town else client.get_world()
        with _stepping(client, world, drive) as traffic, _actors(client) as actors:
            queues = _populate(world, traffic, drive, actors)
            _record(world, queues, writer, drive, timeout_s)
    except RuntimeError as error:
        raise EngineError(f"the CARLA server at {host}:{port} failed: {error}") from error
    return writer.root


@contextmanager
def _stepping(client: Any, world: Any, drive: DriveSettings) -> Iterator[Any]:
    """Synchronous mode while it lasts; a server left waiting for ticks would look hung."""
    before = world.get_settings()
    now = world.get_settings()
    now.synchronous_mode = True
    now.fixed_delta_seconds = drive.step_s
    traffic = client.get_trafficmanager()
    try:
        world.apply_settings(now)
        traffic.set_synchronous_mode(True)
        traffic.set_random_device_seed(drive.seed)
        yield traffic
    finally:
        traffic.set_synchronous_mode(False)
        world.apply_settings(before)


@contextmanager
def _actors(client: Any) -> Iterator[list[Any]]:
    """A list whose actors are gone from the server afterwards."""
    actors: list[Any] = []
    try:
        yield actors
    finally:
        destroy = carla_module().command.DestroyActor
        client.apply_batch_sync([destroy(actor.id) for actor in reversed(actors)], True)


def _populate(
    world: Any, traffic: Any, drive: DriveSettings, actors: list[Any]
) -> dict[str, queue.SimpleQueue[Any]]:
    """Sets cars on the road and cameras on the first; returns a queue for each camera."""
    rng = random.Random(drive.seed)
    places = list(world.get_map().get_spawn_points())
    rng.shuffle(places)
    library = world.get_blueprint_library()
    models = sorted(library.filter("vehicle.*"), key=lambda model: model.id)
    for place in places[: drive.vehicles + 1]:
        car = world.try_spawn_actor(rng.choice(models), place)
        if car is not None:
            actors.append(car)
            car.set_autopilot(True, traffic.get_port())
    if not actors:
        raise EngineError("CARLA: no car could be set on this map; load another town")
    ego = actors[0]
    carla = carla_module()
    ahead, right, above = _BEHIND_GLASS
    mount = carla.Transform(carla.Location(x=ahead, y=right, z=above))
    queues: dict[str, queue.SimpleQueue[Any]] = {}
    for name, kind in CAMERAS.items():
        blueprint = library.find(kind)
        blueprint.set_attribute("image_size_x", str(drive.width))
        blueprint.set_attribute("image_size_y", str(drive.height))
        blueprint.set_attribute("fov", str(drive.fov_deg))
        if name == "rgb" and blueprint.has_attribute("motion_blur_intensity"):
            # Blur would smear colours over the labels' edges.
            blueprint.set_attribute("motion_blur_intensity", "0.0")
        camera = world.spawn_actor(blueprint, mount, attach_to=ego)
        actors.append(camera)
        queues[name] = queue.SimpleQueue()
        camera.listen(queues[name].put)
    return queues


def _record(
    world: Any,
    queues: dict[str, queue.SimpleQueue[Any]],
    writer: RecordingWriter,
    drive: DriveSettings,
    timeout_s: float,
) -> None:
    for step in range(drive.warm_up + drive.frames):
        number = world.tick(timeout_s)
        for name, waiting in queues.items():
            data = _of_frame(waiting, number, name, timeout_s)
            if step >= drive.warm_up:
                writer.write(step - drive.warm_up, name, data.raw_data)


def _of_frame(waiting: queue.SimpleQueue[Any], number: int, name: str, timeout_s: float) -> Any:
    """The camera's delivery for one simulation step; late ones of earlier steps are dropped."""
    while True:
        try:
            data = waiting.get(timeout=timeout_s)
        except queue.Empty as error:
            raise EngineError(
                f"CARLA: the {name} camera sent nothing for step {number} within {timeout_s:g} s; "
                "lower the picture size or raise the timeout"
            ) from error
        if data.frame == number:
            return data
        if data.frame > number:
            raise EngineError(f"CARLA: the {name} camera skipped step {number}; record again")
