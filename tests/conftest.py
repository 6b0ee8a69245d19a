"""Fixtures for all tests."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# WebGL is drawn by the processor, for machines without a graphics card.
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
PAGE_SIZE_PX = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real recordings: the folder in SLAM_TEST_DATA, or ../shared/data beside the repository."""
    path = (ROOT / os.environ.get("SLAM_TEST_DATA", "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no test data in {path}; set SLAM_TEST_DATA")
    return path


@dataclass
class WatchedPage:
    """A browser's page (playwright's), what it has asked for and what it has complained about."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def chromium_page() -> Iterator[WatchedPage]:
    """An empty page in headless Chromium, 1280 px wide; skips where there is none on PATH."""
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser on PATH: none of {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_ARGUMENTS)
        try:
            yield WatchedPage(browser.new_page(viewport=PAGE_SIZE_PX))
        finally:
            browser.close()
