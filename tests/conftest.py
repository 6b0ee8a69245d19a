"""Fixtures for all tests."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Processes of tests share the cores: threads that spin while they wait would keep them from others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# where the packages of the GPU check and of the cases that it shares with the tests lie
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
# A suite in the background of a script ignores Ctrl-C, and so would the commands that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = ["--no-sandbox", "--disable-background-networking"]
# WebGL on the CPU
BROWSER_FLAGS += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
BROWSER_FLAGS += ["--ignore-gpu-blocklist"]
LONG_S = 200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that may take minutes, by the limit that they set themselves, first: no process
    of tests waits at the end for another that is in the middle of one.
    """

    def is_short(item: pytest.Item) -> bool:
        limit = item.get_closest_marker("timeout")
        return limit is None or limit.args[0] < LONG_S

    items.sort(key=is_short)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real recordings: the folder in SLAM_TEST_DATA, or ../shared/data beside the repository."""
    path = (ROOT / os.environ.get("SLAM_TEST_DATA", "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no test data in {path}; set SLAM_TEST_DATA")
    return path


@pytest.fixture(scope="module")  # no longer: playwright's event loop would be in others' way
def browser() -> Iterator[Any]:
    """A headless Chromium (playwright's `Browser`); skips where there is none in PATH."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no Chromium in PATH: none of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield browser
        browser.close()
