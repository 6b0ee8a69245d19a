"""Frames that are kept, smaller: what they still tell."""

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import is_elsewhere, se3_exp
from slam.graph.stored_frames import DEPTH_STEP_M, StoredFrame, StoredFrames
from slam.graph.track import NODE_M, NODE_RAD

NOISE = DepthNoise.rendered()


def frame_of(width: int, height: int, seed: int = 0, **parts) -> Frame:
    rng = np.random.default_rng(seed)
    depth_m = rng.uniform(0.3, 12.0, (height, width)).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.2] = 0.0
    camera = Camera(width, height, 0.8 * width, 0.8 * width, width / 2 - 3.0, height / 2 + 2.0)
    color = np.full((height, width, 3), (200, 90, 30), np.uint8)
    return Frame(
        seed, float(seed), camera, depth_m, **({"color": color, "depth_noise": NOISE} | parts)
    )


@pytest.mark.parametrize(("width", "height", "step"), [(160, 120, 1), (640, 480, 2), (961, 541, 3)])
def test_each_pixel_that_is_kept_reads_what_it_read(width, height, step):
    frame = frame_of(width, height)
    kept = StoredFrame.of(frame).frame()
    read_m = frame.depth_m[::step, ::step]
    assert kept.depth_m.shape == read_m.shape == (kept.camera.height, kept.camera.width)
    np.testing.assert_allclose(kept.depth_m, read_m, atol=DEPTH_STEP_M / 2 + 1e-6)
    np.testing.assert_array_equal(kept.depth_m == 0, read_m == 0)
    for v, u in ((0, 0), (17, 30)):  # on the same ray
        for few, many, centre, focal, old_centre, old_focal in (
            (u, u * step, kept.camera.cx, kept.camera.fx, frame.camera.cx, frame.camera.fx),
            (v, v * step, kept.camera.cy, kept.camera.fy, frame.camera.cy, frame.camera.fy),
        ):
            assert (few - centre) / focal == pytest.approx((many - old_centre) / old_focal)
    assert kept.color is not None
    assert np.abs(kept.color.astype(int) - (200, 90, 30)).max() <= 3
    assert (kept.index, kept.timestamp_s) == (frame.index, frame.timestamp_s)


def test_what_a_frame_lacks_or_is_too_far_is_missing():
    frame = frame_of(64, 48, color=None)
    frame.depth_m[5, 5] = 20.0
    kept = StoredFrame.of(frame).frame()
    assert kept.color is None
    assert kept.color_mask is None
    assert kept.depth_m[5, 5] == 0.0
    mask = np.arange(64 * 48).reshape(48, 64) % 3 == 0
    masked = StoredFrame.of(frame_of(64, 48, color_mask=mask)).frame()
    np.testing.assert_array_equal(masked.color_mask, mask)


def test_too_many_are_thinned_evenly():
    one = StoredFrame.of(frame_of(64, 48)).nbytes
    kept = StoredFrames(most_bytes=10 * one)
    Ts = [se3_exp(0.2 * node * np.eye(6)[0]) for node in range(64)]
    for node in range(64):
        kept.keep(node, frame_of(64, 48, seed=node), Ts)
    nodes = list(kept.by_node)
    assert nodes == list(range(0, 64, 8))
    assert sum(frame.nbytes for frame in kept.by_node.values()) <= kept.most_bytes
    views = kept.views(Ts)
    assert [view.frame().index for view in views] == nodes
    for node, view in zip(nodes, views, strict=True):
        np.testing.assert_array_equal(view.T_world_camera, Ts[node])


def test_a_second_lap_adds_nothing_unless_it_is_elsewhere():
    lap = [se3_exp(np.array([0.2 * node, 0, 0, 0, 0, 0.3 * node])) for node in range(8)]
    near, off = se3_exp(np.full(6, 0.01)), se3_exp(np.array([0, 0.5, 0, 0, 0, 0.0]))
    Ts = [*lap, *(T @ near for T in lap), *(off @ T for T in lap)]
    kept = StoredFrames()
    for node in range(len(Ts)):
        kept.keep(node, frame_of(64, 48, seed=node), Ts)
    assert list(kept.by_node) == [*range(8), *range(16, 24)]


class Counted(list):
    """A list that counts what is taken from it."""

    num_taken = 0

    def __getitem__(self, number):
        self.num_taken += 1
        return super().__getitem__(number)


def test_a_frame_is_compared_with_those_near_it_only():
    Ts = Counted(se3_exp(0.15 * node * np.eye(6)[0]) for node in range(400))
    kept, frame = StoredFrames(), frame_of(64, 48)
    for node in range(len(Ts)):
        kept.keep(node, frame, Ts)
    assert len(kept.by_node) == 400
    assert Ts.num_taken < 10 * 400  # not each with all before


def test_near_is_where_the_graph_has_the_nodes_by_now():
    """The same frames are kept as where each is compared with all."""
    rng = np.random.default_rng(0)
    twists = rng.uniform(-0.3, 0.3, (400, 6))
    drifted = [se3_exp(twist) for twist in twists]
    mended = [se3_exp(twist * [1.5, 1.5, 1.5, 1, 1, 1]) for twist in twists]
    kept, expected, frame = StoredFrames(), [], frame_of(64, 48)
    for node, Ts in [(node, drifted if node < 200 else mended) for node in range(400)]:
        if node == 200:
            kept.place(mended)
        kept.keep(node, frame, Ts)
        if all(is_elsewhere(Ts[other], Ts[node], NODE_M, NODE_RAD) for other in expected):
            expected.append(node)
    assert list(kept.by_node) == expected
    assert 20 < len(expected) < 380
