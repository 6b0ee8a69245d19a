"""Analytic scenes: rendering of textured boxes, cylinders and spheres, and their signed distance.

A scene is three arrays.

`solids` is float32 (n, 17), one row a solid, in a world whose z points up:

    0:3    centre, metres
    3:6    half extents, metres, in the solid's own frame; of a cylinder (r, r, half height),
           of a sphere (r, r, r)
    6:8    cosine and sine of its yaw, the rotation about z
    8:11   base colour, RGB in 0..255: where the texture is black
    11:14  accent colour: where it is white
    14     index of its texture
    15     size of a texel, metres
    16     seed: solids with different seeds show different parts of a texture

`kinds` is int32 (n,): BOX, CYLINDER (vertical) or SPHERE.

`textures` is uint32 (k, 349525): a pyramid of square, periodic, grey textures, 512x512 down to 1x1,
one after the other; each level is the 2x2 mean of the one before. An entry packs what one bilinear
sample needs, a byte each from the lowest up: its texel, the texel on its right, the one below, the
one below on the right.
"""

from typing import Any

from kernels.dispatch import check_array, implementation

BOX, CYLINDER, SPHERE = 0, 1, 2
NUM_COLUMNS = 17
TEXTURE_SIZE = 512
NUM_LEVELS = 10
NUM_TEXELS = (4 * TEXTURE_SIZE**2 - 1) // 3
NEAR_M = 0.05  # surface nearer to the camera's plane is not drawn
LIGHT = (0.48, 0.36, 0.80)  # unit vector towards the light, world frame
AMBIENT, DIFFUSE = (
    0.8,
    0.2,
)  # a surface's brightness is AMBIENT + DIFFUSE * cosine, which may be negative


def render_scene(
    solids: Any,
    kinds: Any,
    textures: Any,
    intrinsics: Any,
    T_world_camera: Any,
    width: int,
    height: int,
) -> tuple[Any, Any]:
    """Render z-depth in metres, float32 (h, w), 0 where nothing is seen, and RGB, uint8 (h, w, 3).

    Depth is the exact first entry of the ray through the pixel's centre. Solids that hold the
    camera are not drawn. The colour at a surface point does not depend on the view, except that
    texture finer than a pixel is averaged out.

    `intrinsics` is float32 (4,) fx, fy, cx, cy; `T_world_camera` float64 (4, 4), OpenCV axes.
    """
    _check_scene(solids, kinds)
    check_array("textures", textures, "uint32", (None, NUM_TEXELS))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float64", (4, 4))
    if width < 1 or height < 1:
        raise ValueError(f"width and height must be positive, got {width} x {height}")
    backend = implementation("scene", solids)
    return backend.render_scene(solids, kinds, textures, intrinsics, T_world_camera, width, height)


def scene_sdf(solids: Any, kinds: Any, points: Any) -> Any:
    """Return the distance to the nearest solid, float32 (n,), metres, negative inside.

    `points` is float32 (n, 3), world. Exact outside; inside overlapping solids it is a bound.
    """
    _check_scene(solids, kinds)
    check_array("points", points, "float32", (None, 3))
    return implementation("scene", points).scene_sdf(solids, kinds, points)


def _check_scene(solids: Any, kinds: Any) -> None:
    check_array("solids", solids, "float32", (None, NUM_COLUMNS))
    check_array("kinds", kinds, "int32", (solids.shape[0],))
