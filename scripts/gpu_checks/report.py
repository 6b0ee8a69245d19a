"""What the check found, as rows of one table: on the terminal, in Markdown, in JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from slam.bench.table import aligned

Verdict = Literal["", "ok", "MISMATCH", "missed", "met"]


@dataclass(frozen=True)
class Row:
    """One figure. `limit` is what a correct result keeps to, `target` what the project aims at:
    beyond a limit lies a mismatch, which fails the check; a missed target does not.
    """

    section: str
    what: str
    value: float | None = None  # None: there is only a note
    unit: str = ""
    limit: float | None = None
    target: float | None = None
    is_floor: bool = False  # limit and target are the least, not the most, that the value may be
    note: str = ""
    is_failure: bool = False  # what the row is about did not come to its end

    @property
    def verdict(self) -> Verdict:
        """How the value stands to its limit or its target."""
        if self.is_failure or (self.limit is not None and not self._keeps(self.limit)):
            return "MISMATCH"
        if self.target is not None:
            return "met" if self._keeps(self.target) else "missed"
        return "" if self.limit is None else "ok"

    def _keeps(self, bound: float) -> bool:
        value = float("nan") if self.value is None else self.value
        return value >= bound if self.is_floor else value <= bound  # NaN keeps nothing

    @property
    def bound(self) -> str:
        """Limit and target as text."""
        sign = ">=" if self.is_floor else "<="
        texts = [] if self.limit is None else [f"{sign} {self.limit:g}"]
        texts += [] if self.target is None else [f"target {sign} {self.target:g}"]
        return ", ".join(texts)

    @property
    def figure(self) -> str:
        """The value with its unit."""
        return "" if self.value is None else f"{_short(self.value)} {self.unit}".rstrip()

    @property
    def line(self) -> str:
        """The row as one line of progress."""
        parts = [self.verdict.ljust(8), f"{self.section}: {self.what}", self.figure]
        parts += [f"({self.bound})"] if self.bound else []
        return "  ".join(part for part in [*parts, self.note] if part.strip() or part is parts[0])


COLUMNS = ("what", "value", "limit", "verdict", "note")


def text_table(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """Lay the rows out for a terminal, section by section."""
    cells = [[row.what, row.figure, row.bound, row.verdict] for row in rows]
    lines = aligned([["", "value", "limit", ""], *cells])
    out = [*_about(machine), "", lines[0].rstrip()]
    section = ""
    for row, line in zip(rows, lines[1:], strict=True):
        if row.section != section:
            section = row.section
            out.append(f"-- {section}")
        out.append(f"{line}  {row.note}".rstrip())
    return "\n".join(out)


def markdown(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    """Lay the rows out as Markdown, a table a section."""
    out = [*(f"- {line}" for line in _about(machine))]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            out += ["", f"### {section}", "", _cells(COLUMNS), _cells(["---"] * len(COLUMNS))]
        out.append(_cells([row.what, row.figure, row.bound, row.verdict, row.note]))
    return "\n".join(out) + "\n"


def as_json(
    rows: Sequence[Row], machine: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what goes into the JSON file: all rows with their verdicts, and all kernel checks."""
    return {
        "machine": dict(machine),
        "is_ok": not has_mismatch(rows),
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
        "checks": list(checks),
    }


def has_mismatch(rows: Iterable[Row]) -> bool:
    """Whether the check failed."""
    return any(row.verdict == "MISMATCH" for row in rows)


def _about(machine: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {', '.join(f'{k} {v}' for k, v in value.items())}"
        if isinstance(value, Mapping)
        else f"{name}: {value}"
        for name, value in machine.items()
    ]


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _short(value: float) -> str:
    """Write three digits, and large numbers in full."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
