"""The viewer's page as a browser shows it while a comparison goes on."""

import itertools
import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.viewer.blueprint import BACKGROUND
from slam.viewer.open import open_viewer

pytest.importorskip("rerun", reason="rerun-sdk is not installed")
SIZE = {"width": 1280, "height": 800}
PANES = {"tsdf": np.s_[100:320, 20:620], "neural": np.s_[100:320, 660:1260]}  # v, u
COVERED = 0.05  # of a pane; a camera and its axes alone cover less than a hundredth
LIMIT_S = 120.0


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=SIZE)
    yield page
    page.close()


def covered(image: np.ndarray, name: str) -> float:
    """Return how much of a pane shows something else than its background."""
    difference = np.abs(image[PANES[name]].astype(int) - BACKGROUND).max(axis=2)
    return float((difference > 24).mean())


def is_of_this_machine(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


@pytest.mark.timeout(240)
def test_both_maps_grow_on_the_page_and_nothing_leaves_the_machine(
    page, walk, make_maps, run_through, tmp_path
):
    said, sent = [], []
    page.on("requestfinished", lambda request: sent.append(request.url))
    viewer = open_viewer("web", ("tsdf", "neural"), walk.truth, said.append)
    url = said[0].removeprefix("the viewer is at ")
    page.goto(url)
    maps, image = make_maps(), np.zeros((SIZE["height"], SIZE["width"], 3), np.uint8)
    snapshots = itertools.chain(run_through(maps), itertools.repeat(None))
    deadline_s = time.monotonic() + LIMIT_S
    newest = next(snapshots)
    for index in itertools.count():
        frame = replace(newest.frame, index=index, timestamp_s=100.0 + index / 5)
        viewer.show(replace(newest, frame=frame))
        newest = next(snapshots) or newest
        page.wait_for_timeout(200)
        if index % 10 == 9:
            data = np.frombuffer(page.screenshot(), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
            if all(covered(image, name) > COVERED for name in PANES):
                break
            assert time.monotonic() < deadline_s, [covered(image, name) for name in PANES]
    viewer.finish()
    page.get_by_text("The run has ended. Its last view stays").wait_for(timeout=20_000)
    assert viewer.is_watched
    page.close()
    while viewer.is_watched:
        time.sleep(0.01)
    viewer.close()
    folder = Path(os.environ.get("TWINMAP_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "viewer.png"), image[..., ::-1])
    assert [url for url in sent if not is_of_this_machine(url)] == []
