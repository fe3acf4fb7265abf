"""HTML from texts that are escaped, and numbers as they are shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import TypeAlias

from mlpkit.text.shown import one_line, shortened

LONGEST = 60  # characters of a name or a value
MINUS, NONE = "−", "–"


class Markup(str):
    """Text that is HTML. Any other text is escaped where it becomes part of one."""

    __slots__ = ()


Content: TypeAlias = "str | Sequence[str]"


def text_of(text: str) -> Markup:
    """Return a text as HTML, with control characters and those that change the order of text escaped."""
    return text if isinstance(text, Markup) else Markup(escape(one_line(text)))


def el(name: str, *content: Content, **attributes: object) -> Markup:
    """Return an element with its content; attributes that are None are left out, and a `_` at the end of a name is dropped."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(one_line(value))}"' for key, value in attributes.items() if value is not None
    )
    inside = "".join(text_of(part) for each in content for part in ((each,) if isinstance(each, str) else each))
    return Markup(f"<{name}{given}>{inside}</{name}>")


def name_of(text: object) -> str:
    """Return a name or value of the data, shortened."""
    return shortened(str(text), LONGEST)


def paragraph(text: Content, kind: str | None = None) -> Markup:
    """Return a paragraph, of a kind such as "note"."""
    return el("p", text, class_=kind)


def table(
    head: Sequence[Content], rows: Iterable[Sequence[Content]], *, caption: str, texts: int | Collection[int] = 1, kind: str | None = None
) -> Markup:
    """Return a table whose first column names the rows.

    Parameters
    ----------
    head : sequence of str
    rows : iterable of sequences of str or Markup
        Cells; those that are `td` elements already are taken as they are.
    caption : str
    texts : int, or collection of int
        Number of columns from the left that are texts, or their places; others are numbers, at the right of their columns.
    kind : str, optional
        Class of the table.
    """
    left = range(texts) if isinstance(texts, int) else texts
    kinds = ["t" if place in left else None for place in range(len(head))]
    titles = [el("th", title, scope="col", class_=own) for title, own in zip(head, kinds, strict=True)]
    lines = []
    for row in rows:
        first, *others = row
        cells = [_cell(cell, own) for cell, own in zip(others, kinds[1:], strict=True)]
        lines.append(el("tr", el("th", first, scope="row"), cells))
    inside = [el("caption", caption), el("thead", el("tr", titles)), el("tbody", lines)]
    return el("div", el("table", inside, class_=kind), class_="scroll", tabindex="0", role="region", aria_label=caption)


def _cell(cell: Content, kind: str | None) -> Markup:
    return cell if isinstance(cell, Markup) and cell.startswith("<td") else el("td", cell, class_=kind)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with some digits; a dash for None, and "undefined" for NaN."""
    if value is None:
        return NONE
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    whole = abs(value) >= 10 ** (digits - 1) and abs(value) < 1e15
    shown = f"{value:,.0f}" if whole or (value == int(value) and abs(value) < 1e15) else f"{value:.{digits}g}"
    return shown.replace("-", MINUS) if shown.startswith("-") else shown


def percent(share: float) -> str:
    """Return a share in percent."""
    return "undefined" if math.isnan(share) else f"{100 * share:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval as a text; empty if it is not known."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low)} to {number(high)}"
