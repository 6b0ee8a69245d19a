"""What a TSDF map is wherever its voxels live: sizes, and files."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float32, UInt8

from slam.camera import DepthNoise
from slam.config import TsdfConfig
from slam.errors import SlamError, error_context
from slam.geometry import Transform
from slam.maps.base import UNSEEN_COLOR, Mesh, SdfSamples
from slam.maps.extraction import check_mesh_spacing, covering_blocks, extract
from slam.maps.sizes import check_tsdf
from slam.maps.tsdf.tsdf_file import TsdfContent, read_tsdf, write_tsdf

BYTES_PER_BLOCK = 512 * 8 + 44 + 20  # voxels, coordinates and neighbours, anchor
NEAR_M = 0.1
FAR_M = 8.0
BAND_STRIDE = 6  # pixels that allocate: at 5 m they are 6 cm apart, still under a block

MapOnDevice = TypeVar("MapOnDevice", bound="FusedMap")


class FusedMap(ABC):
    """The part of a TSDF map that does not depend on the device."""

    def __init__(self, config: TsdfConfig, depth_noise: DepthNoise) -> None:
        check_tsdf(config)
        self.config = config
        self.depth_noise = depth_noise
        narrow_m = config.truncation_voxels * config.voxel_size_m
        widest_m = config.max_truncation_voxels * config.voxel_size_m
        wide_m = min(3.0 * depth_noise.sigma_m(FAR_M), widest_m)
        self.truncation_m = (narrow_m, max(narrow_m, wide_m))
        self.sdf_unit_m = self.truncation_m[1] / 32000.0  # dithering must not overflow int16
        self.most_blocks = max(1, config.budget_mb * 1_000_000 // BYTES_PER_BLOCK)
        self.num_integrated = 0
        self.num_refused = 0  # frames whose new blocks did not fit into the budget

    @property
    @abstractmethod
    def num_blocks(self) -> int:
        """Blocks in use."""

    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return coords, sdf, weight, color and anchors of the blocks in use, as a file holds
        them.
        """

    @abstractmethod
    def take(self, content: TsdfContent) -> None:
        """Go on with the blocks of a file; raise SlamError where there is no room for them."""

    @abstractmethod
    def forget_frames(self) -> None:
        """Let the blocks hang on no frame: corrections leave them where they are."""

    @abstractmethod
    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Interpolate the signed distance at world points."""

    @abstractmethod
    def _nearest(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 4"]:
        """Return red, green, blue and weight of the nearest voxels; 0 where there is no block."""

    @abstractmethod
    def _own_mesh(self) -> Mesh:
        """Extract the surface from the voxels as they are. Integration waits."""

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Return the colour of the nearest voxels."""
        rgbw = self._nearest(points)
        return np.where(rgbw[:, 3:] > 0, rgbw[:, :3], UNSEEN_COLOR)

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface; on voxels of another size by trilinear interpolation.

        It ends where readings end: behind an edge, where the hidden side of the band meets free
        space, the distance is 0 as well, but no reading is near.
        """
        if voxel_size_m is None or voxel_size_m == self.config.voxel_size_m:
            mesh = self._own_mesh()
        else:
            mesh = self._mesh_at(voxel_size_m)
        return self.as_read(mesh)

    def as_read(self, mesh: Mesh) -> Mesh:
        """Return a mesh of this map without the surface that no reading was near."""
        is_read = np.any(self._nearest(mesh.vertices_m)[:, [0, 3]] > 0, axis=1)
        return mesh.without(~is_read)

    def _mesh_at(self, voxel_size_m: float) -> Mesh:
        """Extract the surface on voxels of another size."""
        check_mesh_spacing(voxel_size_m)
        coords = covering_blocks(self.arrays()[0], self.config.voxel_size_m, voxel_size_m)
        if len(coords) > self.most_blocks:
            raise SlamError(
                f"{len(coords)} blocks of {voxel_size_m:g} m voxels exceed "
                f"{self.config.budget_mb} MB; take a larger voxel size"
            )

        def evaluate(points):
            samples = self.query(points)
            return samples.sdf_m, samples.is_valid

        mesh = extract(coords, voxel_size_m, self.truncation_m[1], evaluate)
        return Mesh(mesh.vertices_m, self.color(mesh.vertices_m), mesh.triangles)

    def set_effort(self, share: float) -> None:  # noqa: B027 (no map has to do more)
        """Do nothing: all that `integrate` does is needed."""

    def refined_poses(self) -> dict[int, Transform]:
        """Return nothing: what is fused stays where it is."""
        return {}

    def save(self, path: str | Path, beside: Mapping[str, np.ndarray] | None = None) -> None:
        """Write the map; see `slam.maps.tsdf.tsdf_file` for the format."""
        made_of = (self.config, self.depth_noise, self.num_integrated)
        write_tsdf(Path(path), TsdfContent(*made_of, *self.arrays()), beside or {})

    @classmethod
    def load(cls: type[MapOnDevice], path: Path) -> MapOnDevice:
        """Read a map that `save` wrote, on whichever device."""
        content = read_tsdf(path)
        map_ = cls(content.config, content.depth_noise)
        with error_context(path):
            map_.take(content)
        map_.num_integrated = content.num_integrated
        return map_

    @property
    def nbytes(self) -> int:
        """Bytes of map data in use, without the hash table."""
        return self.num_blocks * BYTES_PER_BLOCK
