"""Lens distortion, as the kernels take it.

A `distortion` is float32 (10,). Its first eight numbers are the model's coefficients, the ninth is
the model, and the tenth the largest x^2 + y^2 of directions (x, y, 1) that it holds for: farther
out a polynomial may turn back and image the same direction twice.

- `BROWN_CONRADY`: k1, k2, p1, p2, k3, k4, k5, k6, OpenCV's; k4 to k6 make the rational model.
- `TANGENTIAL_AFTER_RADIAL`: the same coefficients, but the tangential part acts on the point that
  the radial part has moved (RealSense's "modified" and "inverse" Brown-Conrady).
- `FISHEYE`: k1 to k4 of Kannala and Brandt, OpenCV's fisheye.
- `F_THETA`: one coefficient, the w of Devernay and Faugeras' field-of-view model.
"""

import numpy as np

BROWN_CONRADY, TANGENTIAL_AFTER_RADIAL, FISHEYE, F_THETA = 0, 1, 2, 3
NUM_COEFFICIENTS = 8
MODEL, LIMIT = 8, 9
NO_LIMIT = 1e9
NO_DISTORTION = np.array([0.0] * 9 + [NO_LIMIT], np.float32)
