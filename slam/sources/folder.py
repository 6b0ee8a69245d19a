"""A plain folder: `color/`, `depth/`, `camera.yaml`; `timestamps.txt`, `accelerations.txt`, and
`groundtruth.txt` or `trajectory.txt`, where there are any.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.camera_file import HINT, read_camera_file
from slam.sources.depth_reader import DepthReader
from slam.sources.folder_writer import ACCELERATIONS_NAME, STAMPS_NAME
from slam.sources.images import read_color_or_none
from slam.sources.listing import Number, files_by_number, require_frames
from slam.sources.registered import require_same_size
from slam.trajectory import Trajectory, read_tum


class FolderSource:
    """Frames in the order of the numbers in their names, by which depth and colour are paired.

    Stamps are those of `timestamps.txt`, and frames that it lacks are left out: their recording was
    cut off. Without that file they are nominal: the position in that order over `fps`.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "camera.yaml").exists():
            raise SlamError(f"the camera of {folder} is unknown: add a {HINT}")
        camera_file = read_camera_file(folder / "camera.yaml")
        self.name = folder.resolve().name
        self.camera = camera_file.camera
        self.depth_noise = camera_file.noise
        self._depth_reader = DepthReader(self.camera, camera_file.depth_scale)
        self._folder = folder
        depth_files = files_by_number(folder / "depth", "*.png")
        require_frames(depth_files, folder, "depth/*.png")
        stamps_s = _read_columns(folder / STAMPS_NAME, "timestamp")
        if stamps_s is not None:
            depth_files = {k: path for k, path in depth_files.items() if k in stamps_s}
            require_frames(depth_files, folder, f"a time in {STAMPS_NAME} for depth/*.png")
        color_files = files_by_number(folder / "color", "*.*")
        self._depth_paths = list(depth_files.values())
        self._color_paths = [color_files.get(number) for number in depth_files]
        self.timestamps_s = np.arange(len(self._depth_paths)) / camera_file.fps
        if stamps_s is not None:
            self.timestamps_s = np.array([stamps_s[number][0] for number in depth_files])
        felt = _read_columns(folder / ACCELERATIONS_NAME, "x", "y", "z") or {}
        self._accelerations = [felt.get(number) for number in depth_files]

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._depth_reader.read(self._depth_paths[index])
        color = read_color_or_none(self._color_paths[index])
        require_same_size(depth_m, color, self._depth_paths[index].name)
        return Frame(
            index,
            float(self.timestamps_s[index]),
            self.camera,
            depth_m,
            color,
            self.depth_noise,
            acceleration=self._accelerations[index],
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the TUM file of true poses, stamped like the frames."""
        paths = [self._folder / "groundtruth.txt", self._folder / "trajectory.txt"]
        path = next((path for path in paths if path.exists()), None)
        return None if path is None else read_tum(path)


def _read_columns(path: Path, *names: str) -> dict[Number, Float64[np.ndarray, "n"]] | None:
    """Read lines of a frame's number and the named values; None where there is no such file.

    A last line without an end was cut off.
    """
    if not path.exists():
        return None
    values = {}
    for line_number, line in enumerate(path.read_text().splitlines(keepends=True), start=1):
        if line.startswith("#") or not line.endswith("\n"):
            continue
        number, *columns = line.split() or [""]
        try:
            key = (int(number),)
            values[key] = np.array([float(c) for _, c in zip(names, columns, strict=True)])
        except ValueError as error:
            expected = " ".join(("number", *names))
            raise SlamError(
                f"{path}:{line_number}: expected '{expected}', got {line.strip()[:60]!r}"
            ) from error
    return values
