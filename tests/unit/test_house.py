"""The house rules: style, types, import arrows, sizes, and what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("depth_snn", "conversion", "loihi", "sims")
TOP_LEVEL = (*PACKAGES, "tests", "examples", "benchmarks", "docs")
MAX_FILE_LINES = 320
MAX_BODY_LINES = 60


def project_files() -> list[Path]:
    """Files that git tracks or would track."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name]
        return sorted(ROOT / name for name in names if (ROOT / name).is_file())
    skip = {".venv", ".git", "out", "__pycache__"}  # a source archive has no repository
    every = ROOT.rglob("*")
    return sorted(p for p in every if p.is_file() and not skip & set(p.relative_to(ROOT).parts))


FILES = project_files()
SOURCES = [path for path in FILES if path.suffix == ".py"]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check() -> None:
    run("-m", "ruff", "check", ".")


def test_ruff_format() -> None:
    run("-m", "ruff", "format", "--check", ".")


def test_mypy() -> None:
    run("-m", "mypy")


def test_import_arrows() -> None:
    run("-c", "from importlinter.cli import lint_imports_command as command; command()")


def imports_of(path: Path) -> Iterator[str]:
    """Modules that a file imports, anywhere in it, by statement."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lava_names_of(path: Path) -> list[str]:
    """Lava modules a file imports: by statement, or as strings handed to importlib.

    Asking whether a module is there (`find_spec`) does not count.
    """
    found = [name for name in imports_of(path) if name.split(".")[0] == "lava"]
    asked = {
        id(word)
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call) and called(node).endswith("find_spec")
        for word in node.args
    }
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in asked:
            found += re.findall(r"\Alava(?:\.\w+)+\Z", node.value)
    return found


def test_lava_stands_in_exactly_one_file() -> None:
    files = [name_of(path) for path in SOURCES if lava_names_of(path)]
    assert len(files) == 1, files
    assert files[0].startswith("loihi/"), files


ORACLE_READS = (
    "sims.reference", "sims.overflow.", "conversion.nodes", "conversion.graph.", "depth_snn.errors",
)  # fmt: skip
# Where tables of Python integers become arrays and back, and where a result is handed out.
ORACLE_BORDER = {
    "sims/reference/arrays.py": ("numpy", "sims.counts", "sims.footprint"),
    "sims/reference/run.py": ("numpy.typing", "sims.result"),
}


def test_reference_takes_only_graph_classes_from_the_project() -> None:
    """The oracle may read nodes and graphs as data and raise errors; every sum is its own."""
    reference = [path for path in SOURCES if name_of(path).startswith("sims/reference/")]
    assert reference
    for path in reference:
        border = ORACLE_BORDER.get(name_of(path), ())
        for module in imports_of(path):
            top = module.split(".")[0]
            project = top in PACKAGES
            known = f"{module}.".startswith((*ORACLE_READS, *border))
            assert known or not project, f"{name_of(path)}: {module}"
            assert known or top in sys.stdlib_module_names, f"{name_of(path)}: {module}"


def test_the_border_of_the_reference_computes_nothing() -> None:
    """Of numpy it may only take what makes and stacks arrays, and the size of a shape."""
    allowed = {"array", "asarray", "stack", "zeros", "prod", "int64"}
    for name in ORACLE_BORDER:
        every = [node for node in ast.walk(TREES[ROOT / name]) if isinstance(node, ast.Attribute)]
        used = {n.attr for n in every if isinstance(n.value, ast.Name) and n.value.id == "np"}
        assert used <= allowed, name


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE_LINES, f"{name_of(path)} has {lines} lines; split it by noun"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, without its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(TREES[path]):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = body_lines(node)
            assert lines <= MAX_BODY_LINES, f"{name_of(path)}: {node.name} has {lines} lines"


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_nothing_loads_what_could_execute() -> None:
    """Weights, graphs and settings are data: no pickle, no torch.load, no eval."""
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    calls = {"torch.load", "torch.save", "yaml.load", "eval", "exec"}
    for path in SOURCES:
        bad = [name for name in imports_of(path) if name.split(".")[0] in modules]
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call):
                bad += [called(node)] if called(node) in calls else []
                bad += [
                    k.arg for k in node.keywords if k.arg == "allow_pickle" and is_true(k.value)
                ]
        assert not bad, f"{name_of(path)}: {bad}"


def is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is False)


# Written in pieces, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?:^|[^\w.])/(?:wor" r"k|roo" r"t|far" r"m|hom" r"e|Use" r"rs)/\w")
REGISTRY = re.compile(
    r"index[-_]" r"url|py" r"pi\.(?:org|io)|python" r"hosted|npm" r"js|--find-" r"links"
)
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


def test_files_hold_no_machine_paths_registries_or_unfinished_marks() -> None:
    texts = [path for path in FILES if is_text(path)]
    assert texts
    for path in texts:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for pattern in (MACHINE_PATH, REGISTRY, UNFINISHED):
                assert not pattern.search(line), f"{name_of(path)}:{number}: {line.strip()}"


def is_text(path: Path) -> bool:
    head = path.read_bytes()[:4096]
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def test_layout() -> None:
    for folder in TOP_LEVEL:
        assert (ROOT / folder).is_dir(), folder
    for package in PACKAGES:
        assert (ROOT / package / "__init__.py").is_file(), package
        assert (ROOT / package / "py.typed").is_file(), package
    assert (ROOT / ".python-version").read_text(encoding="utf-8").strip() == "3.10"


def test_constraints_are_exact_and_cover_the_core() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==[\w.]+", pin) for pin in pins), pins
    names = {pin.split("==")[0] for pin in pins}
    assert {"numpy", "torch", "h5py", "lava-nc", "lava-dl", "snntorch", "norse", "pytest"} <= names
