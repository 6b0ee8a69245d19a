"""Analytic scenes in plain numpy, float64: the definition."""

import numpy as np

from kernels.scene import (
    AMBIENT,
    BOX,
    CYLINDER,
    DIFFUSE,
    LIGHT,
    NEAR_M,
    NUM_LEVELS,
    SPHERE,
    TEXTURE_SIZE,
)


def render_scene(
    solids: np.ndarray,
    kinds: np.ndarray,
    textures: np.ndarray,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    width: int,
    height: int,
) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.scene.render_scene`."""
    fx, fy, cx, cy = intrinsics.astype(np.float64)
    v, u = np.mgrid[:height, :width].astype(np.float64)
    rays_camera = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=-1)
    rays = (
        rays_camera @ T_world_camera[:3, :3].T
    )  # z-depth 1 long, so that their parameter is z-depth

    nearest_m = np.full((height, width), np.inf)
    color = np.zeros((height, width, 3), dtype=np.uint8)
    for solid, kind in zip(solids.astype(np.float64), kinds, strict=True):
        R_world_solid = _yaw_rotation(solid)
        origin = (T_world_camera[:3, 3] - solid[:3]) @ R_world_solid
        directions = rays @ R_world_solid
        depth_m = _first_entry(kind, solid[3:6], origin, directions)
        is_nearest = depth_m < nearest_m
        nearest_m[is_nearest] = depth_m[is_nearest]
        color[is_nearest] = _shade(
            kind,
            solid,
            textures[int(solid[14])],
            origin,
            directions[is_nearest],
            depth_m[is_nearest],
            fx,
        )
    return np.where(np.isinf(nearest_m), 0.0, nearest_m).astype(np.float32), color


def scene_sdf(solids: np.ndarray, kinds: np.ndarray, points: np.ndarray) -> np.ndarray:
    """See `kernels.scene.scene_sdf`."""
    sdf_m = np.full(len(points), np.inf)
    for solid, kind in zip(solids.astype(np.float64), kinds, strict=True):
        local = (points - solid[:3]) @ _yaw_rotation(solid)
        half_m = solid[3:6]
        if kind == BOX:
            q = np.abs(local) - half_m
        elif kind == CYLINDER:
            radial = np.hypot(local[:, 0], local[:, 1]) - half_m[0]
            q = np.stack([radial, np.abs(local[:, 2]) - half_m[2]], axis=1)
        else:
            q = np.linalg.norm(local, axis=1, keepdims=True) - half_m[0]
        outside_m = np.linalg.norm(np.maximum(q, 0.0), axis=1)
        sdf_m = np.minimum(sdf_m, outside_m + np.minimum(q.max(axis=1), 0.0))
    return sdf_m.astype(np.float32)


def _yaw_rotation(solid: np.ndarray) -> np.ndarray:
    cosine, sine = solid[6:8]
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _first_entry(
    kind: int, half_m: np.ndarray, origin: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Return where rays enter a solid; infinity where they miss it."""
    if kind == BOX:
        entry, leave = _slabs(half_m, origin, directions)
    elif kind == CYLINDER:
        entry, leave = _ball(half_m[0], origin[:2], directions[..., :2])
        cap_entry, cap_leave = _slabs(half_m[2:], origin[2:], directions[..., 2:])
        entry, leave = np.maximum(entry, cap_entry), np.minimum(leave, cap_leave)
    else:
        entry, leave = _ball(half_m[0], origin, directions)
    return np.where((entry <= leave) & (entry > NEAR_M), entry, np.inf)


def _slabs(
    half_m: np.ndarray, origin: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays enter and leave |x_i| <= half_i."""
    safe = np.where(np.abs(directions) > 1e-9, directions, 1e-9)
    t1, t2 = (-half_m - origin) / safe, (half_m - origin) / safe
    return np.minimum(t1, t2).max(axis=-1), np.maximum(t1, t2).min(axis=-1)


def _ball(
    radius_m: float, origin: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where rays enter and leave |x| <= radius, in two dimensions or three.

    It goes by way of their nearest point. The textbook's b^2 - a c would lose the digits that a
    distant small ball needs.
    """
    a = np.maximum((directions**2).sum(axis=-1), 1e-12)
    nearest = -(directions @ origin) / a
    points = origin + nearest[..., None] * directions
    margin = radius_m**2 - (points**2).sum(axis=-1)
    half_chord = np.sqrt(np.maximum(margin, 0.0) / a)
    is_hit = margin > 0
    return np.where(is_hit, nearest - half_chord, np.inf), np.where(
        is_hit, nearest + half_chord, -np.inf
    )


def _shade(
    kind: int,
    solid: np.ndarray,
    texture: np.ndarray,
    origin: np.ndarray,
    directions: np.ndarray,
    depth_m: np.ndarray,
    fx: float,
) -> np.ndarray:
    """Return the colours of one solid's points `origin + depth_m * directions`, uint8 (n, 3)."""
    points = origin + depth_m[:, None] * directions
    normals = _normals(kind, solid[3:6], points)
    axes = np.abs(normals).argmax(axis=1)  # a point is textured by the two coordinates across it
    across = np.array([[1, 2], [0, 2], [0, 1]])[axes]

    cosine = np.abs((normals * directions).sum(axis=1)) / np.linalg.norm(directions, axis=1)
    footprint_m = depth_m / fx / np.maximum(cosine, 0.1)
    texels = np.take_along_axis(points, across, axis=1) / solid[15]
    texels += np.stack([solid[16] * 37.0 + axes * 101.0, solid[16] * 59.0 + axes * 173.0], axis=1)
    blend = _sample(texture, texels, footprint_m / solid[15])[:, None]

    albedo = solid[8:11] + (solid[11:14] - solid[8:11]) * blend
    light = np.array(LIGHT) @ _yaw_rotation(solid)
    brightness = AMBIENT + DIFFUSE * (normals @ light)
    return np.clip(albedo * brightness[:, None] + 0.5, 0, 255).astype(np.uint8)


def _normals(kind: int, half_m: np.ndarray, points: np.ndarray) -> np.ndarray:
    if kind == SPHERE:
        return points / np.linalg.norm(points, axis=1, keepdims=True)
    face = (np.abs(points) - half_m).argmax(axis=1)
    flat = np.eye(3)[face] * np.where(points < 0, -1.0, 1.0)
    if kind == BOX:
        return flat
    radius_m = np.hypot(points[:, 0], points[:, 1])
    is_cap = np.abs(points[:, 2]) - half_m[2] > radius_m - half_m[0]
    cap = np.sign(points) * [0.0, 0.0, 1.0]
    side = points * [1.0, 1.0, 0.0] / np.maximum(radius_m, 1e-9)[:, None]
    return np.where(is_cap[:, None], cap, side)


def _sample(texture: np.ndarray, texels: np.ndarray, footprint_texels: np.ndarray) -> np.ndarray:
    """Return values in 0..1, blended between the two levels with texels as large as a pixel."""
    ratio = np.clip(footprint_texels, 1.0, 2.0 ** (NUM_LEVELS - 2))
    level = np.floor(np.log2(ratio)).astype(np.int64)
    fine = _bilinear(texture, texels, level)
    coarse = _bilinear(texture, texels, level + 1)
    return (fine + (coarse - fine) * (ratio / 2.0**level - 1.0)) / 255.0


def _bilinear(texture: np.ndarray, texels: np.ndarray, level: np.ndarray) -> np.ndarray:
    size = TEXTURE_SIZE >> level
    first = 4 * (TEXTURE_SIZE**2 - size**2) // 3  # texels in the levels above
    position = (texels + 0.5) / (2.0**level)[:, None] - 0.5
    corner = np.floor(position).astype(np.int64)
    (fu, fv), (u, v) = (position - corner).T, corner.T

    def texel(du: int, dv: int) -> np.ndarray:
        packed = texture[first + (v + dv) % size * size + (u + du) % size]
        return (packed & 255).astype(np.float64)

    top = texel(0, 0) + (texel(1, 0) - texel(0, 0)) * fu
    bottom = texel(0, 1) + (texel(1, 1) - texel(0, 1)) * fu
    return top + (bottom - top) * fv
