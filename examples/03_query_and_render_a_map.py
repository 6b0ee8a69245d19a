"""Use a finished map: is a place free, and what would a camera see from there?

    python examples/03_query_and_render_a_map.py RUN

RUN is a folder that `slam run` wrote. Shows loading a run and its map, signed distances for a
collision check along a path, and rendering from a new pose to view.png.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from slam import Camera, load_map, load_run

MARGIN_M = 0.04  # distances are truncated, at 6 voxels in a TSDF: ask at more points for more
CAMERA = Camera(width=640, height=480, fx=400.0, fy=400.0, cx=319.5, cy=239.5)


def main(run_dir: str = "runs/latest") -> None:
    run = load_run(Path(run_dir))
    assert run.map_path is not None, "the run has no map"
    map_ = load_map(run.map_path)

    # ahead from the last pose, a point every 2 cm
    T_world_camera = run.trajectory.Ts_world_camera[-1]
    ahead_m = np.arange(0.0, 5.0, 0.02)
    points = T_world_camera[:3, 3] + ahead_m[:, None] * T_world_camera[:3, 2]
    samples = map_.query(points.astype(np.float32))  # known near surfaces only
    is_hit = samples.is_valid & (samples.sdf_m < MARGIN_M)
    if is_hit.any():
        k = int(np.argmax(is_hit))
        print(f"blocked after {ahead_m[k]:.2f} m; away from it: {samples.gradient[k].round(2)}")
    else:
        print(f"nothing in the way for {ahead_m[-1]:.1f} m, as far as the map knows")

    # 20 cm to the right of there, looking the same way
    T_world_view = T_world_camera.copy()
    T_world_view[:3, 3] += 0.2 * T_world_camera[:3, 0]
    rendering = map_.render(CAMERA, T_world_view)
    cv2.imwrite("view.png", cv2.cvtColor(rendering.color, cv2.COLOR_RGB2BGR))
    shown = rendering.depth_m > 0.0
    print(f"view.png: the map has surface at {100 * shown.mean():.0f} % of the pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
