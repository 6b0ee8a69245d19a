"""Figures over the repeats, and the ratios between contenders."""

from collections.abc import Mapping, Sequence
from statistics import median

from slam.bench.measure import Measurement

# in the order of the table; each is a field of `Measurement`, or stage.percentile
FIGURES = (
    "fps",
    "wall_s",
    "ate_rmse_m",
    "tracking.p50",
    "tracking.p95",
    "map_mb",
    "peak_rss_mb",
    "added_rss_mb",
    "lost",
    "frames",
)

Spread = dict[str, float]  # median, min, max


def spread(values: Sequence[float | None]) -> Spread | None:
    """Return median, min and max of the known values; None where nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": median(known), "min": min(known), "max": max(known)}


def summarise(runs: Sequence[Measurement]) -> dict[str, Spread | None]:
    """Return the spread of every figure over the runs of one contender."""
    return {name: spread([_figure(run, name) for run in runs]) for name in FIGURES}


def ratio(ours: Spread | None, others: Spread | None) -> float | None:
    """Divide the medians; None where one is unknown or the divisor is 0."""
    if ours is None or others is None or others["median"] == 0:
        return None
    return ours["median"] / others["median"]


def ratios(
    summaries: Mapping[str, Mapping[str, Spread | None]], reference: str
) -> dict[str, dict[str, float | None]]:
    """Return speed and error of everyone else relative to a reference, if it took part."""
    if reference not in summaries:
        return {}
    return {
        f"{name}/{reference}": {
            figure: ratio(summary[figure], summaries[reference][figure])
            for figure in ("fps", "ate_rmse_m")
        }
        for name, summary in summaries.items()
        if name != reference
    }


def _figure(run: Measurement, name: str) -> float | None:
    stage, _, percentile = name.partition(".")
    if percentile:
        return run.stages_ms.get(stage, {}).get(percentile)
    value = getattr(run, name)
    return None if value is None else float(value)
