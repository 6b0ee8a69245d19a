"""From our arrays to what rerun logs."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8

from slam.camera import Camera
from slam.geometry import Transform
from slam.maps.base import Mesh
from slam.viewer.pictures import jpeg

if TYPE_CHECKING:
    import rerun as rr

Color = tuple[int, int, int]
FRUSTUM_M = 0.3  # from the camera to its image
LINE_UI_POINTS, NODE_UI_POINTS = 2.0, 3.5
DEPTH_RANGE_M = (0.0, 5.0)  # of the colours; the same in all images, to compare them


def color_image(color: UInt8[np.ndarray, "h w 3"]) -> "rr.EncodedImage":
    """Take a photograph."""
    import rerun as rr

    return rr.EncodedImage(contents=jpeg(color), media_type="image/jpeg")


def depth_image(depth_m: Float32[np.ndarray, "h w"]) -> "rr.DepthImage":
    """Take z-depth; 0 stays without colour."""
    import rerun as rr

    depth_mm = np.clip(depth_m * 1000.0 + 0.5, 0, 65535).astype(np.uint16)
    near_m, far_m = DEPTH_RANGE_M
    return rr.DepthImage(
        depth_mm,
        meter=1000.0,
        depth_range=(1000.0 * near_m, 1000.0 * far_m),
        colormap=rr.components.Colormap.Turbo,
    )


def error_image(colors: UInt8[np.ndarray, "h w 3"]) -> "rr.Image":
    """Take the colours of a difference as they are: JPEG would smear them over edges."""
    import rerun as rr

    return rr.Image(colors)


def mesh_3d(mesh: Mesh) -> "rr.Mesh3D":
    """Take a mesh; it is seen from free space only, so that one looks into rooms through their
    walls.
    """
    import rerun as rr

    return rr.Mesh3D(
        vertex_positions=mesh.vertices_m,
        triangle_indices=mesh.triangles.astype(np.uint32),
        vertex_colors=mesh.colors,
        vertex_normals=None if mesh.is_predicted is None else _normals(mesh),
        face_rendering=rr.components.MeshFaceRendering.Front,
    )


def _normals(mesh: Mesh) -> Float32[np.ndarray, "v 3"]:
    """Return the mean of the normals of the triangles at each vertex, by area. Predicted surface
    has one colour: without shading it would have no shape.
    """
    corners = mesh.vertices_m[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    at = mesh.triangles.ravel()
    sums = [
        np.bincount(at, np.repeat(normals[:, c], 3), minlength=len(mesh.vertices_m))
        for c in range(3)
    ]
    sums = np.stack(sums, axis=1)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(length, 1e-12)).astype(np.float32)


def line(points: Float32[np.ndarray, "n 3"], color: Color) -> "rr.LineStrips3D":
    """Take a path."""
    import rerun as rr

    return rr.LineStrips3D([points], colors=[color], radii=rr.Radius.ui_points(LINE_UI_POINTS))


def lines(ends: Float32[np.ndarray, "n 2 3"], color: Color) -> "rr.LineStrips3D":
    """Take straight lines between two points each."""
    import rerun as rr

    return rr.LineStrips3D(ends, colors=[color], radii=rr.Radius.ui_points(LINE_UI_POINTS))


def points(positions: Float32[np.ndarray, "n 3"], color: Color) -> "rr.Points3D":
    """Take points of one colour."""
    import rerun as rr

    return rr.Points3D(positions, colors=[color], radii=rr.Radius.ui_points(NODE_UI_POINTS))


def frustum(camera: Camera, color: Color) -> "rr.Pinhole":
    """Take a camera, which looks along its z axis, y down."""
    import rerun as rr

    return rr.Pinhole(
        focal_length=(camera.fx, camera.fy),
        principal_point=(camera.cx, camera.cy),
        resolution=(camera.width, camera.height),
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=FRUSTUM_M,
        color=color,
    )


def pose(T_world_camera: Transform) -> "rr.Transform3D":
    """Take where a camera is."""
    import rerun as rr

    return rr.Transform3D(translation=T_world_camera[:3, 3], mat3x3=T_world_camera[:3, :3])
