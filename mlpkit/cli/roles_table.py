"""Table of the columns that `mlpkit init` prints: what each became, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlpkit.cli.column_roles import ColumnRole
from mlpkit.cli.model_facts import kinds_text, listed
from mlpkit.text.shown import shortened

MOST = 40  # columns that are listed one by one
NAME = 40  # characters of a name
OVERRIDE = 'to override: "preprocessing": {"columns": {"NAME": ...}} with "standardize", "one_hot", "embed", "boolean", "date" or "ignore"'


def roles_text(columns: Mapping[str, ColumnRole]) -> Iterator[str]:
    """Yield the lines of the table.

    Of more than `MOST` columns those are listed that a spec treats in a way of their own, such as dates, codes and what is left out; the
    others follow as one line for each kind.
    """
    special = [name for name, role in columns.items() if role.treatment]
    shown = list(columns) if len(columns) <= MOST else special[:MOST]
    rows = [("column", "becomes", "because")] if shown else []
    rows += [(shortened(name, NAME), _input(columns[name]), columns[name].reason) for name in shown]
    widths = [max((len(row[index]) for row in rows), default=0) for index in range(2)]
    for name, becomes, reason in rows:
        yield f"{name:{widths[0]}}  {becomes:{widths[1]}}  {shortened(reason)}".rstrip()
    listed_already = set(shown)
    others = {name: role for name, role in columns.items() if name not in listed_already}
    yield from kinds_text([(name, role.kind) for name, role in others.items() if role.kind])
    if more := [name for name, role in others.items() if role.treatment == "ignore"]:
        yield f"{len(more):,} more left out: {listed(more)}"
    yield OVERRIDE


def _input(role: ColumnRole) -> str:
    """Return what a column became, in the words of the spec where it has some."""
    if role.treatment == "ignore":
        return "left out"
    return role.treatment or {"category": "one_hot"}.get(role.kind, role.kind)
