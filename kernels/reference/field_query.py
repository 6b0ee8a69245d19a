"""Point evaluation of the neural field in torch: the definition. The gradient is autograd's."""

import numpy as np

from kernels.field import Field
from kernels.reference.field_cell import (
    decode,
    decode_color,
    decode_fine,
    find_cells,
    read_features,
    read_mean,
    read_taught,
)


def query(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `kernels.field.query`."""
    import torch

    where = torch.tensor(points, requires_grad=True)
    weights = {name: torch.from_numpy(w) for name, w in field.decoders._asdict().items()}
    fine, middle = find_cells(field.fine, where), find_cells(field.middle, where)
    mean, is_valid = read_mean(field.mean, fine)
    phi_fine = fine.interpolate(read_features(field.fine, fine))
    phi_middle = middle.interpolate(read_features(field.middle, middle))
    if field.is_seeded:
        base = mean * float(field.sdf_unit_m / field.truncation_m)
    else:
        base = decode(phi_middle, weights["middle_w1"], weights["middle_w2"])
    residual = decode_fine(phi_fine, phi_middle, weights["fine_w1"], weights["fine_w2"])
    sdf_m = (base + residual) * float(field.truncation_m) * is_valid
    (gradient,) = torch.autograd.grad(sdf_m.sum(), where)
    return sdf_m.detach().numpy(), gradient.numpy(), is_valid.numpy()


def predict(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.field.predict`."""
    import torch

    w1, w2 = map(torch.from_numpy, (field.decoders.coarse_w1, field.decoders.coarse_w2))
    cells = find_cells(field.coarse, torch.from_numpy(points))
    phi = cells.interpolate(read_features(field.coarse, cells))
    sdf_m = decode(phi, w1, w2) * float(field.coarse_truncation_m)
    return sdf_m.numpy(), cells.exists.numpy()


def color(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `kernels.field.color`."""
    import torch

    w1, w2 = map(torch.from_numpy, (field.decoders.color_w1, field.decoders.color_w2))
    cells = find_cells(field.color, torch.from_numpy(points), is_clamped=True)
    _, phi, is_known = read_taught(field.color, cells)
    rgb = 255.0 * decode_color(phi, w1, w2).clamp(0.0, 1.0) + 0.5  # the cast rounds down
    rgb = rgb * is_known[:, None]
    return rgb.to(torch.uint8).numpy(), is_known.numpy()
