"""Drawing: a chart that stands alone, as the text of an SVG file that brings its own style."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from mlpkit.charts.chart import HEIGHT, WIDTH
from mlpkit.charts.style import colors, rules
from mlpkit.files.atomic import save_bytes
from mlpkit.text.markup import Markup, el, name_of

SCOPE = ".mlpkit-drawing"  # keeps its rules from the rest of a notebook
LINE, LETTER = 18, 6.2  # height of a line of the title and of the legend; width of a letter of the legend
IN_A_LINE = 46  # letters of the title
SHOWN = 2  # pixels for each unit


class Drawing:
    """Chart as SVG, which a notebook shows.

    Attributes
    ----------
    svg : str
        Text of the file. It is the same for the same values.
    """

    def __init__(self, title: str, parts: Sequence[Markup], legend: Sequence[tuple[Markup, str]]) -> None:
        keys, lines = _legend(legend)
        titles = textwrap.wrap(name_of(title), IN_A_LINE)
        top = 8 + LINE * len(titles)
        height = top + HEIGHT + LINE * lines + (6 if lines else 0)
        style = el("style", Markup(colors(SCOPE) + rules(SCOPE) + f"{SCOPE} .title{{font-size:13px;font-weight:600;fill:var(--ink)}}\n"))
        inside = [
            el("title", title),
            style,
            el("rect", width=WIDTH, height=height, fill="var(--paper)"),
            *(el("text", line, x=8, y=17 + LINE * place, class_="title") for place, line in enumerate(titles)),
            el("g", parts, transform=f"translate(0 {top})"),
            el("g", keys, transform=f"translate(0 {top + HEIGHT})"),
        ]
        size = {"width": SHOWN * WIDTH, "height": SHOWN * height, "viewBox": f"0 0 {WIDTH} {height}"}
        names = {"class_": SCOPE.removeprefix("."), "font_family": "system-ui,sans-serif", "role": "img"}
        self.svg = el("svg", inside, xmlns="http://www.w3.org/2000/svg", **size, **names) + "\n"

    def save(self, path: str | Path, *, replace: bool = True) -> None:
        """Write the SVG file. Raise ModelFileError if it cannot be written, or exists and must not be replaced."""
        save_bytes(path, self.svg.encode(), replace=replace)

    def __repr__(self) -> str:
        return f"<mlpkit drawing: {len(self.svg):,} characters of SVG; save(path) writes it>"

    def _repr_html_(self) -> str:
        """Return the drawing for notebooks."""
        return f'<div style="max-width:{SHOWN * WIDTH}px">{self.svg}</div>'


def _legend(entries: Sequence[tuple[Markup, str]]) -> tuple[list[Markup], int]:
    """Return the entries of a legend, each a mark of 24 x 10 and a name, in lines; and the number of lines."""
    parts, x, line = [], 10.0, 0
    for mark, name in entries:
        width = 36 + LETTER * len(name_of(name))
        if x > 10 and x + width > WIDTH:
            x, line = 10.0, line + 1
        text = el("text", name_of(name), x=29, y=9)
        parts.append(el("g", mark, text, transform=f"translate({x:.1f} {4 + LINE * line})"))
        x += width
    return parts, line + 1 if parts else 0
