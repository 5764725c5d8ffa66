"""What every test shares."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# A shared machine makes single examples slow now and then; the test's own timeout is the limit.
settings.register_profile("depth", deadline=None, print_blob=True)
settings.load_profile("depth")

# A job that a shell starts in the background ignores Ctrl-C, and so would all it starts; tests of
# interruption need it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real clips, labelled frames and the recorded chip trace, beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the data folder beside the project (../shared/data), which is not here")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    """Two torch threads, so that timings and sums do not depend on the machine's size."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(2)
