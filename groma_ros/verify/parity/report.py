"""Hold one row of the parity table, and print the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """Hold one comparison: it agrees where the error is within the tolerance.

    stage, case  what was compared
    error        the largest distance, inf where there is no number to compare
    reason       why it failed, where that is not the distance
    """

    stage: str
    case: str
    error: float
    tolerance: float
    reason: str = ""

    @classmethod
    def failure(cls, stage: str, case: str, reason: str) -> Check:
        """Return a comparison that failed for a reason other than a distance."""
        return cls(stage, case, float("inf"), 0.0, reason)

    @classmethod
    def equal(cls, stage: str, case: str, same: bool, reason: str = "differs") -> Check:
        """Return a comparison of two things that are either the same or not."""
        return cls(stage, case, 0.0, 0.0) if same else cls.failure(stage, case, reason)

    @property
    def agrees(self) -> bool:
        """Whether the error is within the tolerance; a NaN is not."""
        return self.error <= self.tolerance


def print_table(checks: Sequence[Check], only_failures: bool = False) -> None:
    """Print a row for each comparison, and how many agree."""
    print(f"{'stage':<24} {'case':<14} {'worst error':>12} {'tolerance':>12}")
    for check in checks:
        if only_failures and check.agrees:
            continue
        verdict = "ok" if check.agrees else f"DIFFERS {check.reason}".rstrip()
        print(
            f"{check.stage:<24} {check.case:<14} {check.error:>12.3e} "
            f"{check.tolerance:>12.3e}  {verdict}"
        )
    failed = sum(not check.agrees for check in checks)
    if not checks:
        print("nothing to compare")
    print(f"{len(checks) - failed} of {len(checks)} checks agree")
