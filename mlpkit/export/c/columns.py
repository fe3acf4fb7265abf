"""Encoding of the input columns as C: numbers and texts of one row become the inputs of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mlpkit.export.c.literals import array, numbers, texts
from mlpkit.export.source import Source

DATE_PARTS = """/* the time of the day before it was rounded as a part of the days: whole milliseconds or microseconds, as a fraction */
static double day_fraction(double days)
{
    const double found = days - floor(days), coarse = rint(found * 86400000.0) / 86400000.0;
    if (fabs(found - coarse) <= fabs(days) * 2.220446049250313e-16) return coarse;
    return rint(found * 86400000000.0) / 86400000000.0; /* beyond 2149 the days resolve no single microseconds */
}

static int date_part(double days, int part, double *out)
{
    const double day = floor(days), turn = 6.283185307179586;
    long rest = (long)day + 719468, era, year, month, of_year, start;
    if (!(days >= -719162 && days < 2932897)) return 0; /* the years 1 to 9999 */
    if (part == 0) { *out = days; return 1; }
    if (part == 3) { *out = (double)(((long)day % 7 + 10) % 7); return 1; } /* 1970-01-01 was a Thursday */
    if (part >= 6) { *out = turn * day_fraction(days); *out = part == 6 ? sin(*out) : cos(*out); return 1; }
    era = rest / 146097; /* 400 years, which begin on a 1st of March */
    rest -= era * 146097;
    year = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    of_year = rest - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    year += era * 400 + (month >= 10);
    if (part == 1) { *out = (double)year; return 1; }
    if (part == 2) { *out = (double)(month < 10 ? month + 3 : month - 9); return 1; }
    start = (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 719162; /* the 1st of January */
    *out = turn * (double)((long)day - start) / 365.25;
    *out = part == 4 ? sin(*out) : cos(*out);
    return 1;
}"""
PARTS = ("days", "year", "month", "weekday", "day_of_year_sine", "day_of_year_cosine", "hour_sine", "hour_cosine")
FIND = """/* the code of a text in a sorted table, or -1 */
static int find(const char *value, const char *const *known, const int *codes, int count)
{
    int low = 0, high = count;
    while (low < high) {
        const int middle = low + (high - low) / 2, order = strcmp(value, known[middle]);
        if (order == 0) return codes[middle];
        if (order < 0) high = middle; else low = middle + 1;
    }
    return -1;
}"""


class Columns:
    """Input columns of a model, with their places in the arguments and in the encoded row.

    Attributes
    ----------
    numbers : list of (dict, int)
        Columns of numbers, booleans and dates, each with the index of its first number in the argument `numbers`.
    texts : list of dict
        Categories, in the order of the argument `texts`.
    arguments : int
        Count of numbers.
    width : int
        Count of encoded inputs.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.arrays = source, source.input_arrays
        self.numbers: list[tuple[Mapping[str, Any], int]] = []
        self.texts: list[Mapping[str, Any]] = []
        self.arguments = 0
        for column in source.inputs["columns"]:
            if column["kind"] == "category":
                self.texts.append(column)
                continue
            self.numbers.append((column, self.arguments))
            self.arguments += 1 if column["kind"] == "date" else column["width"]
        self.cells = [column for column, _ in self.numbers for _ in range(column["width"])]
        self.counts = self.arrays.get("knot_counts", np.zeros(len(self.cells), int)).tolist()
        self.gaps = self.arrays.get("gaps", np.empty(0, int))
        self.bins = sum(count - 1 for count, cell in zip(self.counts, self.cells, strict=True) if count and cell["treatment"] == "bins")
        codes = sum(1 if column["treatment"] == "embed" else len(column["categories"]) for column in self.texts)
        self.width = len(self.cells) + len(self.gaps) + self.bins + codes

    def tables(self) -> Iterator[str]:
        """Yield the definitions of constant arrays."""
        if self.cells:
            names = ("fill", "center", "scale", "lower", "upper", "knots", "scores")
            yield from (numbers(f"input_{name}", self.arrays[name]) for name in names if name in self.arrays)
        if any(self.counts):
            yield array("int", "input_knot_counts", [str(count) for count in self.counts])
            yield array("int", "input_has_scores", [str(int(cell["treatment"] == "quantile")) for cell in self.cells])
        if len(self.gaps):
            yield numbers("input_gaps", self.gaps, "int")
        if any(cell.get("clip") is not None for cell in self.cells):
            clips = [cell.get("clip") for cell in self.cells]  # 0 for none, below 0 for the smooth one
            yield numbers("input_clip", np.array([0.0 if clip is None else -1.0 if clip == "smooth" else clip for clip in clips]))
        if zeros := self.source.inputs.get("zeros", []):
            yield numbers("input_zeros", np.array(zeros), "int")
        for index, column in enumerate(self.texts):
            yield from self._codes(index, column)

    def _codes(self, index: int, column: Mapping[str, Any]) -> Iterator[str]:
        """Yield the sorted categories of a column, and their codes. Texts of missing values have that of a missing value."""
        known = {category: code for code, category in enumerate(column["categories"])}
        missing = known.pop(None, -1) if self.source.inputs["impute"] else -2
        found = {**known, **dict.fromkeys(self.source.inputs["missing"], missing)}
        order = sorted(found, key=lambda category: category.encode("utf-8", "surrogatepass"))
        yield texts(f"text{index}", order or [""])
        yield array("int", f"code{index}", [str(found[category]) for category in order] or ["-1"])

    def missing_code(self, column: Mapping[str, Any]) -> int:
        """Return the code of a missing category: -1 for one like an unseen one, -2 for an error."""
        if not self.source.inputs["impute"]:
            return -2
        return column["categories"].index(None) if None in column["categories"] else -1

    def function(self) -> str:
        """Return the function that encodes a row."""
        lines = ["static int encode(const double *numbers, const char *const *texts, REAL *x)", "{"]
        if self.cells:
            lines += [f"    double v[{len(self.cells)}], value;", f"    int missing[{len(self.cells)}];", "    int i;"]
        if self.bins:
            lines += [f"    REAL *place = x + {len(self.cells) + len(self.gaps)};"]
        if any(self.counts):
            lines += ["    const double *knot = input_knots;", "    int k;"]
        if "scores" in self.arrays:
            lines += ["    const double *score = input_scores;"]
        if self.texts:
            lines += ["    int code;" if all(column["treatment"] == "embed" for column in self.texts) else "    int code, c;"]
        lines += [f"    (void){name};" for name, used in (("numbers", self.cells), ("texts", self.texts)) if not used]
        if self.cells:
            lines += [*self._reads(), *self._scaling()]
        lines += self._categories()
        if zeros := self.source.inputs.get("zeros", []):
            lines += [f"    {'{'} int z; for (z = 0; z < {len(zeros)}; z++) x[input_zeros[z]] = 0; {'}'}"]
        return "\n".join([*lines, "    return 1;", "}"])

    def _reads(self) -> Iterator[str]:
        """Yield statements that read the numbers, and the parts of dates."""
        cell = 0
        for column, start in self.numbers:
            if column["kind"] == "date":
                yield f"    if (isnan(numbers[{start}])) for (i = 0; i < {column['width']}; i++) v[{cell} + i] = NAN;"
                calls = (f"date_part(numbers[{start}], {PARTS.index(part)}, v + {cell + n})" for n, part in enumerate(column["parts"]))
                yield f"    else if (!({' && '.join(calls)})) return 0;"
            else:
                yield f"    for (i = 0; i < {column['width']}; i++) v[{cell} + i] = numbers[{start} + i];"
            if column["kind"] == "boolean":
                value = f"v[{cell} + i]"
                yield f"    for (i = 0; i < {column['width']}; i++) if (!isnan({value}) && {value} != 0 && {value} != 1) return 0;"
            cell += column["width"]

    def _scaling(self) -> Iterator[str]:
        """Yield the loop over the numbers: missing values, scaling, scores, bins, limits."""
        yield f"    for (i = 0; i < {len(self.cells)}; i++) {{"
        yield "        missing[i] = isnan(v[i]) != 0;"
        if not self.source.inputs["impute"]:
            yield "        if (missing[i]) return 0;"
        yield "        if (isinf(v[i])) return 0;"
        yield "        value = missing[i] ? input_fill[i] : v[i];"
        if "lower" in self.arrays:
            yield "        value = value < input_lower[i] ? input_lower[i] : value > input_upper[i] ? input_upper[i] : value;"
        yield "        value = (value - input_center[i]) / input_scale[i];"
        if any(self.counts):
            yield from self._knots()
        if any(cell.get("clip") is not None for cell in self.cells):
            yield "        if (input_clip[i] < 0) value /= sqrt(1 + (value / 3) * (value / 3));"
            yield "        else if (input_clip[i] > 0 && fabs(value) > input_clip[i]) value = value < 0 ? -input_clip[i] : input_clip[i];"
        if constant := [index for index in self.source.inputs.get("zeros", []) if index < len(self.cells)]:
            yield f"        if ({' || '.join(f'i == {index}' for index in constant)}) value = 0;"
        yield "        if (!(fabs(value) <= LARGEST)) return 0;"
        yield "        x[i] = (REAL)value;"
        yield "    }"
        if len(self.gaps):
            yield f"    for (i = 0; i < {len(self.gaps)}; i++) x[{len(self.cells)} + i] = (REAL)missing[input_gaps[i]];"

    def _knots(self) -> Iterator[str]:
        """Yield the statements for a value with knots: its score, or its places in bins."""
        yield "        if (input_knot_counts[i]) {"
        if self.bins:
            yield "            if (!input_has_scores[i])"
            yield "                for (k = 0; k + 1 < input_knot_counts[i]; k++) {"
            yield "                    const double share = (value - knot[k]) / (knot[k + 1] - knot[k]);"
            yield "                    *place++ = (REAL)(share < 0 ? 0 : share > 1 ? 1 : share);"
            yield "                }"
        if "scores" in self.arrays:
            yield "            if (input_has_scores[i]) {"
            yield "                for (k = 0; k < input_knot_counts[i] && value >= knot[k]; k++) continue;"
            yield "                if (k == 0) value = score[0];"
            yield "                else if (k == input_knot_counts[i]) value = score[k - 1];"
            yield "                else value = score[k - 1] + (score[k] - score[k - 1]) / (knot[k] - knot[k - 1]) * (value - knot[k - 1]);"
            yield "                score += input_knot_counts[i];"
            yield "            }"
        yield "            knot += input_knot_counts[i];"
        yield "        }"

    def _categories(self) -> Iterator[str]:
        """Yield the statements for the categories."""
        start = self.width - sum(1 if column["treatment"] == "embed" else len(column["categories"]) for column in self.texts)
        for index, column in enumerate(self.texts):
            count = len(column["categories"])
            table = f"text{index}, code{index}, (int)(sizeof code{index} / sizeof *code{index})"
            yield f"    code = texts[{index}] ? find(texts[{index}], {table}) : {self.missing_code(column)};"
            if not self.source.inputs["impute"]:
                yield "    if (code == -2) return 0;"
            if column["treatment"] == "embed":
                yield f"    x[{start}] = (REAL)(code < 0 ? {count} : code);"
                start += 1
            else:
                yield f"    for (c = 0; c < {count}; c++) x[{start} + c] = c == code;"
                start += count

    def helpers(self) -> Iterator[str]:
        """Yield the functions that `function` calls."""
        if any(column["kind"] == "date" for column, _ in self.numbers):
            yield DATE_PARTS
        if self.texts:
            yield FIND
