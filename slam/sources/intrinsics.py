"""Intrinsics that cannot be, or that belong to images of another size."""

import logging
import math

from slam.camera import Camera
from slam.errors import SlamError

logger = logging.getLogger(__name__)
_MAX_FOCAL_RATIO = 1.2
_CENTRED = (0.7, 1.4)  # principal point over the middle of the image; beyond, it is of another
_USUAL = (0.8, 1.25)  # the same; beyond, a warning
_ALIKE = 1.25  # both axes are off by about the same factor: another resolution
_FOCAL_OVER_WIDTH = (0.35, 3.5)  # 110 to 16 degrees across: of any room's camera


def checked(camera: Camera, where: object) -> Camera:
    """Return the camera; raise `SlamError` where its values cannot be, and warn where they are
    unlikely.
    """
    c = camera
    if fault := camera.impossible():
        raise SlamError(f"{where}: {fault}")
    fitting = of_other_size(camera)
    if fitting is not None:
        width, height = _likely_size(camera)
        raise SlamError(
            f"{where}: the intrinsics belong to images of about {width}x{height}; for "
            f"{c.width}x{c.height} they are {_text(fitting)}"
        )
    if fault := camera.off_image():
        raise SlamError(f"{where}: {fault}")
    _warn(camera, where)
    return camera


def of_other_size(camera: Camera) -> Camera | None:
    """Return the camera with its intrinsics scaled to its image's size, where they belong to images
    of another; None where they fit, or fit no size.
    """
    across, down = _off_centre(camera)
    factor = math.sqrt(abs(across * down))
    is_off = not _CENTRED[0] <= factor <= _CENTRED[1]
    is_alike = across > 0 and down > 0 and 1 / _ALIKE <= across / down <= _ALIKE
    if not (is_off and is_alike):
        return None
    width, height = _likely_size(camera)
    likely = Camera(width, height, camera.fx, camera.fy, camera.cx, camera.cy)
    fitting = likely.resized(camera.width, camera.height)
    is_likely = _FOCAL_OVER_WIDTH[0] <= fitting.fx / max(fitting.width, fitting.height)
    return fitting if is_likely and fitting.fx <= _FOCAL_OVER_WIDTH[1] * fitting.width else None


def _off_centre(camera: Camera) -> tuple[float, float]:
    return (2 * camera.cx + 1) / camera.width, (2 * camera.cy + 1) / camera.height


def _likely_size(camera: Camera) -> tuple[int, int]:
    """Return the size of which the principal point is the middle, in the image's proportions."""
    across, down = _off_centre(camera)
    factor = math.sqrt(across * down)
    return round(camera.width * factor), round(camera.height * factor)


def _warn(camera: Camera, where: object) -> None:
    c = camera
    if not 1 / _MAX_FOCAL_RATIO <= c.fx / c.fy <= _MAX_FOCAL_RATIO:
        logger.warning(
            "%s: fx %g and fy %g differ by more than 20 %%: is one of them wrong?",
            where,
            c.fx,
            c.fy,
        )
    if all(_USUAL[0] <= ratio <= _USUAL[1] for ratio in _off_centre(camera)):
        return
    swapped = _off_centre(Camera(c.width, c.height, c.fx, c.fy, c.cy, c.cx))
    is_swapped = all(0.9 <= ratio <= 1.1 for ratio in swapped)
    logger.warning(
        "%s: the principal point (%g, %g) is far from the middle of the %dx%d image%s",
        where, c.cx, c.cy, c.width, c.height, ": are cx and cy swapped?" if is_swapped else "",
    )  # fmt: skip


def _text(camera: Camera) -> str:
    return f"fx {camera.fx:.6g}, fy {camera.fy:.6g}, cx {camera.cx:.6g}, cy {camera.cy:.6g}"
