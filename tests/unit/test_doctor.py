"""`depth-snn` itself (help, errors, exit codes) and its doctor."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from depth_snn import __version__
from depth_snn.cli import doctor_checks
from depth_snn.cli import main as program
from depth_snn.cli.doctor import core_works
from depth_snn.cli.doctor_checks import CORE, OPTIONAL, Finding, Package, check_package
from depth_snn.cli.main import COMMANDS, MODULES, build_parser, load_command, main
from depth_snn.errors import ExitCode, InputError
from depth_snn.toml_io import load_toml

ROOT = Path(__file__).resolve().parents[2]
PRESENT = [name for name in COMMANDS if find_spec(f"depth_snn.cli.{MODULES.get(name, name)}")]


def depth_snn(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "depth_snn.cli", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(word: str) -> None:
    code = (
        f"import sys; from depth_snn.cli.main import main; code = main(['{word}']); "
        "heavy = {'torch', 'numpy', 'cv2', 'av', 'numba', 'lava'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout if word == "--version" else "commands:" in done.stdout


def test_help_has_a_line_for_every_command() -> None:
    text = build_parser().format_help()
    for name in COMMANDS:
        assert re.search(rf"^ +{name} ", text, re.MULTILINE), name


def test_every_command_is_present() -> None:
    assert list(COMMANDS) == PRESENT


@pytest.mark.parametrize("name", PRESENT)
def test_help_of_a_command_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"depth-snn {name}" in text
    assert "example" in text.lower()
    assert name == load_command(name).NAME


@pytest.mark.parametrize(
    "words", [["bogus"], ["--bogus"], ["doctor", "--bogus"], ["figures"], ["doctor", "--json"]]
)
def test_wrong_usage_is_one_line_and_exit_1(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == ExitCode.ERROR
    err = capsys.readouterr().err
    assert err.startswith("depth-snn: error: ")
    assert err.count("\n") == 1
    assert "--help" in err


def test_the_program_exits_with_the_code_of_the_command() -> None:
    done = depth_snn("bogus")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        (InputError("clip.mp4: no frames; give another"), 1, "error: clip.mp4: no frames"),
        (ZeroDivisionError("two\nlines"), 1, "unexpected ZeroDivisionError: two lines; re-run"),
        (ModuleNotFoundError("no x", name="x"), 1, "the package `x` is missing"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_failure_becomes_one_line(
    failure: BaseException,
    code: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(words: list[str]) -> int:
        raise failure

    monkeypatch.setattr(program, "_dispatch", fail)
    assert main(["run"]) == code
    err = capsys.readouterr().err
    assert text in err
    assert err.strip().count("\n") == 0
    main(["run", "--debug"])
    assert ("Traceback" in capsys.readouterr().err) == (code == 1)


def test_a_command_that_is_not_installed_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "absent", "a command without a module")
    assert main(["--help"]) == 0
    assert main(["absent"]) == 1
    assert "not part of this installation" in capsys.readouterr().err


def test_doctor_reports_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "doctor.json"
    done = depth_snn("doctor", "--json", str(path))
    document = json.loads(path.read_text(encoding="utf-8"))
    findings = [Finding(**row) for row in document["findings"]]
    by_name = {finding.name: finding for finding in findings}
    assert done.returncode == (0 if document["core_works"] else 1), done.stdout
    assert document["core_works"] == core_works(findings)
    assert {"python", "torch", "weights", "lava-nc", "Loihi hardware", "machine"} <= set(by_name)
    for package in CORE:  # the tests run on them, so they are there and import
        assert by_name[package.distribution].status == "ok", by_name[package.distribution]
    for finding in findings:
        assert finding.status in {"ok", "note"} or finding.remedy, finding
        assert finding.name in done.stdout


def test_doctor_knows_every_core_dependency() -> None:
    project = load_toml(ROOT / "pyproject.toml")["project"]
    core = {re.split(r"[ <>=!;~]", line)[0] for line in project["dependencies"]}
    assert {package.distribution for package in CORE} | {"tomli"} == core | {"tomli"}
    extras = {
        name: {re.split(r"[ <>=]", line)[0] for line in lines}
        for name, lines in project["optional-dependencies"].items()
    }
    for package in OPTIONAL:
        assert package.distribution in extras[package.extra], package
    known = {package.distribution for package in OPTIONAL}
    assert extras["snn"] | extras["nir"] | extras["search"] <= known


def test_a_missing_core_package_breaks_the_core() -> None:
    finding = check_package(Package("no-such-package", "no_such_module", "nothing"), {})
    assert (finding.status, finding.core) == ("missing", True)
    assert "pip install no-such-package" in finding.remedy
    assert not core_works([finding])


def test_a_missing_optional_package_does_not() -> None:
    finding = check_package(Package("no-such-package", "no_such_module", "nothing", "snn"), {})
    assert core_works([finding])


def test_a_package_whose_import_crashes_is_broken() -> None:
    numpy = CORE[0]
    assert check_package(numpy, {}).status == "broken"
    assert check_package(numpy, {"numpy": "ImportError: no"}).status == "broken"
    assert check_package(numpy, {"numpy": ""}).status == "ok"


def test_the_probe_survives_a_module_that_kills_its_process(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("print('noise')", encoding="utf-8")
    (tmp_path / "killer.py").write_text("import os; os._exit(9)", encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from depth_snn.cli.import_probe import main; main(['good', 'absent', 'killer', 'after'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    failures, _ = doctor_checks.read_probe(done.stdout)
    assert failures["good"] == ""
    assert "ModuleNotFoundError" in failures["absent"]
    assert set(failures) == {"good", "absent"}
