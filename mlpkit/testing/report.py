"""Report of the checks of one plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped", "expected"]
SHORTEST = 0.05  # seconds from which the duration of a check is shown
EXCEPTION = re.compile(r"[A-Z]\w+: ")  # start of an error message, whose numbers depend on the call
CALLER = re.compile(r"^.* failed in \w+: ", re.DOTALL)
LOCATION = re.compile(r" *\([^()]+, line \d+\)$")
NUMBERS = re.compile(r"\(?\d[\d, ]*\)? *")


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    name : str
    status : {"passed", "failed", "skipped", "expected"}
        "skipped": the check does not apply to this plugin. "expected": it failed, as declared in `expected_failures`.
    reason : str
        Finding and advice, or the reason for skipping; empty if it passed.
    seconds : float
        Duration of the check.
    """

    name: str
    status: Status
    reason: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """Results of the checks of one plugin, with a table as text form.

    Attributes
    ----------
    plugin : str
        Full name of the plugin.
    kind : str
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics", "readers", "exchanges", "kernels" or "engines".
    distribution, version : str or None
        Distribution that installs the plugin; None for a user's class.
    options : mapping
        Options of the checked object, as JSON values.
    checks : tuple of Check
        Results in the order of execution.
    """

    plugin: str
    kind: str
    distribution: str | None
    version: str | None
    options: Mapping[str, Any]
    checks: tuple[Check, ...]

    def _count(self, status: Status) -> int:
        return sum(check.status == status for check in self.checks)

    @property
    def passed(self) -> int:
        """Number of checks that passed."""
        return self._count("passed")

    @property
    def failed(self) -> int:
        """Number of checks that failed unexpectedly, or passed although a failure was expected."""
        return self._count("failed")

    @property
    def skipped(self) -> int:
        """Number of checks that do not apply to this plugin."""
        return self._count("skipped")

    @property
    def expected(self) -> int:
        """Number of checks that failed as expected."""
        return self._count("expected")

    @property
    def ok(self) -> bool:
        """True if nothing failed and at least one check passed."""
        return self.failed == 0 and self.passed > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, with the counts and `ok`."""
        counts = {"ok": self.ok, "passed": self.passed, "failed": self.failed, "skipped": self.skipped, "expected": self.expected}
        return {**asdict(self), "options": dict(self.options), "checks": [asdict(check) for check in self.checks], **counts}

    def __str__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        source = f"{self.distribution} {self.version}" if self.distribution else "your own class"
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{self.plugin}({options}), one of the {self.kind} of {source}"]
        return "\n".join([*lines, *(_line(check, width) for check in self.checks), self._summary()])

    def _summary(self) -> str:
        expected = f", {self.expected} failed as expected" if self.expected else ""
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped{expected}"
        nothing = "" if self.passed or self.failed else ": no check applies to this plugin"
        return f"{'ok' if self.ok else 'NOT OK'}: {len(self.checks)} checks, {counts}{nothing}"


def without_repetition(check: Check, earlier: Sequence[Check]) -> Check:
    """Return the check; skipped if an earlier one failed for the same reason, so that one mistake is reported once."""
    for each in earlier if check.status == "failed" else ():
        if each.status == "failed" and _alike(each.reason) == _alike(check.reason):
            return replace(check, status="skipped", reason=f"same finding as {each.name}")
    return check


def _alike(reason: str) -> str:
    """Return a reason without the parts that vary for the same mistake: line, caller, and numbers such as shapes."""
    text = LOCATION.sub("", CALLER.sub("", reason))
    return NUMBERS.sub("#", text) if EXCEPTION.match(text) else text


def _line(check: Check, width: int) -> str:
    seconds = f"{check.seconds:.2f} s" if check.seconds >= SHORTEST and not check.reason else ""
    return f"  {check.status:8}  {check.name:{width}}  {check.reason or seconds}".rstrip().replace("\n", "\n      ")
