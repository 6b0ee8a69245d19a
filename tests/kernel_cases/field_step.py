"""The training step of the neural field against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.random_field import (
    SPACINGS_M,
    random_batch,
    random_decoders,
    random_field,
    random_level,
)
from kernels import field as field_ops
from kernels import field_update
from kernels.bfloat16 import narrowed, widened
from kernels.dispatch import using
from kernels.field import (
    CURVATURE,
    NUM_FEATURES,
    NUM_LEVELS,
    Field,
    Level,
    RayBatch,
    StepWeights,
    Touched,
)

WEIGHTS = StepWeights(near=0.9, free=0.7, depth=2.0, color=0.8)


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
        field = to_device(random_field(case.random))
        _compare_gradients(case, f"{num_rays} rays", field, random_batch(case.random, num_rays))


def _compare_gradients(case: Case, what: str, field: Field, batch: RayBatch) -> None:
    wanted = to_host(field)
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
    levels = zip(
        SPACINGS_M, to_host(field)[:NUM_LEVELS], wanted[:NUM_LEVELS], got[2], touched, strict=True
    )
    for name, level, before, got_part, part_wanted in levels:
        rows, gradient = _listed(to_host(got_part))
        case.equal(f"{name} list of {what}", rows, part_wanted.rows)
        # a ReLU whose input rounds to its other side moves the eight vertices of a sample
        close_by_largest(
            case, f"{name} gradient of {what}", gradient[:, :CURVATURE],
            part_wanted.gradient[:, :CURVATURE], 1e-4, case.limit(0.02, 0.001),
        )  # fmt: skip
        close_by_largest(
            case, f"{name} curvature of {what}", gradient[:, CURVATURE],
            part_wanted.gradient[:, CURVATURE], case.limit(5e-5, 1e-5),
        )  # fmt: skip
        for values in ("features", "sums"):
            case.equal(f"{name} {values}", getattr(level, values), getattr(before, values))


def _listed(touched: Touched) -> Touched:
    """Return a list without its gaps, in order."""
    order = np.argsort(touched.rows)
    order = order[np.count_nonzero(touched.rows < 0) :]
    return Touched(touched.rows[order], touched.gradient[order])


def _level_to_update(case: Case, num_touched: int) -> tuple[Level, Touched, Touched]:
    """Return a level and gradients of some vertices; these also as a GPU lists them: with gaps."""
    level = random_level(case.pick("fine", "color", "fine"), case.random)
    level.sums[:] = narrowed(case.random.random(level.sums.shape) * 1e-6)
    rows = case.random.permutation(level.sums.size)[:num_touched].astype(np.int32)
    gradient = case.random.normal(scale=1e-3, size=(num_touched, NUM_FEATURES + 1))
    gradient[:, CURVATURE] = 1e-3 * np.abs(gradient[:, CURVATURE])
    gradient[::3] = 0.0  # of a corner with the weight 0
    touched = Touched(rows, gradient.astype(np.float32))
    if not case.is_on_gpu:
        return level, touched, touched
    n = 2 * num_touched + 1
    places = np.sort(case.random.permutation(n)[:num_touched])
    gaps = Touched(np.full(n, -1, np.int32), np.zeros((n, NUM_FEATURES + 1), np.float32))
    gaps.rows[places], gaps.gradient[places] = touched
    return level, touched, gaps


def _compare_levels(
    case: Case, what: str, got: Level, wanted: Level, before: Level, touched: Touched
) -> None:
    """A number may be rounded to its other neighbour where what rounds it decides by a hair."""
    others = np.delete(np.arange(before.sums.size), touched.rows)
    for name in ("features", "sums"):
        shape = before.sums.size, -1
        a, b, start = (getattr(level, name).reshape(shape) for level in (got, wanted, before))
        case.equal(f"{name} beside {what}", a[others], start[others])
        apart = np.abs(widened(a[touched.rows]) - widened(b[touched.rows]))
        apart /= np.maximum(np.abs(widened(b[touched.rows])), 1e-30)
        case.true(f"{name} of {what}: {np.max(apart, initial=0.0)}", (apart <= 2**-7).all())
        share = np.mean(apart > 0) if apart.size else 0.0
        case.true(f"{name} of {what}: {share:.2g} differ", share <= 0.002 + 2 / max(apart.size, 1))


def _copy(level: Level) -> Level:
    return level._replace(features=level.features.copy(), sums=level.sums.copy())


@check
def field_updates(case: Case) -> None:
    seed = case.random.integers(1 << 40, size=1)
    for num_touched in (0, 1, 7, case.pick(331, 60_001, 3001)):
        for smoothness in (0.0, 1e-3):
            level, touched, gaps = _level_to_update(case, num_touched)
            device, before = to_device(level), _copy(level)
            field_update.adagrad(device, to_device(gaps), 0.01, smoothness, to_device(seed))
            with using("reference"):
                field_update.adagrad(level, touched, 0.01, smoothness, seed)
            what = f"{num_touched} vertices, smoothness {smoothness}"
            _compare_levels(case, what, to_host(device), level, before, touched)
        for limit, prior in ((1e-6, 0.0), (1.0, 1e-3)):
            level, touched, gaps = _level_to_update(case, num_touched)
            level.sums.reshape(-1)[touched.rows[::3]] = 0
            device, before = to_device(level), _copy(level)
            field_update.relax(device, to_device(gaps), limit, prior, to_device(seed))
            with using("reference"):
                field_update.relax(level, touched, limit, prior, seed)
            what = f"{num_touched} vertices, relaxed to {limit} from {prior}"
            _compare_levels(case, what, to_host(device), level, before, touched)


@check
def field_decoder(case: Case) -> None:
    decoders = random_decoders(case.random)
    moments = field_update.new_moments()
    device, device_moments = to_device((decoders, moments))
    for _ in range(3):
        gradient = field_ops.DecoderGradient(
            *(case.random.normal(scale=1e-3, size=m.shape).astype(np.float32) for m in moments[0])
        )
        with using("reference"):
            field_update.update_decoder(decoders, gradient, moments, 0.01)
        field_update.update_decoder(device, to_device(gradient), device_moments, 0.01)
    got = to_host(device)
    for name, wanted in decoders._asdict().items():
        case.close(name, getattr(got, name), wanted, 1e-6, 1e-5)
