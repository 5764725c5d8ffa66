"""The figures file, and documents rendered from it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from depth_snn.cli.main import main
from depth_snn.errors import FigureError
from depth_snn.figure_tables import FigureBook, figure_names, render_document
from depth_snn.figures import (
    Figure,
    found_now,
    load_figures,
    load_meanings,
    merge_figures,
    write_measurement,
)
from depth_snn.machine import machine_class

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FIGURE = Figure(
    value=0.5,
    unit="ms",
    spread=0.02,
    command="python a.py | tail",
    date="2025-01-31",
    machine="2-core x86_64, 8 GiB",
    commit="0123456789ab",
)
BOOK = FigureBook({"frame_time": FIGURE}, {"frame_time": "Time of a frame."})


def project_book() -> FigureBook:
    docs = ROOT / "docs"
    return FigureBook(load_figures(docs / "figures.json"), load_meanings(docs / "figures.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
def test_document_is_not_stale(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert render_document(text, project_book(), path.name) == text, "stale; run `make docs`"


def test_every_figure_has_a_meaning() -> None:
    book = project_book()
    assert set(book.figures) <= set(book.meanings)


def test_every_name_in_the_documents_is_known() -> None:
    book = project_book()
    for path in DOCUMENTS:
        names = figure_names(path.read_text(encoding="utf-8"))
        assert names <= set(book.figures) & set(book.meanings), path.name


def test_figures_are_from_existing_commands() -> None:
    """A figure's command names a script of this project, or the installed program."""
    for name, figure in project_book().figures.items():
        scripts = re.findall(r"\S+\.py", figure.command)
        assert all((ROOT / script).is_file() for script in scripts), name
        assert scripts or figure.command.split()[0] in {"depth-snn", "make"}, name


def test_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_measurement(path, {"frame_time": FIGURE, "count": replace(FIGURE, value=3, spread=None)})
    assert load_figures(path) == {
        "count": replace(FIGURE, value=3, spread=None),
        "frame_time": FIGURE,
    }
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_found_now_describes_this_machine() -> None:
    figure = found_now(1.5, unit="ms", command="make test")
    assert figure.machine == machine_class()
    assert re.fullmatch(r"\d+-core \w+(, \d+ GiB)?", figure.machine)
    assert re.fullmatch(r"[0-9a-f]{12}\+?|unknown", figure.commit)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", float("nan")),
        ("value", float("inf")),
        ("value", "3"),
        ("value", True),
        ("spread", -1.0),
        ("kind", "guessed"),
        ("command", ""),
        ("date", "yesterday"),
        ("machine", "two\nlines"),
    ],
)
def test_a_malformed_figure_is_refused(field: str, value: object) -> None:
    with pytest.raises(FigureError, match=field):
        replace(FIGURE, **{field: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "JSON"),
        ("[]", "expected"),
        ('{"format": 2, "figures": {}}', "format 2"),
        ('{"format": 1, "figures": {"a": {}}}', "`a`: expected the fields"),
        ('{"format": 1, "figures": {"Bad-Name": {}}}', "snake_case"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "figures.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FigureError, match=re.escape(message)):
        load_figures(path)


def test_merge_prefers_the_newer_and_refuses_two_of_a_name() -> None:
    newer = replace(FIGURE, value=0.25)
    assert merge_figures({"a": FIGURE, "b": FIGURE}, ("x", {"a": newer})) == {
        "a": newer,
        "b": FIGURE,
    }
    with pytest.raises(FigureError, match="`a` is in x and in y"):
        merge_figures({}, ("x", {"a": FIGURE}), ("y", {"a": newer}))


@pytest.mark.parametrize(
    ("value", "spread", "unit", "text"),
    [
        (1234567, None, "", "1234567"),
        (0.123456, None, "×", "0.1235×"),
        (3.0, 0.25, "ms", "3 ± 0.25 ms"),
        (12.0, None, "%", "12%"),
        (12.0, 1.0, "%", "12 ± 1 %"),
    ],
)
def test_text(value: float, spread: float | None, unit: str, text: str) -> None:
    assert replace(FIGURE, value=value, spread=spread, unit=unit).text() == text


def test_rendering_replaces_what_stands_between_markers() -> None:
    text = (
        "Before <!-- figure:frame_time -->9 s<!-- /figure --> after.\n"
        "<!-- figures:start frame_time columns=meaning,value,command -->\n"
        "typed by hand\n"
        "<!-- figures:end -->\n"
    )
    new = render_document(text, BOOK, "a.md")
    assert "<!-- figure:frame_time -->0.5 ± 0.02 ms<!-- /figure -->" in new
    assert "| Time of a frame. | 0.5 ± 0.02 ms | `python a.py \\| tail` |" in new
    assert "by hand" not in new
    assert render_document(new, BOOK, "a.md") == new


def test_fenced_code_is_left_alone() -> None:
    text = (
        "```markdown\n<!-- figures:start nobody -->\n<!-- figure:nobody -->1<!-- /figure -->\n```"
    )
    assert render_document(text, BOOK, "a.md") == text
    assert figure_names(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- figures:start frame_time -->",
        "<!-- figures:end -->",
        "<!-- figures:start Frame -->\n<!-- figures:end -->",
        "<!-- figures:start frame_time columns=colour -->\n<!-- figures:end -->",
        "<!-- figures:start frame_time -->\n<!-- figures:start frame_time -->",
        "<!-- figures:start unknown_name -->\n<!-- figures:end -->",
        "<!-- figure:unknown_name -->1<!-- /figure -->",
        "<!-- figure:frame_time -->1",
    ],
)
def test_a_wrong_marker_is_refused(text: str) -> None:
    with pytest.raises(FigureError, match=r"a\.md"):
        render_document(text, BOOK, "a.md")


def test_measuring_is_told_apart_from_meaning() -> None:
    with pytest.raises(FigureError, match="measure it"):
        FigureBook({}, {"a": "A."}).figure("a")
    with pytest.raises(FigureError, match="line of meaning"):
        FigureBook({"a": FIGURE}, {}).figure("a")


def test_a_meaning_defined_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "figures.md"
    path.write_text("- `a`: one\n- `a`: two\n", encoding="utf-8")
    with pytest.raises(FigureError, match="twice"):
        load_meanings(path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project: a document, a meaning, and a script that measures."""
    (tmp_path / "figures.md").write_text("- `frame_time`: Time of a frame.\n", encoding="utf-8")
    (tmp_path / "a.md").write_text("<!-- figure:frame_time --><!-- /figure -->", encoding="utf-8")
    row = json.dumps({"format": 1, "figures": {"frame_time": vars(FIGURE)}})
    script = f"import sys\nassert sys.argv[1] == '--json'\nopen(sys.argv[2], 'w').write({row!r})\n"
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "measure_time.py").write_text(script, encoding="utf-8")
    return tmp_path


def test_measure_then_render_then_check(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book, document = str(project / "figures.json"), str(project / "a.md")
    render = ["figures", "render", document, "--figures", book]
    assert main(render) == 1, "nothing is measured yet"
    assert (
        main(["figures", "measure", "--benchmarks", str(project / "benchmarks"), "--into", book])
        == 0
    )
    assert main([*render, "--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert main(render) == 0
    assert main([*render, "--check"]) == 0
    assert "0.5 ± 0.02 ms" in Path(document).read_text(encoding="utf-8")


def test_a_failing_measurement_changes_nothing(project: Path) -> None:
    (project / "benchmarks" / "measure_worse.py").write_text(
        "raise SystemExit(3)", encoding="utf-8"
    )
    book = project / "figures.json"
    words = ["figures", "measure", "--benchmarks", str(project / "benchmarks"), "--into", str(book)]
    assert main(words) == 1
    assert not book.exists()


def test_merge_refuses_a_name_without_meaning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_measurement(project / "new.json", {"secret": FIGURE})
    words = ["figures", "merge", str(project / "new.json"), "--into", str(project / "figures.json")]
    assert main(words) == 1
    assert "`secret` has no line of meaning" in capsys.readouterr().err


def test_rendering_loads_no_torch() -> None:
    code = (
        "import sys; from depth_snn.cli.main import main; "
        "main(['figures', 'render', '--check', 'docs/figures.md']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
