"""Figures rendered into Markdown between markers; no document holds a number typed by hand.

A table stands between a line `<!-- figures:start NAMES -->` and a line `<!-- figures:end -->`,
where NAMES is a list with commas, or the word `all`; ` columns=...` after it chooses from
`COLUMNS`. A single value stands between `<!-- figure:NAME -->` and `<!-- /figure -->`. Markers
inside fenced code are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from depth_snn.errors import FigureError
from depth_snn.figures import Figure

COLUMNS = ("figure", "meaning", "value", "kind", "command", "date", "machine", "commit")
"""Columns a table can have."""

DEFAULT_COLUMNS = ("figure", "value", "kind", "command", "date")
"""Columns of a table that does not choose."""

_START = re.compile(
    r"<!-- figures:start (?P<names>[a-z0-9_, ]+?)(?: columns=(?P<columns>[a-z,]+))? -->"
)
_END = "<!-- figures:end -->"
_INLINE = re.compile(r"(<!-- figure:([a-z0-9_]+) -->).*?(<!-- /figure -->)")
_ALL = "all"


@dataclass(frozen=True)
class FigureBook:
    """The figures and what each of them means.

    Attributes:
        figures: Figures by name.
        meanings: One line of meaning by name.
    """

    figures: Mapping[str, Figure]
    meanings: Mapping[str, str]

    def figure(self, name: str) -> Figure:
        """Look a figure up.

        Args:
            name: Its name.

        Returns:
            The figure.

        Raises:
            FigureError: Nobody measured it, or it has no line of meaning.
        """
        if name not in self.meanings:
            raise FigureError(f"`{name}` has no line of meaning in docs/figures.md; write one")
        if name not in self.figures:
            raise FigureError(
                f"`{name}` is not in docs/figures.json; measure it with `make figures`"
            )
        return self.figures[name]


def render_document(text: str, book: FigureBook, source: str) -> str:
    """Render every marked table and value of a document.

    Args:
        text: The document, Markdown.
        book: The figures.
        source: What to call the document in an error.

    Returns:
        The document with what stands between the markers replaced; the same text when it was up to
        date.

    Raises:
        FigureError: A marker is malformed or unclosed, or names a figure that is unknown.
    """
    walk = _Walk(book)
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            walk.take(line)
        except FigureError as error:
            raise FigureError(f"{source}:{number}: {error}") from error
    if walk.table is not None:
        raise FigureError(f"{source}: a table of figures is not closed by {_END}")
    return "\n".join(walk.lines)


def figure_names(text: str) -> set[str]:
    """The figures a document names.

    Args:
        text: The document, Markdown.

    Returns:
        Their names; the word `all` adds none.

    Raises:
        FigureError: A marker is malformed.
    """
    names: set[str] = set()

    def note(line: str) -> None:
        names.update(match[2] for match in _INLINE.finditer(line))
        if line.startswith("<!-- figures:start"):
            names.update(_parse_start(line)[0])

    _outside_fences(text, note)
    return names - {_ALL}


def render_table(names: tuple[str, ...], columns: tuple[str, ...], book: FigureBook) -> list[str]:
    """Render figures as a Markdown table.

    Args:
        names: Figures, one row each.
        columns: From `COLUMNS`.
        book: The figures.

    Returns:
        The lines of the table.

    Raises:
        FigureError: A name is unknown.
    """
    rows = [[_cell(name, column, book) for column in columns] for name in names]
    head = [list(columns), ["---"] * len(columns)]
    return ["| " + " | ".join(row) + " |" for row in head + rows]


class _Walk:
    """Goes through a document line by line and collects the rendered lines."""

    def __init__(self, book: FigureBook) -> None:
        self.book = book
        self.lines: list[str] = []
        self.table: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self.fence = _Fence()

    def take(self, line: str) -> None:
        if self.table is not None:
            self._inside_table(line)
        elif self.fence.holds(line):
            self.lines.append(line)
        else:
            self._outside(line)

    def _inside_table(self, line: str) -> None:
        if line.startswith("<!-- figures:start"):
            raise FigureError(f"a table starts before the one above is closed by {_END}")
        if line.strip() != _END:
            return
        assert self.table is not None
        self.lines += [*render_table(*self.table, self.book), _END]
        self.table = None

    def _outside(self, line: str) -> None:
        if line.startswith("<!-- figures:end"):
            raise FigureError("a table of figures ends here that never started")
        if line.startswith("<!-- figures:start"):
            names, columns = _parse_start(line)
            if names == (_ALL,):
                names = tuple(sorted(self.book.figures))
            self.table = (names, columns)
        if line.count("<!-- figure:") != len(_INLINE.findall(line)):
            raise FigureError("a value's marker is not <!-- figure:name --> ... <!-- /figure -->")
        self.lines.append(_INLINE.sub(self._value, line))

    def _value(self, match: re.Match[str]) -> str:
        return f"{match[1]}{self.book.figure(match[2]).text()}{match[3]}"


class _Fence:
    """Whether a line belongs to fenced code."""

    def __init__(self) -> None:
        self.mark = ""

    def holds(self, line: str) -> bool:
        bare = line.strip()
        if self.mark:
            if bare.startswith(self.mark) and not bare.strip(self.mark[0]):
                self.mark = ""
            return True
        opening = re.match(r"`{3,}|~{3,}", bare)
        self.mark = opening[0] if opening else ""
        return bool(self.mark)


def _outside_fences(text: str, note: Callable[[str], None]) -> None:
    fence = _Fence()
    for line in text.split("\n"):
        if not fence.holds(line):
            note(line)


def _parse_start(line: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    match = _START.fullmatch(line.strip())
    if match is None:
        raise FigureError(
            "a table's marker is not <!-- figures:start name,name --> (with columns=... at will)"
        )
    names = tuple(name.strip() for name in match["names"].split(",") if name.strip())
    columns = tuple((match["columns"] or ",".join(DEFAULT_COLUMNS)).split(","))
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or not names:
        raise FigureError(f"columns are {', '.join(COLUMNS)}; not {', '.join(unknown) or 'none'}")
    return names, columns


def _cell(name: str, column: str, book: FigureBook) -> str:
    figure = book.figure(name)
    if column in {"figure", "command"}:
        text = f"`{name if column == 'figure' else figure.command}`"
    elif column == "meaning":
        text = book.meanings[name]
    elif column == "value":
        text = figure.text()
    else:
        text = str(getattr(figure, column))
    return text.replace("|", r"\|")
