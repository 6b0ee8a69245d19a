"""Feed your own camera: any NumPy arrays of depth and colour, no recording, no source.

    python examples/02_own_camera.py [FRAMES]

Shows the camera model, the conventions of a frame, and saving the map. `images` stands for your
driver; here it renders a corner of a room with patterns on floor and walls.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from slam import Camera, Config, DepthNoise, Frame, Slam, write_ply

CAMERA = Camera(width=640, height=480, fx=525.0, fy=525.0, cx=319.5, cy=239.5)
# how far readings err: also DepthNoise.kinect_v1(), DepthNoise.stereo(sigma_px, focal_px, baseline)
NOISE = DepthNoise.rendered()
WALLS = [
    ((0.0, 1.0, 0.0), 1.2),
    ((0.6, 0.0, 0.8), 2.5),
    ((-0.8, 0.0, 0.6), 2.2),
]  # n . p = distance


def images(num_frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield depth (float32 metres along the optical axis, 0 = missing) and colour (uint8 RGB)."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    x, y = (u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)  # x right, y down, z forward
    for k in range(num_frames):
        p_camera = np.array([0.01 * k, -0.005 * k, 0.005 * k])  # it moves and does not turn
        along = np.stack([rays @ n for n in np.array([n for n, _ in WALLS])], axis=-1)
        gap_m = np.array([distance - np.dot(n, p_camera) for n, distance in WALLS])
        depth_m = np.where(along > 1e-6, gap_m / np.maximum(along, 1e-6), np.inf).min(axis=-1)
        points = p_camera + depth_m[..., None] * rays
        color = 128 + 60 * np.sin(9 * points) + 60 * np.sin(23 * points[..., ::-1])
        yield depth_m.astype(np.float32), color.astype(np.uint8)


def main(num_frames: str = "60") -> None:
    with Slam.from_config(Config(), NOISE) as slam:
        for index, (depth_m, color) in enumerate(images(int(num_frames))):
            frame = Frame(index, index / 30.0, CAMERA, depth_m, color, NOISE)
            result = slam.step(frame)
            print(f"frame {index}: {result.state.value} {result.T_world_camera[:3, 3].round(4)}")
    slam.map.save(Path("map.npz"))
    write_ply(Path("mesh.ply"), slam.map.mesh())


if __name__ == "__main__":
    main(*sys.argv[1:])
