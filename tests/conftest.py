"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real recordings: the folder in SLAM_TEST_DATA, or ../shared/data beside the repository."""
    path = (ROOT / os.environ.get("SLAM_TEST_DATA", "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no test data in {path}; set SLAM_TEST_DATA")
    return path
