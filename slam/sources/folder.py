"""A plain folder: `color/`, `depth/`, `camera.yaml`, and `groundtruth.txt` or `trajectory.txt`."""

from pathlib import Path

import numpy as np

from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.camera_file import HINT, read_camera_file
from slam.sources.depth_reader import DepthReader
from slam.sources.images import read_color_or_none
from slam.sources.listing import files_by_number, require_frames
from slam.sources.registered import require_same_size
from slam.trajectory import Trajectory, read_tum


class FolderSource:
    """Frames in the order of the numbers in their names, by which depth and colour are paired.

    Stamps are nominal: the position in that order over `fps`. A recording with stamps of its own
    belongs in the TUM layout.
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
        color_files = files_by_number(folder / "color", "*.*")
        self._depth_paths = list(depth_files.values())
        self._color_paths = [color_files.get(number) for number in depth_files]
        self.timestamps_s = np.arange(len(self._depth_paths)) / camera_file.fps

    def read(self, index: int) -> Frame:
        """Return frame `index`."""
        depth_m = self._depth_reader.read(self._depth_paths[index])
        color = read_color_or_none(self._color_paths[index])
        require_same_size(depth_m, color, self._depth_paths[index].name)
        return Frame(
            index, float(self.timestamps_s[index]), self.camera, depth_m, color, self.depth_noise
        )

    def ground_truth(self) -> Trajectory | None:
        """Return the TUM file of true poses, stamped like the frames."""
        paths = [self._folder / "groundtruth.txt", self._folder / "trajectory.txt"]
        path = next((path for path in paths if path.exists()), None)
        return None if path is None else read_tum(path)
