"""One row of the parity table, and the table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A comparison: the worst error found and the tolerance it has to stay within."""

    stage: str
    case: str
    error: float
    tolerance: float
    reason: str = ""

    @classmethod
    def failure(cls, stage: str, case: str, reason: str) -> "Check":
        """Return a check that failed for a reason other than a number."""
        return cls(stage, case, float("inf"), 0.0, reason)

    @classmethod
    def equal(cls, stage: str, case: str, same: bool, reason: str = "differs") -> "Check":
        """Return a check of something that is either the same or not."""
        return cls(stage, case, 0.0, 0.0) if same else cls.failure(stage, case, reason)

    @property
    def agrees(self) -> bool:
        """Whether the error is within the tolerance; a NaN is not."""
        return self.error <= self.tolerance


def print_table(checks: Sequence[Check], only_failures: bool = False) -> None:
    """Print stage, case, worst error, tolerance and verdict of each check, then the sum."""
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
