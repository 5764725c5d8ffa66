"""The report: key frames, picture content, and one page that needs nothing from outside."""

from __future__ import annotations

import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from depth_snn.errors import InputError
from depth_snn.toml_io import loads_toml
from sims.budget import evaluate
from sims.budget_file import parse_budget
from sims.energy import estimate_energy
from sims.record import TOKEN_COMPUTED, TOKEN_CUT, TOKEN_RESTORED, RunRecord
from sims.report import compute_plot, frames, write_report
from sims.report.frames import draw_overlay, event_boxes, token_picture
from sims.report.gates import _raster, active_regions
from sims.report.key_frames import KeyFrame, _into, choose_key_frames
from sims.report.sections import quality_rows
from sims.report.style import new_figure
from sims.report.write import render_page

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record = FACTORY["make_record"], FACTORY["two_node_record"]
GENERIC = parse_budget(loads_toml(FACTORY["GENERIC_BUDGET"]), "generic.toml")
PICTURES = ("overlay", "tokens", "gates", "energy", "compute", "energy_tables")


class _Balance(HTMLParser):
    """Checks that every opened element is closed."""

    VOID = ("meta", "img", "br", "hr", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, dict[str, Path]]:
    record = make_record()
    energy = estimate_energy(record)
    judged = evaluate(record, GENERIC, energy)
    return record, write_report(record, energy, judged, tmp_path_factory.mktemp("report"))


def test_files_are_there_and_are_pictures(written: tuple[RunRecord, dict[str, Path]]) -> None:
    _, paths = written
    assert set(paths) == {*PICTURES, "html"}
    for name in PICTURES:
        with Image.open(paths[name]) as image:
            image.load()
            assert image.width > 600 and np.asarray(image.convert("L")).std() > 5
    folder = paths["html"].parent
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_page_needs_nothing_from_outside(written: tuple[RunRecord, dict[str, Path]]) -> None:
    page = written[1]["html"].read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|url\(", _without_images(page))
    assert re.findall(r'src="([^"]{0,22})', page) == ["data:image/png;base64,"] * len(PICTURES)
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []


def test_page_says_what_happened(written: tuple[RunRecord, dict[str, Path]]) -> None:
    record, paths = written
    page = _without_images(paths["html"].read_text(encoding="utf-8"))
    assert page.index("Within budget") < page.index("Limits") < page.index("Energy</h2>")
    share = 100 * float(record.total_macs[1:].mean()) / record.dense_macs
    assert f"{share:.1f} % of the dense network" in page
    for text in ("hops", "static power", "modelled", "quoted", "Davies et al.", "mismatches 0"):
        assert text in page


def test_exceeded_budget_heads_the_page(written: tuple[RunRecord, dict[str, Path]]) -> None:
    record = two_node_record()
    energy = estimate_energy(record)
    data = loads_toml("format = 1\n[recovery]\nextra_compute_percent_max = 14.9\n")
    judged = evaluate(record, parse_budget(data, "b.toml"), energy)
    body = _without_images(render_page(record, energy, judged, _pictures(written)))
    assert "Budget exceeded" in body and 'class="bad"' in body and "(network, frame 2)" in body


def test_witnesses_that_disagree_head_the_page(tmp_path: Path) -> None:
    record = make_record(3)
    energy = estimate_energy(record)
    judged = evaluate(record, GENERIC, energy)
    assert judged.passed
    paths = write_report(record, energy, judged, tmp_path, broken=("lava", "reference_vs_fast"))
    page = _without_images(paths["html"].read_text(encoding="utf-8"))
    body = page[page.index("<body>") :]
    assert body.split()[:4] == ["<body>", "<div", 'class="verdict', 'invalid">']
    assert "<h1>Not valid</h1>" in body and "disagree: lava, reference_vs_fast." in body
    assert "Within budget" not in page and ".invalid h1 { color: #b00020; }" in page


def test_names_from_outside_are_escaped(written: tuple[RunRecord, dict[str, Path]]) -> None:
    record = two_node_record(source="<script>alert(1)</script>.mp4")
    page = render_page(record, estimate_energy(record), None, _pictures(written))
    assert "<script" not in page and "&lt;script&gt;" in page and "No budget" in page


def test_same_record_same_bytes(tmp_path: Path) -> None:
    record = two_node_record()
    energy = estimate_energy(record)
    first = write_report(record, energy, None, tmp_path / "a")
    second = write_report(record, energy, None, tmp_path / "b")
    for name in first:
        assert first[name].read_bytes() == second[name].read_bytes(), name


def test_single_frame_without_counts_or_labels(tmp_path: Path) -> None:
    record = make_record(1, counts={}, truth=None, quality={}, timing_ms={}, witnesses={})
    paths = write_report(record, estimate_energy(record), None, tmp_path)
    page = _without_images(paths["html"].read_text(encoding="utf-8"))
    assert "everything: the run has no counts" in page and "Witnesses" not in page


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    record = two_node_record()
    with pytest.raises(InputError, match="cannot be created"):
        write_report(record, estimate_energy(record), None, tmp_path / "file" / "out")


def test_key_frames_follow_the_run() -> None:
    record = make_record()
    chosen = choose_key_frames(record)
    reasons = {key.frame: key.reason for key in chosen}
    restored = (record.token_state == 2).sum(axis=1)
    assert reasons[0] == "first frame, dense" and reasons[12] == "pedestrian begins"
    assert int(restored.argmax()) in reasons
    assert list(reasons) == sorted(reasons) and len(chosen) == 6
    assert [key.frame for key in choose_key_frames(make_record(3))] == [0, 1, 2]


def test_token_picture_tints_what_was_computed() -> None:
    record = make_record()
    state = np.zeros_like(record.token_state)
    state[5, :4] = (0, 1, 2, TOKEN_CUT)
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}
    picture = token_picture(RunRecord(**{**values, "token_state": state}), 5).astype(int)
    reused, computed, restored, cut = (
        picture[:8, 8 * i : 8 * i + 8].mean(axis=(0, 1)) for i in range(4)
    )
    assert np.ptp(reused) == 0
    assert computed[2] > computed[0] + 40
    assert restored[0] > restored[2] + 80
    assert cut[0] > cut[1] + 20 and cut[2] > cut[1] + 10


@pytest.mark.parametrize(
    ("policy", "percent"),
    [
        ({"gate": {"cap_percent": 40}}, 40.0),
        ({"gate": {"cap_percent": 0}}, 0.0),
        ({"gate": {}}, 15.0),
        ({"gate": "off"}, 15.0),
        ({"gate": {"cap_percent": "much"}}, 15.0),
        ({}, 15.0),
    ],
)
def test_cap_of_the_run_is_drawn(
    policy: dict[str, object], percent: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = _keep_figures(monkeypatch, compute_plot)
    compute_plot.draw_compute(two_node_record(policy=policy), tmp_path / "compute.png")
    lines = {line.get_label(): line for line in drawn[0].axes[1].lines}
    assert list(lines[f"cap {percent:g} %"].get_ydata()) == [percent, percent]
    assert drawn[0].axes[1].get_ylim()[1] > percent


def test_event_box_is_outlined_where_the_event_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"kind": "pedestrian", "first_frame": 12, "last_frame": 13, "box": [150, 60, 210, 98]}
    record = make_record(14, events=(event, {**event, "box": [1, 2]}))
    assert event_boxes(record, 12) == [(150, 60, 210, 98)] and event_boxes(record, 13) == []
    drawn = _keep_figures(monkeypatch, frames)
    path = draw_overlay(record, (KeyFrame(12, "a"), KeyFrame(13, "b")), tmp_path / "overlay.png")
    begins, later = ([p.get_bbox().bounds for p in axes.patches] for axes in drawn[0].axes)
    assert set(begins) == {(149.5, 59.5, 60.0, 38.0)} and later == []
    with Image.open(path) as image:
        yellow = (np.asarray(image.convert("RGB")) == (0xF0, 0xE4, 0x42)).all(axis=2)
    assert yellow.sum() > 200


def test_only_fractions_are_shown_as_percentages() -> None:
    quality = {"miou_integer": 0.5, "iou_vehicle_dense": 0.25, "integer_error_logit_mean": 0.0634}
    rows = quality_rows(two_node_record(quality=quality))
    assert [value for _, value in rows] == ["50.00 %", "25.00 %", "0.0634"]


def test_active_regions_come_by_spikes() -> None:
    record = make_record()
    order = active_regions(record)
    spikes = record.spikes.sum(axis=0)
    assert spikes[order[0]] == spikes.max() and len(set(order.tolist())) == 5


def _keep_figures(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[Figure]:
    """Figures that a module saves from now on; they are still written."""
    drawn: list[Figure] = []
    save = module.save_figure

    def keep(figure: Figure, path: Path) -> Path:
        drawn.append(figure)
        return Path(save(figure, path))

    monkeypatch.setattr(module, "save_figure", keep)
    return drawn


def _pictures(written: tuple[RunRecord, dict[str, Path]]) -> dict[str, Path]:
    return {name: written[1][name] for name in PICTURES}


def _without_images(page: str) -> str:
    return re.sub(r'src="data:[^"]*"', "", page)


def test_regions_computed_anyway_are_told_apart_in_the_raster() -> None:
    states = np.full((3, 4), TOKEN_COMPUTED, np.uint8)
    states[2, 1] = TOKEN_RESTORED
    fired = np.ones((3, 1), dtype=bool)
    record = two_node_record(token_state=states, spikes=fired, admitted=fired)
    axes = new_figure(4, 3).subplots()
    _raster(axes, record)
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["admitted, all tokens computed anyway (2)", "spike, restored (1)"]


def test_one_frame_is_one_frame() -> None:
    assert _into(1, "pedestrian") == "1 frame into pedestrian"
    assert _into(2, "car") == "2 frames into car"
