"""Tiny sequences, written in each format's own layout, and a source that lives in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.errors import BadFrameError
from slam.frame import Frame
from slam.geometry import quaternion_xyzw_from_rotation, se3_exp
from slam.trajectory import Trajectory

WIDTH, HEIGHT, NUM_FRAMES = 64, 48, 4
CAMERA = Camera(WIDTH, HEIGHT, 58.5, 58.5, 31.5, 23.5)
CAMERA_YAML = f"width: {WIDTH}\nheight: {HEIGHT}\nfx: 58.5\nfy: 58.5\ncx: 31.5\ncy: 23.5\n"


def true_depth_m(index: int) -> np.ndarray:
    """A slanted plane with a missing corner, which moves away by 10 cm a frame."""
    depth_m = np.tile(np.linspace(1.0, 3.0, WIDTH), (HEIGHT, 1)) + 0.1 * index
    depth_m[:8, :8] = 0.0
    return depth_m.astype(np.float32)


def true_color(index: int) -> np.ndarray:
    """RGB that is smooth enough for JPEG, and different in each channel."""
    color = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    color[..., 0] = np.linspace(10, 200, WIDTH)
    color[..., 1] = np.linspace(30, 90, HEIGHT)[:, None]
    color[..., 2] = 20 * index
    return color


def true_pose(index: int) -> np.ndarray:
    return se3_exp(np.array([0.1 * index, -0.05, 0.2, 0.02, 0.3 * index, -0.1]))


def pose_text(T: np.ndarray) -> str:
    return "\n".join(" ".join(f"{value:.12f}" for value in row) for row in T) + "\n"


def write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def write_depth(path: Path, depth_m: np.ndarray, scale: float) -> None:
    """In metres where the file is an array's."""
    if path.suffix == ".npy":
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, depth_m.astype(np.float32))
    else:
        write_png(path, np.rint(depth_m * scale).astype(np.uint16))


def true_quaternion_xyzw(index: int) -> np.ndarray:
    return quaternion_xyzw_from_rotation(true_pose(index)[:3, :3])


def doubled(image: np.ndarray) -> np.ndarray:
    """The same view with twice the pixels."""
    return image.repeat(2, axis=0).repeat(2, axis=1)


def write_color(path: Path, color: np.ndarray) -> None:
    write_png(path, np.ascontiguousarray(color[..., ::-1]))


def write_tum(folder: Path) -> None:
    lines: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    for i in range(NUM_FRAMES):
        stamp_s, color_stamp_s = 100.0 + i / 30, 100.012 + i / 30
        write_depth(folder / f"depth/{stamp_s:.6f}.png", true_depth_m(i), 5000.0)
        write_color(folder / f"rgb/{color_stamp_s:.6f}.png", true_color(i))
        lines["depth"].append(f"{stamp_s:.6f} depth/{stamp_s:.6f}.png")
        lines["rgb"].append(f"{color_stamp_s:.6f} rgb/{color_stamp_s:.6f}.png")
        T = true_pose(i)
        values = [*T[:3, 3], *quaternion_xyzw_from_rotation(T[:3, :3])]
        lines["groundtruth"].append(f"{stamp_s:.6f} " + " ".join(f"{v:.12f}" for v in values))
    for name, rows in lines.items():
        (folder / f"{name}.txt").write_text("# a comment\n" + "\n".join(rows) + "\n")
    (folder / "camera.yaml").write_text(CAMERA_YAML)


def write_replica(folder: Path) -> None:
    rows = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"results/depth{i:06d}.png", true_depth_m(i), 6553.5)
        write_color(folder / f"results/frame{i:06d}.jpg", true_color(i))
        rows.append(" ".join(f"{value:.12f}" for value in true_pose(i).ravel()))
    (folder / "traj.txt").write_text("\n".join(rows) + "\n")
    camera = {"w": WIDTH, "h": HEIGHT, "fx": 58.5, "fy": 58.5, "cx": 31.5, "cy": 23.5}
    (folder / "cam_params.json").write_text(json.dumps({"camera": camera | {"scale": 6553.5}}))


def write_seven_scenes(folder: Path) -> None:
    """The colour camera is the depth camera here: colour is registered already."""
    for i in range(NUM_FRAMES):
        stored = np.rint(true_depth_m(i) * 1000).astype(np.uint16)
        stored[8:12, :8] = 65535  # missing, too
        write_png(folder / f"frame-{i:06d}.depth.png", stored)
        write_color(folder / f"frame-{i:06d}.color.png", true_color(i))
        (folder / f"frame-{i:06d}.pose.txt").write_text(pose_text(true_pose(i)))
    (folder / "camera.yaml").write_text(CAMERA_YAML + "color_camera: null\n")


def write_scannet(folder: Path) -> None:
    """Colour has twice the resolution of depth."""
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depth/{i}.png", true_depth_m(i), 1000.0)
        write_color(folder / f"color/{i}.jpg", doubled(true_color(i)))
        (folder / "pose").mkdir(exist_ok=True)
        (folder / f"pose/{i}.txt").write_text(pose_text(true_pose(i)))
    (folder / "intrinsic").mkdir()
    for name, camera in (("depth", CAMERA), ("color", CAMERA.scaled(2.0))):
        K = np.eye(4)
        K[0, 0], K[1, 1], K[0, 2], K[1, 2] = camera.fx, camera.fy, camera.cx, camera.cy
        (folder / f"intrinsic/intrinsic_{name}.txt").write_text(pose_text(K))


def write_folder(folder: Path) -> None:
    rows = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depth/{i + 8}.png", true_depth_m(i), 1000.0)  # 8, 9, 10, 11
        write_color(folder / f"color/{i + 8}.jpg", true_color(i))
        T = true_pose(i)
        values = [*T[:3, 3], *quaternion_xyzw_from_rotation(T[:3, :3])]
        rows.append(f"{i / 30:.6f} " + " ".join(f"{v:.12f}" for v in values))
    (folder / "groundtruth.txt").write_text("\n".join(rows) + "\n")
    (folder / "camera.yaml").write_text(CAMERA_YAML + "depth_scale: 1000\nfps: 30\n")


def write_associations(folder: Path) -> None:
    """TUM's layout with one list, depth first."""
    write_tum(folder)
    colors = [row.split() for row in (folder / "rgb.txt").read_text().splitlines()[1:]]
    depths = [row.split() for row in (folder / "depth.txt").read_text().splitlines()[1:]]
    rows = [" ".join((*d, *c)) for d, c in zip(depths, colors, strict=True)]
    (folder / "associations.txt").write_text("\n".join(rows) + "\n")
    for name in ("rgb.txt", "depth.txt"):
        (folder / name).unlink()


def write_open3d(folder: Path) -> None:
    rows = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depth/{i + 1:06d}.png", true_depth_m(i), 1000.0)
        write_color(folder / f"image/{i + 1:06d}.jpg", true_color(i))
        rows.append(f"{i} {i} {i + 1}\n" + pose_text(true_pose(i)))
    (folder / "trajectory.log").write_text("".join(rows))
    K = [58.5, 0, 0, 0, 58.5, 0, 31.5, 23.5, 1]
    values = {"width": WIDTH, "height": HEIGHT, "intrinsic_matrix": K}
    (folder / "camera_intrinsic.json").write_text(json.dumps(values))


def write_stray_scanner(folder: Path) -> None:
    """Colour has twice the pixels, and is unpacked; the frames are numbers 3 to 6."""
    rows = ["timestamp, frame, x, y, z, qx, qy, qz, qw"]
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depth/{i + 3:06d}.png", true_depth_m(i), 1000.0)
        write_png(folder / f"confidence/{i + 3:06d}.png", np.full((HEIGHT, WIDTH), 2, np.uint8))
        write_color(folder / f"rgb/{i + 3:06d}.jpg", doubled(true_color(i)))
        values = [50.0 + i / 30, i + 3, *true_pose(i)[:3, 3], *true_quaternion_xyzw(i)]
        rows.append(", ".join(f"{value:.12f}" for value in values))
    (folder / "odometry.csv").write_text("\n".join(rows) + "\n")
    camera = CAMERA.resized(2 * WIDTH, 2 * HEIGHT)
    K = [[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]]
    (folder / "camera_matrix.csv").write_text("\n".join(",".join(map(str, row)) for row in K))


def write_arkit_scenes(folder: Path) -> None:
    rows = []
    for i in range(NUM_FRAMES):
        stamp = f"4101_{1234 + i / 30:.6f}"
        write_depth(folder / f"lowres_depth/{stamp}.png", true_depth_m(i), 1000.0)
        write_png(folder / f"confidence/{stamp}.png", np.full((HEIGHT, WIDTH), 2, np.uint8))
        write_color(folder / f"lowres_wide/{stamp}.png", true_color(i))
        (folder / "lowres_wide_intrinsics").mkdir(exist_ok=True)
        text = f"{WIDTH} {HEIGHT} 58.5 58.5 31.5 23.5"
        (folder / f"lowres_wide_intrinsics/{stamp}.pincam").write_text(text)
        T_camera_world = np.linalg.inv(true_pose(i))
        values = [1234 + i / 30, *cv2.Rodrigues(T_camera_world[:3, :3])[0].ravel()]
        rows.append(" ".join(f"{value:.12f}" for value in (*values, *T_camera_world[:3, 3])))
    (folder / "lowres_wide.traj").write_text("\n".join(rows) + "\n")


OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


def write_record3d(folder: Path) -> None:
    """Depth as arrays: OpenCV's wheels write no EXR."""
    poses = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"EXR_RGBD/depth/{i}.npy", true_depth_m(i), 1.0)
        write_color(folder / f"EXR_RGBD/rgb/{i}.jpg", doubled(true_color(i)))
        T = true_pose(i) @ OPENGL_AXES
        poses.append([*quaternion_xyzw_from_rotation(T[:3, :3]).tolist(), *T[:3, 3].tolist()])
    c = CAMERA.resized(2 * WIDTH, 2 * HEIGHT)
    values = {"w": c.width, "h": c.height, "fps": 30, "poses": poses}
    values["K"] = [c.fx, 0, 0, 0, c.fy, 0, c.cx, c.cy, 1]
    (folder / "metadata.json").write_text(json.dumps(values))


def write_nerfstudio(folder: Path) -> None:
    frames = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depths/{i}.png", true_depth_m(i), 1000.0)
        write_color(folder / f"images/{i}.jpg", true_color(i))
        matrix = (true_pose(i) @ OPENGL_AXES).tolist()
        frame = {"file_path": f"images/{i}.jpg", "depth_file_path": f"depths/{i}.png"}
        frames.append(frame | {"transform_matrix": matrix})
    values = {"w": WIDTH, "h": HEIGHT, "fl_x": 58.5, "fl_y": 58.5, "cx": 32.0, "cy": 24.0}
    frames = frames[2:] + frames[:2]  # in no order
    (folder / "transforms.json").write_text(json.dumps(values | {"frames": frames}))


def write_polycam(folder: Path) -> None:
    """Colour has twice the pixels; optimised poses are right, those of the recording drifted."""
    c = CAMERA.resized(2 * WIDTH, 2 * HEIGHT)
    camera = {"width": c.width, "height": c.height, "fx": c.fx, "fy": c.fy, "cx": c.cx, "cy": c.cy}
    for i in range(NUM_FRAMES):
        name, root = 7_418_432_451 + 33_333 * i, folder / "keyframes"
        write_depth(root / f"depth/{name}.png", true_depth_m(i), 1000.0)
        write_png(root / f"confidence/{name}.png", np.full((HEIGHT, WIDTH), 54, np.uint8))
        write_color(root / f"images/{name}.jpg", doubled(true_color(i)))
        for kind, drift_m in (("cameras", 0.1 * i), ("corrected_cameras", 0.0)):
            T = true_pose(i) @ OPENGL_AXES
            T[0, 3] += drift_m
            pose = {f"t_{row}{column}": T[row, column] for row in range(3) for column in range(4)}
            (root / kind).mkdir(exist_ok=True)
            (root / kind / f"{name}.json").write_text(json.dumps(camera | pose))


def write_neural_rgbd(folder: Path) -> None:
    rows = []
    for i in range(NUM_FRAMES):
        write_depth(folder / f"depth_filtered/depth{i}.png", true_depth_m(i), 1000.0)
        write_color(folder / f"images/img{i}.png", true_color(i))
        rows.append(pose_text(true_pose(i) @ OPENGL_AXES))
    (folder / "poses.txt").write_text("".join(rows))
    (folder / "focal.txt").write_text("58.5\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    "tum": write_tum,
    "replica": write_replica,
    "seven_scenes": write_seven_scenes,
    "scannet": write_scannet,
    "folder": write_folder,
    "associations": write_associations,
    "open3d": write_open3d,
    "stray_scanner": write_stray_scanner,
    "arkit_scenes": write_arkit_scenes,
    "record3d": write_record3d,
    "nerfstudio": write_nerfstudio,
    "polycam": write_polycam,
    "neural_rgbd": write_neural_rgbd,
}


@dataclass
class Sample:
    """The truth of the tiny sequences, and their writers, for the tests."""

    camera: Camera = CAMERA
    num_frames: int = NUM_FRAMES
    depth_m: Callable[[int], np.ndarray] = true_depth_m
    color: Callable[[int], np.ndarray] = true_color
    pose: Callable[[int], np.ndarray] = true_pose
    write_depth: Callable[[Path, np.ndarray, float], None] = write_depth
    write_color: Callable[[Path, np.ndarray], None] = write_color
    write: dict[str, Callable[[Path], None]] = field(default_factory=lambda: WRITERS)


@pytest.fixture(scope="session")
def sample() -> Sample:
    return Sample()


@dataclass
class MemorySource:
    """Depth images and stamps as given; an image that is None is a frame that cannot be read."""

    images: list[np.ndarray | None]
    timestamps_s: np.ndarray
    camera: Camera = CAMERA
    name: str = "memory"
    depth_noise: DepthNoise = field(default_factory=lambda: DepthNoise(0.001, 0.0, 0.0))
    reads: list[int] = field(default_factory=list)

    def read(self, index: int) -> Frame:
        self.reads.append(index)
        depth_m = self.images[index]
        if depth_m is None:
            raise BadFrameError("it was made bad")
        stamp_s = float(self.timestamps_s[index])
        return Frame(index, stamp_s, self.camera, depth_m, None, self.depth_noise)

    def ground_truth(self) -> Trajectory | None:
        return None


@pytest.fixture(scope="session")
def memory_source() -> type[MemorySource]:
    return MemorySource
