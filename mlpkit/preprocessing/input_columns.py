"""Input columns of a model: kind, treatment and categories.

Texts are one-hot encoded only if rows share them. A text column in which most rows have a different text holds names, dates in words
or numbers with units, from which a network learns nothing. It is refused unless the spec or the column's type makes it categorical.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mlpkit.data.coded_column import coded, counted
from mlpkit.data.column_types import column_kind, text_counts, texts
from mlpkit.data.table import Table, column_width, value_names
from mlpkit.data.written_numbers import AnyNotation, Words
from mlpkit.errors import DataError, SpecError
from mlpkit.preprocessing.date_parts import DatePart, varied_parts
from mlpkit.spec import Preprocessing
from mlpkit.spec.column_treatment import AnyScaling, Clip, Date, Embed, boolean_of, date_of, embed_of, scaling_of

ColumnKind = Literal["number", "boolean", "date", "category"]
ColumnTreatment = Literal["standardize", "robust", "min_max", "quantile", "bins", "none", "one_hot", "embed"]

Counts = Counter[str | None]  # rows of each category

MOST_CATEGORIES = 1000  # that are one-hot encoded
MOST_LEVELS = 100_000  # that are embedded
FEW_CATEGORIES = 20  # up to this number, most rows may have a different category


@dataclass(frozen=True)
class InputColumn:
    """Input column.

    Attributes
    ----------
    name : str
    kind : {"number", "boolean", "date", "category"}
    treatment : {"standardize", "robust", "min_max", "quantile", "bins", "none", "one_hot", "embed"}
    width : int
        Number of values per row before scaling: 1, or more for a block such as the pixels of an image and for a date.
    categories : tuple of str or None
        Sorted categories of the training rows. None at the end stands for a missing value. Empty for numbers. An embedded value is the
        index of its category, or their number if it has none.
    rare : tuple of str or None
        Values of the training rows that are too rare to be a category of an embedded column, sorted.
    clip : "smooth", float or None
        Limit of the scaled values.
    parts : tuple of str
        Numbers that a date becomes. Empty for other kinds.
    notation : Notation, Words or None
        Notation of numbers in texts, or words for true and false. None for plain numbers and booleans.
    """

    name: str
    kind: ColumnKind
    treatment: ColumnTreatment
    width: int = 1
    categories: tuple[str | None, ...] = ()
    clip: Clip = None
    parts: tuple[DatePart, ...] = ()
    notation: AnyNotation | None = None
    rare: tuple[str | None, ...] = ()

    @property
    def cells(self) -> int:
        """Number of values per row in the table."""
        return 1 if self.kind == "date" else self.width

    @property
    def codes(self) -> int:
        """Number of encoded columns of a category."""
        return 1 if self.treatment == "embed" else len(self.categories)

    @property
    def labels(self) -> list[str]:
        """Name of each value of a column that is no category."""
        if self.kind == "date":
            return [f"{self.name} {part.replace('_', ' ')}" for part in self.parts]
        return value_names(self.name, self.width)

    @property
    def cell_labels(self) -> list[str]:
        """Name of the value of the table that each value comes from."""
        return [self.name] * self.width if self.kind == "date" else self.labels

    def to_state(self) -> dict[str, Any]:
        """Return the column as JSON values."""
        state = asdict(self) | {"categories": list(self.categories), "parts": list(self.parts), "rare": list(self.rare)}
        state["notation"] = self.notation and self.notation.to_state()
        absent = {key for key in ("clip", "notation") if state[key] is None} | {key for key in ("parts", "rare") if not state[key]}
        return {key: value for key, value in state.items() if key not in absent}


def input_columns(options: Preprocessing, table: Table, names: Sequence[str], missing: Collection[str]) -> tuple[InputColumn, ...]:
    """Return the columns to encode, numbers first, depending on the training rows and the spec.

    Raises
    ------
    SpecError
        The spec names a column that is not an input.
    DataError
        A column does not exist or cannot be encoded.
    """
    used = used_columns(options, names)
    table.select(used)
    columns = [input_column(options, table, name, missing) for name in used]
    return tuple(sorted(columns, key=lambda column: column.kind == "category"))


def used_columns(options: Preprocessing, names: Sequence[str]) -> list[str]:
    """Return the names of the columns to encode. Raise SpecError for a name that is not an input, and DataError if none is left."""
    known = set(names)
    if unknown := [name for name in options.columns if name not in known]:
        path = f"preprocessing.columns.{unknown[0]}"
        raise SpecError.at(path, f"{unknown[0]!r} is not one of the inputs", f"use one of {', '.join(names[:20])}")
    used = [name for name in names if options.columns.get(name) != "ignore"]
    if not used:
        raise DataError("there are no input columns", help="keep at least one column besides the target")
    return used


def input_column(options: Preprocessing, table: Table, name: str, missing: Collection[str]) -> InputColumn:
    """Return one of the columns to encode; see `input_columns`."""
    asked, width = options.columns.get(name), column_width(table[name])
    if (embed := embed_of(asked)) is not None:
        return embedded_column(embed, name, category_counts(options, table, name, missing))
    if asked == "one_hot":
        return _category_column(options, table, name, missing)
    if (date := date_of(asked)) is not None:
        return _date_column(date, table, name, missing)
    if (boolean := boolean_of(asked)) is not None:
        return InputColumn(name, "boolean", "none", width, notation=Words(boolean.true, boolean.false))
    kind = column_kind(table, name, missing)
    if kind == "boolean" and asked is None:
        return InputColumn(name, kind, "none", width)
    if kind != "category" or asked is not None:
        number: ColumnKind = "boolean" if kind == "boolean" else "number"
        scaling = column_scaling(options, name)
        notation = table.units.get(name) if kind == "number" else None
        return InputColumn(name, number, scaling.type, width, clip=scaling.clip, notation=notation)
    if options.categories == "none":
        raise DataError(
            f"the column {name!r} holds texts, and preprocessing.categories is 'none'",
            help=f'encode it yourself, or set "preprocessing": {{"columns": {{"{name}": "one_hot"}}}}',
        )
    found = _category_column(options, table, name, missing)
    if name not in table.declared:
        _check_shared(found, table, missing)
    return found


def column_scaling(options: Preprocessing, name: str) -> AnyScaling:
    """Return the scaling of a numeric column: its own, or that of all numbers."""
    asked: Any = options.columns.get(name, options.numbers)
    return scaling_of(asked)


def _date_column(date: Date, table: Table, name: str, missing: Collection[str]) -> InputColumn:
    parts = varied_parts(table, name, missing)
    return InputColumn(name, "date", "standardize", len(parts), clip=date.clip, parts=parts)


def _category_column(options: Preprocessing, table: Table, name: str, missing: Collection[str]) -> InputColumn:
    counts = category_counts(options, table, name, missing)
    return InputColumn(name, "category", "one_hot", 1, _sorted(name, counts, MOST_CATEGORIES))


def embedded_column(embed: Embed, name: str, counts: Counts) -> InputColumn:
    """Return the column of categories that occur in numbers of training rows. Raise DataError if none has a level of its own."""
    categories = _sorted(name, counts, MOST_LEVELS)
    levels = tuple(category for category in categories if counts[category] >= embed.fewest)
    if not levels:
        help = f'set "fewest" of its treatment to 1; or {leave_out(name)}'
        raise DataError(f"the column {name!r} has no value in {embed.fewest} or more training rows", help=help)
    rare = tuple(category for category in categories if counts[category] < embed.fewest)
    return InputColumn(name, "category", "embed", 1, levels, rare=rare)


def category_counts(options: Preprocessing, table: Table, name: str, missing: Collection[str]) -> Counts:
    """Return the number of rows of each category, None for missing values. Raise DataError if there must be none."""
    column = texts(table, name)
    found, rows = counted(column)
    absent = [text is None or text in missing for text in found]
    if any(absent) and options.missing == "none":
        raise missing_error(table, name, int(np.array(absent)[coded(column)[0]].argmax()))
    counts: Counts = Counter()
    for text, is_absent, count in zip(found, absent, rows, strict=True):
        counts[None if is_absent else text] += count
    return counts


def _sorted(name: str, counts: Counts, most: int) -> tuple[str | None, ...]:
    """Return the categories, sorted, with None at the end. Raise DataError if there are more than `most`, or none."""
    categories = sorted(category for category in counts if category is not None)
    if len(categories) > most:
        problem = f"{len(categories)} different texts in {counts.total()} rows, more than {most}"
        advice = f'embed it: "preprocessing": {{"columns": {{"{name}": "embed"}}}}; or ' if len(categories) <= MOST_LEVELS else ""
        raise DataError(f"the column {name!r} has {problem}", help=advice + leave_out(name))
    if not categories:
        raise DataError(f"the column {name!r} has no value in the training rows", help=leave_out(name))
    return (*categories, None) if None in counts else tuple(categories)


def _check_shared(column: InputColumn, table: Table, missing: Collection[str]) -> None:
    """Raise DataError if most rows have a different text."""
    categories = [category for category in column.categories if category is not None]
    rows = sum(text_counts(texts(table, column.name), missing).values())
    if len(categories) > max(FEW_CATEGORIES, rows / 2):
        from mlpkit.data.mixed_texts import mixed_contents  # compiles many patterns

        if mixed := mixed_contents(categories):
            raise DataError(f"the column {column.name!r} has {mixed}", help=f"{_cure(column.name, mixed)}; or {leave_out(column.name)}")
        problem = f"{len(categories)} different texts in {rows} rows, such as {categories[0]!r}"
        help = f'convert them to numbers; or {leave_out(column.name)}; or set "one_hot" instead of "ignore" to encode them anyway'
        raise DataError(f"the column {column.name!r} has {problem}: too many to be categories", help=help)


def _cure(name: str, mixed: str) -> str:
    """Return the advice for a column of mixed contents."""
    if mixed.startswith("ranges"):
        return "give their ends, or their middle, as columns of numbers"
    then = f'set "preprocessing": {{"columns": {{"{name}": "date"}}}}' if mixed.startswith("dates") else "all are numbers"
    return f"correct them, or add them to data.missing; then {then}"


def later_parts(columns: Sequence[InputColumn]) -> list[int]:
    """Return the indices of the values that are missing where another value of their cell is: one indicator tells of all of a date."""
    found: list[int] = []
    start = 0
    for column in columns:
        found += range(start + column.cells, start + column.width)
        start += column.width
    return found


def missing_error(table: Table, name: str, row: int) -> DataError:
    """Return the error for a missing value although preprocessing.missing is "none"."""
    message = f"the column {name!r} has a missing value in {table.place(row)}, and preprocessing.missing is 'none'"
    return table.error(message, row, "fill in the value, remove the row, or set preprocessing.missing to 'impute'")


def leave_out(name: str) -> str:
    """Return the advice to leave a column out."""
    return f'leave it out: "preprocessing": {{"columns": {{"{name}": "ignore"}}}}'
