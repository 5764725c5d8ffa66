"""Finding a dataset's folders and files, with errors that say what was looked for."""

from __future__ import annotations

from pathlib import Path

from depth_snn.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def dataset_root(root: str | Path, what: str) -> Path:
    """The folder a dataset was said to be in.

    Args:
        root: The folder.
        what: The dataset and the folders it should hold, for the message.

    Raises:
        InputError: If there is no such folder.
    """
    path = Path(root)
    if not path.is_dir():
        state = "is not a folder" if path.exists() else "no such folder"
        raise InputError(f"{path}: {state}; expected {what}")
    return path


def wrong_layout(root: Path, looked_for: str, remedy: str) -> InputError:
    """The error for a folder that is there and holds something else."""
    return InputError(f"{root}: looked for {looked_for}, found {listing(root)}; {remedy}")


def listing(folder: Path) -> str:
    """A few of the names a folder holds."""
    try:
        names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir())
    except OSError as error:
        return f"nothing readable ({error.strerror or error})"
    if not names:
        return "an empty folder"
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted by name."""
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error


def images_in(folder: Path) -> list[Path]:
    """Pictures in a folder, sorted by name; an empty list if there is no such folder."""
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return sorted(p for p in found if not p.name.startswith("."))


def read_lines(path: Path) -> list[str]:
    """The lines of a list file that hold something.

    Raises:
        InputError: If it cannot be read, is not text, or lists nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text list; replace it") from error
    kept = [line.strip() for line in lines if line.strip()]
    if not kept:
        raise InputError(f"{path}: the list is empty; fill it or remove it")
    return kept
