"""Report: what came of the checks of one plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Status = Literal["passed", "failed", "skipped", "expected"]
SHORTEST = 0.05  # seconds from which it is said how long a check took
EXCEPTION = re.compile(r"[A-Z]\w+: ")  # in which numbers are those of the call
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
        Skipped: it says nothing of this plugin. Expected: it failed, as was said beforehand.
    reason : str
        What was found and what to do, or why it was skipped; empty when it passed.
    seconds : float
        What it took.
    """

    name: str
    status: Status
    reason: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """The results of the checks of one plugin; as text, a table.

    Attributes
    ----------
    plugin : str
        Its full name.
    kind : str
        "activations", "losses", "optimizers", "initializers", "schedules", "metrics" or "readers".
    distribution, version : str or None
        The installed distribution it comes from; None for a class of one's own.
    options : mapping
        Those that it was checked with, as JSON values.
    checks : tuple of Check
        In the order in which they ran.
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
        """Return how many checks passed."""
        return self._count("passed")

    @property
    def failed(self) -> int:
        """Return how many failed that should not have, or passed that should have failed."""
        return self._count("failed")

    @property
    def skipped(self) -> int:
        """Return how many say nothing of this plugin."""
        return self._count("skipped")

    @property
    def expected(self) -> int:
        """Return how many failed as was said beforehand."""
        return self._count("expected")

    @property
    def ok(self) -> bool:
        """Return whether nothing failed and something passed: where no check ran, nothing is known."""
        return self.failed == 0 and self.passed > 0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values, with the counts and `ok`."""
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
        nothing = "" if self.passed or self.failed else ": nothing is known of this plugin"
        return f"{'ok' if self.ok else 'NOT OK'}: {len(self.checks)} checks, {counts}{nothing}"


def told_once(check: Check, earlier: Sequence[Check]) -> Check:
    """The check; skipped where an earlier one failed for the same reason, so that one mistake is told once."""
    for each in earlier if check.status == "failed" else ():
        if each.status == "failed" and _alike(each.reason) == _alike(check.reason):
            return replace(check, status="skipped", reason=f"it finds the same as {each.name}")
    return check


def _alike(reason: str) -> str:
    """A reason without what differs where one mistake shows again: the line, who called, and numbers such as shapes."""
    text = LOCATION.sub("", CALLER.sub("", reason))
    return NUMBERS.sub("#", text) if EXCEPTION.match(text) else text


def _line(check: Check, width: int) -> str:
    seconds = f"{check.seconds:.2f} s" if check.seconds >= SHORTEST and not check.reason else ""
    return f"  {check.status:8}  {check.name:{width}}  {check.reason or seconds}".rstrip().replace("\n", "\n      ")
