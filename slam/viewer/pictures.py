"""The images of a view, as arrays."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

RANGE_M = 0.05  # of an error that has the full colour
NOTHING = np.array([96, 96, 96], np.uint8)  # where one of two depths is missing
JPEG_QUALITY = 80


def smaller(image: np.ndarray, width: int) -> np.ndarray:
    """Return an image of about a width, averaged."""
    step = max(1, round(image.shape[1] / width))
    if step == 1:
        return image
    size = (image.shape[1] // step, image.shape[0] // step)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def nearest(
    depth_m: Float32[np.ndarray, "h w"], height: int, width: int
) -> Float32[np.ndarray, "k l"]:
    """Return a depth image of another size: of each new pixel's centre, never a mixture of two."""
    v = ((np.arange(height) + 0.5) * depth_m.shape[0] / height).astype(np.int64)
    u = ((np.arange(width) + 0.5) * depth_m.shape[1] / width).astype(np.int64)
    return depth_m[v[:, None], u]


def difference(
    depth_m: Float32[np.ndarray, "h w"], reference_m: Float32[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Colour depth minus reference: white where they agree, red where farther, blue where nearer,
    full at 5 cm; grey where one of them has nothing.
    """
    is_known = (depth_m > 0) & (reference_m > 0)
    colors = diverging(depth_m - reference_m)
    colors[~is_known] = NOTHING
    return colors


def diverging(error_m: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Colour signed errors from blue (-5 cm) over white to red (+5 cm)."""
    index = np.clip(error_m * (127.0 / RANGE_M) + 128.0, 0, 255).astype(np.uint8)
    return _COLORS[index]


def _diverging_table() -> UInt8[np.ndarray, "256 3"]:
    """Return Brewer's RdBu (colorbrewer2.org), reversed and interpolated."""
    blues = [(5, 48, 97), (67, 147, 195), (209, 229, 240)]
    reds = [(253, 219, 199), (214, 96, 77), (103, 0, 31)]
    stops = np.array([*blues, (255, 255, 255), *reds], np.float64)
    columns = [np.interp(np.linspace(0, 6, 256), np.arange(7), stop) for stop in stops.T]
    return np.stack(columns, axis=1).round().astype(np.uint8)


_COLORS = _diverging_table()


def legend() -> UInt8[np.ndarray, "240 320 3"]:
    """Draw what the colours of `difference` mean."""
    image = np.full((240, 320, 3), 24, np.uint8)
    scale_m = np.linspace(-RANGE_M, RANGE_M, 272, dtype=np.float32)
    image[80:128, 24:296] = diverging(np.tile(scale_m, (48, 1)))
    image[180:204, 24:48] = NOTHING
    white = (230, 230, 230)
    for text, u, v in (
        ("depth difference", 24, 56),
        ("-5 cm", 16, 160),
        ("0", 153, 160),
        ("+5 cm", 236, 160),
        ("one has nothing", 60, 200),
    ):
        cv2.putText(image, text, (u, v), cv2.FONT_HERSHEY_SIMPLEX, 0.65, white, 1, cv2.LINE_AA)
    return image


def jpeg(color: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Encode an RGB image."""
    bgr = cv2.cvtColor(color, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()
