"""The table of a run's frames, `frames.csv`."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from slam.errors import SlamError
from slam.journal import FrameRecord
from slam.tracking.base import TrackState


def frames_text(records: Sequence[FrameRecord]) -> str:
    """Return the text of the table."""
    names = [field.name for field in fields(FrameRecord)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    table.writerows([_cell(getattr(record, name)) for name in names] for record in records)
    return text.getvalue()


def read_frames(path: Path) -> list[FrameRecord]:
    """Read a table; no rows where there is no file."""
    if not path.is_file():
        return []
    records = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                values = {
                    field.name: _parse(field.type, row[field.name])
                    for field in fields(FrameRecord)
                    if field.name in row or field.default is MISSING
                }
            except (KeyError, TypeError, ValueError) as error:
                raise SlamError(f"{path}:{number}: not a row of a frame table: {error}") from error
            records.append(FrameRecord(**values))
    return records


def _parse(kind: Any, text: str) -> Any:
    if kind is float:
        return float(text) if text else math.nan
    return kind(text)


def _cell(value: Any) -> str:
    if isinstance(value, TrackState):
        return value.value
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    return str(value)
