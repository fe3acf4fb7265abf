"""Charts as inline SVG, with a title for readers that cannot see them, and series that differ by color and by dashes or shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.charts.axis import Axis
from mlpkit.numerics.arrays import Array
from mlpkit.text.markup import Markup, el, name_of

WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 10, 40  # margins
DASHES = (None, "7 3", "2 2", "9 3 2 3", "4 4", "1 3")  # of series, in their order
SERIES = len(DASHES)
SHAPES = (  # of larger points of series, for a radius of 1; None is a circle
    None,
    "M-.9-.9H.9V.9H-.9z",
    "M0-1.2L1.1.8H-1.1z",
    "M0-1.3L1.2 0 0 1.3-1.2 0z",
    "M-1.3-.45H-.45V-1.3H.45V-.45H1.3V.45H.45V1.3H-.45V.45H-1.3z",
    "M0 1.2L1.1-.8H-1.1z",
)
MOST_POINTS = 120  # of a line
MOST_READ = 5_000  # points that are looked at to find these
CLOSE = 0.4  # distance of a drawn line from all of its points
LARGEST = 1e307  # value of an axis: the distance of two larger ones may overflow

Kind = Literal["line", "points", "steps", "guide"]


class Series(NamedTuple):
    """Points of a chart.

    Attributes
    ----------
    name : str
        Empty for one that the legend leaves out.
    x, y : array, shape (points,)
        NaN for points that are left out.
    kind : {"line", "points", "steps", "guide"}
        A guide is thin and grey.
    style : int
        Number of its color, and of its dashes or shape.
    sizes : array, shape (points,), or None
        Radii of points; None for small dots without a shape.
    """

    name: str
    x: Array
    y: Array
    kind: Kind = "line"
    style: int = 0
    sizes: Array | None = None


def chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log: bool = False,
    dates: bool = False,
    marks: Sequence[tuple[float, str]] = (),
) -> Markup:
    """Return a chart with axes, its legend below.

    Parameters
    ----------
    title : str
        Sentence that says what the chart shows.
    series : sequence of Series
    x_label, y_label : str
    x_range, y_range : (float, float), optional
        Default: those of the finite values.
    log : bool
        True for a logarithmic y axis, if all values are above 0 and the largest is at least ten times the smallest.
    dates : bool
        True if x has days since 1970-01-01.
    marks : sequence of (float, str)
        Vertical lines at x, with their names.
    """
    inside = parts_of(series, x_label, y_label, x_range=x_range, y_range=y_range, log=log, dates=dates, marks=marks)
    drawing = el("svg", el("title", title), inside, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title)
    named = [each for each in series if each.name]
    legend = [_key(each) for each in named] if len(named) > 1 else []
    return el("figure", drawing, el("figcaption", el("b", title), el("span", legend) if legend else ""))


def parts_of(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log: bool = False,
    dates: bool = False,
    marks: Sequence[tuple[float, str]] = (),
) -> list[Markup]:
    """Return the axes, the marks and the series of a chart; parameters are those of `chart`."""
    ys = np.concatenate([each.y for each in series])
    finite = ys[np.isfinite(ys)]
    log = log and bool(len(finite)) and 0 < 10 * float(finite.min()) <= float(finite.max())
    x_low, x_high = x_range or _range(np.concatenate([each.x for each in series]))
    y_low, y_high = y_range or _range(np.log10(finite) if log else ys, 0.04)
    x = Axis(x_label, x_low, x_high, LEFT, WIDTH - RIGHT, dates=dates)
    y = Axis(y_label, y_low, y_high, HEIGHT - BOTTOM, TOP, log)
    inside = [*frame(x, y), *[part for mark in marks for part in _mark(x, *mark)]]
    return inside + [part for each in series for part in drawn(each, x, y)]


def _range(values: Array, margin: float = 0.0) -> tuple[float, float]:
    """Return the range of the finite values up to `LARGEST`, at least a little wide."""
    finite = values[np.abs(values) <= LARGEST]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        low, high = low - max(0.5, abs(low) / 10), high + max(0.5, abs(high) / 10)
    return low - margin * (high - low), high + margin * (high - low)


def frame(x: Axis, y: Axis) -> list[Markup]:
    """Return the axes with their ticks, texts and labels."""
    parts = []
    for place, text in y.ticks:
        parts += [_line(x.start, place, x.end, place, "grid"), _text(x.start - 5, place + 4, text, "end")]
    for place, text in x.ticks:
        parts += [_line(place, y.start, place, y.start + 4, "axis"), _text(place, y.start + 16, text, "middle")]
    parts += [_line(x.start, y.start, x.end, y.start, "axis"), _line(x.start, y.start, x.start, y.end, "axis")]
    parts.append(_text((x.start + x.end) / 2, HEIGHT - 5, x.label, "middle"))
    middle = _place((y.start + y.end) / 2)
    parts.append(el("text", name_of(y.label), transform=f"translate(11 {middle}) rotate(-90)", text_anchor="middle"))
    return parts


def _mark(x: Axis, value: float, name: str) -> list[Markup]:
    place = float(x.place(np.array(value)))
    right = place < (x.start + x.end) / 2
    return [
        _line(place, HEIGHT - BOTTOM, place, TOP, "mark"),
        _text(place + (4 if right else -4), TOP + 10, name, "start" if right else "end"),
    ]


def drawn(series: Series, x: Axis, y: Axis) -> list[Markup]:
    """Return the points of a series as one path, or as circles."""
    px, py = x.place(series.x), y.place(series.y)
    inside = np.isfinite(px) & np.isfinite(py)
    if series.kind == "points":
        return _points(px[inside], py[inside], None if series.sizes is None else series.sizes[inside], series.style % SERIES)
    steps = series.kind == "steps"
    kept = thinned(len(px)) if steps or not inside.all() else thinned_line(px, py)
    parts, drawing = [], False
    for place in kept.tolist():
        if not inside[place]:
            drawing = False
            continue
        at_x, at_y = _place(px[place]), _place(py[place])
        parts.append(f"V{at_y}H{at_x}" if steps and drawing else f"{'L' if drawing else 'M'}{at_x} {at_y}")
        drawing = True
    if series.kind == "guide":
        return [el("path", d="".join(parts), class_="guide")]
    return [el("path", d="".join(parts), class_=f"line c{series.style % SERIES}", stroke_dasharray=DASHES[series.style % SERIES])]


def _points(x: Array, y: Array, sizes: Array | None, style: int) -> list[Markup]:
    if sizes is None:  # one path: a line of length 0 with a round cap is a dot
        return [el("path", d="".join(f"M{_place(a)} {_place(b)}h0" for a, b in zip(x, y, strict=True)), class_=f"dot c{style} small")]
    return [point(style, a, b, size) for a, b, size in zip(x, y, sizes, strict=True)]


def point(style: int, x: float, y: float, size: float) -> Markup:
    """Return a point in the color and the shape of a series."""
    if SHAPES[style] is None:
        return el("circle", cx=_place(x), cy=_place(y), r=_place(size), class_=f"dot c{style}")
    return el("path", d=SHAPES[style], transform=f"translate({_place(x)} {_place(y)}) scale({_place(size)})", class_=f"dot shape c{style}")


def thinned(count: int, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Return the places of all of some points, or of `most` at equal distances, with the first and the last one."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)) if count else np.empty(0, np.intp)


def thinned_line(x: Array, y: Array) -> NDArray[np.intp]:
    """Return the places of points of a line that is at most `CLOSE` from the others. Ramer 1972; Douglas & Peucker 1973.

    Of more than `MOST_READ` points those at equal distances are used.
    """
    some = thinned(len(x), MOST_READ)
    return some[_corners(x[some], y[some])]


def _corners(x: Array, y: Array) -> NDArray[np.intp]:
    kept, open_parts = np.zeros(len(x), bool), [(0, len(x) - 1)] if len(x) else []
    kept[[0, -1] if len(x) else []] = True
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        part = slice(first + 1, last)
        across, along = y[last] - y[first], x[last] - x[first]
        length = max(math.hypot(across, along), 1e-9)
        away = np.abs(across * (x[part] - x[first]) - along * (y[part] - y[first])) / length
        if along == across == 0.0:
            away = np.hypot(x[part] - x[first], y[part] - y[first])
        farthest = first + 1 + int(away.argmax())
        if away[farthest - first - 1] > CLOSE:
            kept[farthest] = True
            open_parts += [(first, farthest), (farthest, last)]
    found = np.flatnonzero(kept)
    return found[thinned(len(found))]


def sample(series: Series) -> Markup:
    """Return the mark of a series in a legend, 24 wide and 10 high."""
    style = series.style % SERIES
    if series.kind == "points":
        return point(style, 12.0, 5.0, 4.0)
    if series.kind == "guide":
        return el("path", d="M0 5H24", class_="guide")
    return el("path", d="M0 5H24", class_=f"line c{style}", stroke_dasharray=DASHES[style])


def _key(series: Series) -> Markup:
    """Return the entry of a series in the legend of a figure."""
    drawing = el("svg", sample(series), viewBox="0 0 24 10", class_="sample", aria_hidden="true")
    return el("span", drawing, name_of(series.name), class_="key")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return el("path", d=f"M{_place(x1)} {_place(y1)}L{_place(x2)} {_place(y2)}", class_=kind)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return el("text", name_of(text), x=_place(x), y=_place(y), text_anchor=anchor)


def _place(value: float) -> str:
    """Return a coordinate with one digit after the point."""
    shown = f"{float(value):.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown
