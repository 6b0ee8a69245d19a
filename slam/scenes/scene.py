"""A scene of analytic solids, and the builder that fills one."""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8

from kernels.scene import BOX, CYLINDER, NUM_COLUMNS, SPHERE, render_scene, scene_sdf
from slam.camera import Camera
from slam.maps.base import Mesh
from slam.scenes import textures
from slam.scenes.tessellate import tessellate

Color = tuple[int, int, int]
Number = int | float


@dataclass(frozen=True)
class Material:
    """Two colours (RGB) that a texture blends, and the size of the texture's texels."""

    base: Color
    accent: Color
    texture: str = "plaster"
    texel_m: float = 0.003


@dataclass(frozen=True)
class Scene:
    """A scene whose surface is known exactly, as in `kernels.scene`; its world's z points up."""

    name: str
    solids: Float32[np.ndarray, "n 17"]
    kinds: Int32[np.ndarray, "n"]

    def joined(self, other: "Scene") -> "Scene":
        """Return this scene with the solids of another one in it."""
        return Scene(
            self.name,
            np.concatenate([self.solids, other.solids]),
            np.concatenate([self.kinds, other.kinds]),
        )

    def render(
        self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]
    ) -> tuple[Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w 3"]]:
        """Return z-depth in metres (0 = nothing) and RGB."""
        return render_scene(
            self.solids,
            self.kinds,
            textures.texture_pyramids(),
            camera.intrinsics,
            np.ascontiguousarray(T_world_camera),
            camera.width,
            camera.height,
        )

    def sdf(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n"]:
        """Return the signed distance in metres: exact in free space, where it is positive."""
        return scene_sdf(self.solids, self.kinds, np.ascontiguousarray(points))

    def mesh(self, max_edge_m: float = 0.1, max_sag_m: float = 0.0005) -> Mesh:
        """Return the surface of all solids; where they overlap, inner parts stay in.

        Flat faces are exact, cut to edges of `max_edge_m` at most; curved ones sag `max_sag_m`.
        """
        return tessellate(self.solids, self.kinds, max_edge_m, max_sag_m)


@dataclass
class Builder:
    """Collects solids, placed by x, y of their centre and z of their bottom in a movable frame."""

    x_m: Number = 0.0
    y_m: Number = 0.0
    z_m: Number = 0.0
    yaw_deg: Number = 0.0
    rows: list[list[Number]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    first_row: int = 0  # from which on the seeds of textures are counted

    def at(self, x: Number, y: Number, yaw_deg: Number = 0.0, z: Number = 0.0) -> "Builder":
        """Return a builder of the same scene whose frame stands at a place in this one's."""
        world_x, world_y = self._world(x, y)
        return Builder(
            world_x, world_y, self.z_m + z, self.yaw_deg + yaw_deg, self.rows, self.kinds,
            self.first_row,
        )  # fmt: skip

    def alike(self) -> "Builder":
        """Return a builder at the same place whose solids look like those of any other such one, to
        the last texel.
        """
        return replace(self, first_row=len(self.rows))

    def box(
        self,
        x: Number,
        y: Number,
        z: Number,
        size: tuple[Number, Number, Number],
        material: Material,
        yaw_deg: Number = 0.0,
    ) -> None:
        """Add a box of a size along x, y, z, turned about its own vertical axis."""
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        self._add(BOX, x, y, z + half[2], half, material, yaw_deg)

    def cylinder(
        self, x: Number, y: Number, z: Number, radius: Number, height: Number, material: Material
    ) -> None:
        """Add a vertical cylinder."""
        self._add(CYLINDER, x, y, z + height / 2, (radius, radius, height / 2), material)

    def sphere(self, x: Number, y: Number, z: Number, radius: Number, material: Material) -> None:
        """Add a sphere."""
        self._add(SPHERE, x, y, z + radius, (radius, radius, radius), material)

    def build(self, name: str) -> Scene:
        """Return the scene."""
        solids = np.array(self.rows, dtype=np.float32).reshape(-1, NUM_COLUMNS)
        return Scene(name, solids, np.array(self.kinds, dtype=np.int32))

    def _world(self, x: Number, y: Number) -> tuple[float, float]:
        yaw_rad = np.deg2rad(self.yaw_deg)
        cosine, sine = float(np.cos(yaw_rad)), float(np.sin(yaw_rad))
        return self.x_m + cosine * x - sine * y, self.y_m + sine * x + cosine * y

    def _add(
        self,
        kind: int,
        x: Number,
        y: Number,
        z: Number,
        half: tuple[Number, Number, Number],
        material: Material,
        yaw_deg: Number = 0.0,
    ) -> None:
        yaw_rad = np.deg2rad(self.yaw_deg + yaw_deg)
        texture = float(textures.NAMES.index(material.texture))
        seed = float((len(self.rows) - self.first_row) % 101)
        row = [
            *self._world(x, y),
            self.z_m + z,
            *half,
            float(np.cos(yaw_rad)),
            float(np.sin(yaw_rad)),
        ]
        row += [*material.base, *material.accent, texture, material.texel_m, seed]
        self.rows.append(row)
        self.kinds.append(kind)
