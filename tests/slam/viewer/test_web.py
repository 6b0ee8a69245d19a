"""The viewer's page as a browser shows it while a comparison goes on."""

import itertools
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.sources.sequence_writer import write_sequence
from slam.sources.synthetic import open_synthetic
from slam.viewer.blueprint import BACKGROUND
from slam.viewer.open import open_viewer

SIZE = {"width": 1280, "height": 800}
COVERED = 0.05  # of a pane; a camera and its axes alone cover less than a hundredth
LIMIT_S = 120.0
SLAM = "import sys; from slam.cli import main; sys.exit(main())"


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=SIZE)
    yield page
    page.close()


def covered(image: np.ndarray, num_maps: int) -> list[float]:
    """Return how much of each map's pane shows something else than its background; nothing where
    all of it does: a page that is still loading.
    """
    edges = np.linspace(0, SIZE["width"], num_maps + 1).astype(int)
    shares = []
    for left, right in itertools.pairwise(edges):
        pane = image[100:320, left + 20 : right - 20].astype(int)
        share = float((np.abs(pane - BACKGROUND).max(axis=2) > 24).mean())
        shares.append(share if share < 1.0 else 0.0)
    return shares


def picture_of(page) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR_RGB)


def keep(image: np.ndarray, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("TWINMAP_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), image[..., ::-1])


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
            image = picture_of(page)
            if min(covered(image, 2)) > COVERED:
                break
            assert time.monotonic() < deadline_s, covered(image, 2)
    viewer.finish()
    page.get_by_text("The run has ended. Its last view stays").wait_for(timeout=20_000)
    assert viewer.is_watched
    page.close()
    while viewer.is_watched:
        time.sleep(0.01)
    viewer.close()
    keep(image, "viewer.png", tmp_path)
    assert [url for url in sent if not is_of_this_machine(url)] == []


@pytest.mark.timeout(800)
def test_three_maps_of_a_comparison_are_seen(page, tmp_path):
    """The command as a person starts it: it ends when its page is closed."""
    source, recording = open_synthetic("room"), tmp_path / "room"
    source.camera = source.camera.scaled(0.25)
    write_sequence(source, recording, "tum", 4)
    (recording / "mesh.ply").unlink()  # takes longer to score than the maps to make
    words = ["compare", str(recording), "--maps", "tsdf,neural,implicit", "--viewer", "web"]
    words += ["--neural.polish-s", "0", "--implicit.first-steps", "40"]
    log = tmp_path / "said.txt"
    with log.open("w") as said:
        comparison = subprocess.Popen(
            [sys.executable, "-c", SLAM, *words, "--out", str(tmp_path / "out")],
            stdout=said, stderr=said, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        deadline_s = time.monotonic() + LIMIT_S
        while (found := re.search(r"the viewer is at (\S+)", log.read_text())) is None:
            assert comparison.poll() is None, log.read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        page.goto(found[1])
        page.get_by_text("The run has ended. Its last view stays").wait_for(timeout=400_000)
        deadline_s = time.monotonic() + LIMIT_S
        while min(covered(image := picture_of(page), 3)) <= COVERED:
            assert time.monotonic() < deadline_s, (covered(image, 3), log.read_text())
            page.wait_for_timeout(1000)
        keep(image, "three_maps.png", tmp_path)
        page.close()
        assert comparison.wait(timeout=60.0) == 0, log.read_text()
    finally:
        comparison.kill()
        comparison.wait()
    assert "for all 3" in log.read_text()
