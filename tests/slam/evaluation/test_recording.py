"""Meshes against the recording."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.evaluation.recording import compare_with_recording, interpolated, read_samples
from slam.evaluation.surface import Surface, camera_rays
from slam.trajectory import Trajectory


def scores(mesh, path, recording, indices=range(0, 60, 12)):
    samples = read_samples(recording, list(indices), PlaybackConfig())
    return compare_with_recording(mesh, Surface(mesh), path, samples)


@pytest.mark.parametrize("offset_m", [-0.02, 0.0, 0.015])
def test_a_wall_at_another_depth(wall, path, recording, offset_m):
    found = scores(wall(2.0 + offset_m), path, recording)
    np.testing.assert_allclose(found.errors_m, offset_m, atol=1e-6)
    assert found.scores.num_frames == 5
    assert found.scores.depth_median_cm == pytest.approx(100.0 * abs(offset_m), abs=1e-4)
    assert found.scores.hole_ratio == 0.0


def test_holes_are_counted_and_not_in_the_errors(wall, path, recording):
    mesh = wall(2.0)
    half = np.minimum(mesh.vertices_m, np.array([0.0, 9.0, 9.0], dtype=np.float32))
    path = Trajectory(path.timestamps_s[:1], path.Ts_world_camera[:1])  # one frame, at the origin
    found = scores(replace(mesh, vertices_m=half), path, recording, [0])
    assert found.scores.hole_ratio == pytest.approx(0.5, abs=0.05)  # a column of 16 is 0.06
    np.testing.assert_allclose(found.errors_m, 0.0, atol=1e-6)


def test_colours_are_compared(wall, path, recording):
    mesh = wall(2.0)
    colors = mesh.colors.copy()
    colors[:, 0] -= 51  # a fifth of full scale in one channel of three
    found = scores(replace(mesh, colors=colors), path, recording)
    assert found.scores.psnr_db == pytest.approx(10 * np.log10(3 * 25), abs=1e-6)


def test_nothing_to_compare(wall, path, recording):
    late = Trajectory(path.timestamps_s + 100.0, path.Ts_world_camera)
    found = scores(wall(2.0), late, recording)
    assert found.scores.num_frames == 0
    assert np.isnan(found.scores.depth_median_cm)
    aside = replace(wall(2.0), vertices_m=wall(2.0).vertices_m + np.float32(10.0))
    assert scores(aside, path, recording).scores.hole_ratio == 1.0


def test_thinned_pixels_look_where_the_frame_s_did(recording):
    """The ray of a thinned pixel is that of the pixel that it was taken from."""
    sample = read_samples(recording, [0], PlaybackConfig())[0]
    whole = camera_rays(recording.camera, np.eye(4)).reshape(48, 64, 6)
    thinned = camera_rays(sample.camera, np.eye(4)).reshape(*sample.depth_m.shape, 6)
    np.testing.assert_allclose(thinned, whole[2::4, 2::4], atol=1e-6)


def test_interpolation_is_linear_on_the_triangles(wall):
    mesh = wall(2.0)
    camera = Camera(16, 12, 12.0, 12.0, 7.5, 5.5)
    rays = camera_rays(camera, np.eye(4))
    hits = Surface(mesh).cast(rays)
    found = interpolated(mesh.vertices_m, mesh, hits.triangle, hits.weights)
    np.testing.assert_allclose(found, rays[:, :3] + hits.t[:, None] * rays[:, 3:], atol=1e-5)
