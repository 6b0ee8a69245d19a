"""Pictures of meshes, cast ray by ray: they need no window and no graphics card."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from matplotlib.colors import LinearSegmentedColormap

from slam.camera import Camera
from slam.evaluation.recording import interpolated
from slam.evaluation.surface import Hits, Surface, camera_rays
from slam.geometry import Transform
from slam.maps.base import Mesh

Picture = UInt8[np.ndarray, "_h _w 3"]

_PREDICTED_RGB = (120, 90, 220)  # surface that no camera saw
_ONE_SIDED_RGB = (120, 175, 225)  # pixels that not every mesh shows
_CLAY_RGB = (214, 208, 198)
_BACKGROUND = 255
_OVERSAMPLING = 2
_AMBIENT = 0.35
# From the grey of clay, which means agreement, over yellow and red to dark violet.
COLOR_MAP = LinearSegmentedColormap.from_list(
    "disagreement", ["#dedcd6", "#f3cf63", "#e8590c", "#a3123f", "#3b0f4d"]
)


@dataclass(frozen=True)
class View:
    """A camera at a place. From outside, one looks through surface that is seen from behind."""

    camera: Camera
    T_world_camera: Transform
    is_outside: bool = False


@dataclass(frozen=True)
class Model:
    """A mesh to be shown, with its search structure; `is_turned` says how its triangles wind."""

    mesh: Mesh
    surface: Surface
    is_turned: bool = False


@dataclass(frozen=True)
class Seen:
    """What a view shows of a model, a pixel a row."""

    view: View
    model: Model
    hits: Hits
    rays: Float32[np.ndarray, "n 6"]

    @property
    def is_hit(self) -> Bool[np.ndarray, "n"]:
        return self.hits.triangle >= 0

    def points(self) -> Float32[np.ndarray, "k 3"]:
        """Return where the pixels that show something meet the model."""
        rays, t = self.rays[self.is_hit], self.hits.t[self.is_hit, None]
        return rays[:, :3] + t * rays[:, 3:]


def look(view: View, model: Model) -> Seen:
    """Cast the rays of a view, more than one a pixel for smooth edges."""
    camera = view.camera.scaled(float(_OVERSAMPLING))
    view = View(camera, view.T_world_camera, view.is_outside)
    rays = camera_rays(camera, view.T_world_camera)
    if view.is_outside:
        return Seen(view, model, model.surface.cast_to_front(rays, model.is_turned), rays)
    return Seen(view, model, model.surface.cast(rays), rays)


def is_turned(surface: Surface, views: list[View]) -> bool:
    """Tell whether cameras in free space see most of a surface from behind: then its triangles
    wind the other way than ours.
    """
    num_behind = num_seen = 0
    for view in views:
        rays = camera_rays(view.camera.scaled(80.0 / view.camera.width), view.T_world_camera)
        triangle = surface.cast(rays).triangle
        num_behind += int(surface.is_from_behind(rays, triangle).sum())
        num_seen += int((triangle >= 0).sum())
    return 2 * num_behind > num_seen


def colored(seen: Seen) -> Picture:
    """Show the colours as they are from inside, shaded from outside; predicted surface apart."""
    hits, mesh = seen.hits, seen.model.mesh
    triangle, weights = hits.triangle[seen.is_hit], hits.weights[seen.is_hit]
    colors = interpolated(mesh.colors, mesh, triangle, weights)
    if seen.view.is_outside:
        colors = colors * (0.55 + 0.45 * _shade(seen))[:, None]
    return _picture(seen, _with_predicted(seen, colors))


def clay(seen: Seen) -> Picture:
    """Show the shape alone, lit from the camera; predicted surface apart."""
    colors = np.broadcast_to(np.array(_CLAY_RGB, dtype=np.float32), (int(seen.is_hit.sum()), 3))
    return _picture(seen, _with_predicted(seen, colors * _lit(seen)))


def clay_of_depth(depth_m: Float32[np.ndarray, "h w"], camera: Camera) -> Picture:
    """Show a depth image as a shape lit from the camera; white where depth is missing."""
    rays = camera.unproject_image(np.ones(depth_m.shape))
    points = rays * depth_m[..., None]
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(rays, axis=-1)
    shade = np.abs(np.einsum("hwi,hwi->hw", normals, rays)) / np.maximum(lengths, 1e-12)
    image = np.array(_CLAY_RGB, dtype=np.float32) * (_AMBIENT + (1.0 - _AMBIENT) * shade)[..., None]
    image[depth_m <= 0.0] = _BACKGROUND
    return np.rint(image).astype(np.uint8)


def resized(picture: Picture, camera: Camera) -> Picture:
    """Return a picture at the size of another camera's."""
    return cv2.resize(picture, (camera.width, camera.height), None, 0, 0, cv2.INTER_AREA)


def painted(
    seen: Seen, values: Float32[np.ndarray, "k"], limit: float, nothing_beyond: float
) -> Picture:
    """Show values of the pixels that are hit, from 0 to the limit, on the shape; those so large
    that there is nothing to compare with are blue.
    """
    colors = 255.0 * COLOR_MAP(np.clip(values / limit, 0.0, 1.0))[:, :3]
    colors[values > nothing_beyond] = _ONE_SIDED_RGB
    return _picture(seen, colors * (0.45 + 0.55 * _shade(seen))[:, None])


def painted_pixels(
    values: Float32[np.ndarray, "h w"],
    is_known: Bool[np.ndarray, "h w"],
    is_one_sided: Bool[np.ndarray, "h w"],
    limit: float,
) -> Picture:
    """Show an image of values; pixels that not every mesh shows are blue."""
    image = np.rint(255.0 * COLOR_MAP(np.clip(values / limit, 0.0, 1.0))[..., :3]).astype(np.uint8)
    image[~is_known] = _BACKGROUND
    image[is_one_sided] = _ONE_SIDED_RGB
    return image


def jpeg(picture: Picture) -> bytes:
    """Encode a picture small."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 84])[1].tobytes()


def _lit(seen: Seen) -> Float64[np.ndarray, "k 1"]:
    return (_AMBIENT + (1.0 - _AMBIENT) * _shade(seen))[:, None]


def _shade(seen: Seen) -> Float64[np.ndarray, "k"]:
    """Return the cosine between surface and ray: a lamp at the camera."""
    directions = seen.rays[seen.is_hit, 3:].astype(np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    normals = seen.model.surface.normals(seen.hits.triangle[seen.is_hit])
    return np.abs(np.einsum("ni,ni->n", normals, directions))


def _with_predicted(seen: Seen, colors: np.ndarray) -> np.ndarray:
    is_predicted = seen.model.mesh.is_predicted
    if is_predicted is None:
        return colors
    corners = seen.model.mesh.triangles[seen.hits.triangle[seen.is_hit]]
    is_guess = is_predicted[corners].any(axis=1)
    colors = colors.copy()
    colors[is_guess] = (np.array(_PREDICTED_RGB, dtype=np.float32) * _lit(seen))[is_guess]
    return colors


def _picture(seen: Seen, colors: np.ndarray) -> Picture:
    camera = seen.view.camera
    image = np.full((camera.height * camera.width, 3), _BACKGROUND, dtype=np.uint8)
    image[seen.is_hit] = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
    size = (camera.width // _OVERSAMPLING, camera.height // _OVERSAMPLING)
    return cv2.resize(
        image.reshape(camera.height, camera.width, 3), size, None, 0, 0, cv2.INTER_AREA
    )
