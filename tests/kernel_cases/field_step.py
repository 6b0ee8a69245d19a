"""The training step of the neural field against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.random_field import (
    SPACINGS_M,
    level_on_device,
    on_device,
    on_host,
    random_batch,
    random_field,
)
from kernels import field as field_ops
from kernels.dispatch import using
from kernels.field import (
    CURVATURE,
    FEATURES,
    GRADIENT,
    NUM_FEATURES,
    RECORD,
    SUM,
    Field,
    Level,
    RayBatch,
    StepWeights,
)

WEIGHTS = StepWeights(near=0.9, free=0.7, depth=2.0, color=0.8, coarse=1.3)


def part(level: Level, first: int, num: int = NUM_FEATURES) -> np.ndarray:
    """Return features, gradients, sums or curvatures (m, num) of all vertices of a level."""
    return level.vertices.reshape(-1, RECORD)[:, first : first + num]


def close_by_largest(
    case: Case, what: str, got: np.ndarray, wanted: np.ndarray, tolerance: float, flips: float = 0.0
) -> None:
    """Compare by the largest element; flips are off by no more than it."""
    largest = np.abs(wanted).max(initial=1e-30)
    cap = largest if flips else None
    case.close(what, got, wanted, tolerance * largest, flips=flips, cap=cap)


@check
def field_gradients(case: Case) -> None:
    for num_rays in case.pick((0, 1, 35), (0, 1, 2048), (0, 1, 3, 33, 129, 500)):
        field = on_device(random_field(case.random))
        for step in range(2):  # the second adds to the first
            batch = random_batch(case.random, num_rays)
            _compare_gradients(case, f"{num_rays} rays, step {step}", field, batch)


def _compare_gradients(case: Case, what: str, field: Field, batch: RayBatch) -> None:
    wanted = on_host(field)
    with using("reference"):
        losses, d_decoder, touched = field_ops.gradients(wanted, batch, WEIGHTS)
    got = field_ops.gradients(field, to_device(batch), WEIGHTS)
    got_losses = np.array([float(loss) for loss in got[0]])
    case.close(f"losses of {what}", got_losses, np.array(losses), 1e-6, case.limit(1e-4, 1e-5))
    case.true(f"losses of {what}: all", len(batch.weight) < 100 or min(losses) > 0.0)
    for name, a, b in zip(("w1", "w2"), to_host(got[1]), d_decoder, strict=True):
        close_by_largest(
            case, f"gradient by {name} of {what}", a, b, 1e-4, flips=case.limit(0.07, 0.01)
        )
    levels = zip(SPACINGS_M, on_host(field)[:4], wanted[:4], got[2], touched, strict=True)
    for name, level, expected, got_rows, rows in levels:
        listed = to_host(got_rows)
        case.equal(f"{name} list of {what}", np.sort(listed[listed >= 0]), np.sort(rows))
        if case.is_on_gpu:
            case.true(f"{name} list of {what} is full", len(listed) == 32 * len(batch.weight))
        case.equal(f"{name} marks of {what}", level.marks, expected.marks)
        marked = np.flatnonzero(expected.marks)
        got_gradient, gradient = part(level, GRADIENT), part(expected, GRADIENT)
        # a ReLU whose input rounds to its other side moves the eight vertices of a sample
        close_by_largest(
            case, f"{name} gradient of {what}", got_gradient[marked], gradient[marked], 1e-4,
            case.limit(0.02, 0.001),
        )  # fmt: skip
        case.true(
            f"{name} gradient of {what} elsewhere",
            np.count_nonzero(got_gradient) == np.count_nonzero(got_gradient[marked]),
        )
        case.equal(f"{name} features of {what}", part(level, FEATURES), part(expected, FEATURES))
    curvature = part(on_host(field).color, CURVATURE, 1), part(wanted.color, CURVATURE, 1)
    close_by_largest(case, f"curvature of {what}", *curvature, case.limit(5e-5, 1e-5))


def _level_to_update(case: Case, num_touched: int) -> tuple[Level, np.ndarray, np.ndarray]:
    """Return a level with gradients at some vertices; these, also as a GPU lists them: with
    gaps.
    """
    level = random_field(case.random).color
    part(level, SUM)[:] = case.random.random(part(level, SUM).shape) * 1e-6
    touched = case.random.permutation(level.marks.size)[:num_touched].astype(np.int32)
    gradient = case.random.normal(scale=1e-3, size=(num_touched, NUM_FEATURES))
    part(level, GRADIENT)[touched] = gradient
    level.marks.reshape(-1)[touched] = 1
    gaps = np.full(2 * num_touched + 1, -1, np.int32)
    gaps[np.sort(case.random.permutation(len(gaps))[:num_touched])] = touched
    return level, touched, gaps if case.is_on_gpu else touched


def _compare_levels(
    case: Case, what: str, got: Level, wanted: Level, before: Level, touched: np.ndarray
) -> None:
    for first, name in ((FEATURES, "features"), (GRADIENT, "gradient"), (SUM, "sums")):
        close_by_largest(case, f"{name} of {what}", part(got, first), part(wanted, first), 1e-6)
    case.true(f"gradients of {what} are used up", not part(got, GRADIENT).any())
    case.true(f"marks of {what}", not got.marks.any())
    others = np.delete(np.arange(got.marks.size), touched)
    untouched, start = (level.vertices.reshape(-1, RECORD)[others] for level in (got, before))
    case.equal(f"vertices beside {what}", untouched, start)


@check
def field_updates(case: Case) -> None:
    for num_touched in (0, 1, 7, case.pick(331, 60_001, 3001)):
        for smoothness in (0.0, 1e-3):
            level, touched, gaps = _level_to_update(case, num_touched)
            device, before = level_on_device(level), level._replace(vertices=level.vertices.copy())
            field_ops.adagrad(device, to_device(gaps), 0.01, smoothness)
            with using("reference"):
                field_ops.adagrad(level, touched, 0.01, smoothness)
            what = f"{num_touched} vertices, smoothness {smoothness}"
            _compare_levels(case, what, to_host(device), level, before, touched)
        for limit, prior in ((1e-4, 0.0), (1.0, 1e-3)):
            level, touched, gaps = _level_to_update(case, num_touched)
            part(level, CURVATURE, 1)[touched[::3]] = 0.0  # of a corner with the weight 0
            part(level, GRADIENT)[touched[::3]] = 0.0
            device, before = level_on_device(level), level._replace(vertices=level.vertices.copy())
            field_ops.relax(device, to_device(gaps), limit, prior)
            with using("reference"):
                field_ops.relax(level, touched, limit, prior)
            what = f"{num_touched} vertices, relaxed to {limit} from {prior}"
            _compare_levels(case, what, to_host(device), level, before, touched)


@check
def field_decoder(case: Case) -> None:
    decoders = random_field(case.random).decoders
    moments = field_ops.new_moments()
    device, device_moments = to_device((decoders, moments))
    for _ in range(3):
        gradient = field_ops.DecoderGradient(
            *(case.random.normal(scale=1e-3, size=m.shape).astype(np.float32) for m in moments[0])
        )
        with using("reference"):
            field_ops.update_decoder(decoders, gradient, moments, 0.01)
        field_ops.update_decoder(device, to_device(gradient), device_moments, 0.01)
    got = to_host(device)
    for name, wanted in decoders._asdict().items():
        case.close(name, getattr(got, name), wanted, 1e-6, 1e-5)
