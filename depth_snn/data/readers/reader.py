"""One reader for every dataset: a list of entries, and how to load one of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from depth_snn.data.readers.sample import Entry, Sample
from depth_snn.errors import InputError

SampleT = TypeVar("SampleT", bound=Sample)


@dataclass(frozen=True)
class Reader(Generic[SampleT]):
    """The samples of one split, in order. A sample is read when it is asked for, and not kept.

    Attributes:
        name: Dataset and folder, for messages.
        split: Name of the split.
        classes: Names of the label values; empty where the truth is objects.
        fps: Frames per second within a sequence, or None where frames are single pictures.
        entries: Where the samples lie, sequence by sequence.
        load: Reads one entry.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    fps: float | None
    entries: tuple[Entry, ...]
    load: Callable[[Entry], SampleT]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.entries)

    def __getitem__(self, index: int) -> SampleT:
        """Loads one sample.

        Raises:
            IndexError: If there is no such sample.
            InputError: If its files cannot be read.
        """
        return self.load(self.entries[operator.index(index)])

    def __iter__(self) -> Iterator[SampleT]:
        """Loads all samples one after the other."""
        for entry in self.entries:
            yield self.load(entry)

    @property
    def sequences(self) -> tuple[str, ...]:
        """Names of the runs of consecutive frames, in order."""
        return tuple(dict.fromkeys(entry.sequence for entry in self.entries))

    def sequence(self, name: str) -> Reader[SampleT]:
        """The same reader, narrowed to one sequence.

        Raises:
            InputError: If there is no sequence of that name.
        """
        chosen = tuple(entry for entry in self.entries if entry.sequence == name)
        if not chosen:
            some = ", ".join(self.sequences[:6])
            raise InputError(
                f"{self.name}: split {self.split} has no sequence {name!r}; it has "
                f"{len(self.sequences)}: {some}{', ...' if len(self.sequences) > 6 else ''}"
            )
        return replace(self, entries=chosen)

    def labelled(self) -> Reader[SampleT]:
        """The same reader, narrowed to the samples that have a label file.

        Raises:
            InputError: If none has.
        """
        chosen = tuple(entry for entry in self.entries if entry.label is not None)
        if not chosen:
            raise InputError(f"{self.name}: split {self.split} holds no labelled frame")
        return replace(self, entries=chosen)
