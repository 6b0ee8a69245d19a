"""Findings, and how they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One finding. "failed" means that the core does not work; a "note" is worth knowing."""

    name: str
    status: Literal["ok", "note", "failed"]
    detail: str


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    checks: tuple[Check, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether the core works."""
        return not self._failed

    @property
    def lines(self) -> list[str]:
        """The findings as a table, and a last line that says whether the core works."""
        width = max(len(check.name) for check in self.checks)
        table = [
            f"{check.status:<6}  {check.name:<{width}}  {check.detail}" for check in self.checks
        ]
        return [
            *table,
            f"needs attention: {', '.join(self._failed)}" if self._failed else "the core works",
        ]

    @property
    def _failed(self) -> list[str]:
        return [check.name for check in self.checks if check.status == "failed"]


def guarded(
    name: str, check: Callable[[], Check], if_raised: Literal["note", "failed"] = "failed"
) -> Check:
    """Run a check; what it raises is its finding."""
    # Any exception is caught here, so that one failing check does not hide the others.
    try:
        return check()
    except Exception as error:
        return Check(name, if_raised, one_line(error))


def one_line(error: BaseException) -> str:
    """Return an error's type and text in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
