"""A counselor's desk on another machine than the server, and its network cut in a call.

`desk_elsewhere.py` holds the tests: they run in network namespaces, which nobody but their own
processes sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.elsewhere import alone

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
LONGEST = 180
"""Seconds, on a busy machine."""
TESTS = "tests/e2e/desk_elsewhere.py"


@pytest.mark.timeout(2 * LONGEST)
def test_a_desk_elsewhere() -> None:
    if subprocess.run(alone(["true"]), capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets users have no network namespaces of their own")
    pytest_there = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--timeout={LONGEST}", TESTS
    ]  # fmt: skip
    done = subprocess.run(
        alone(pytest_there), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
