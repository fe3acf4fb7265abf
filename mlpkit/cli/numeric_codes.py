"""Role of a column of numbers: a quantity, a code whose numbers are only names, or an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mlpkit.cli.category_treatment import category_treatment
from mlpkit.cli.proposed_split import is_id, words
from mlpkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpkit.data.table import Table

BY_CHANCE = 20  # a column may number up to so many rows by chance
ROWS_PER_CODE = 10  # a code is a category if its values have this many rows on average
FEW_CODES = 20  # or if there are at most this many
YEARS = (1800, 2100)
NUMBERED = {"no", "nr", "num", "number", "key", "index", "idx"}  # last words of the names of columns that number the rows
CODES = {  # last words of the names of codes
    *("zip", "zipcode", "postcode", "postal", "plz", "code", "fips", "sic", "naics", "icd", "isbn"),
    *("class", "pclass", "subclass", "category", "type", "kind", "cluster", "label", "segment", "sector", "region", "district", "state"),
    *("country", "county", "department", "dept", "zone", "channel", "store", "branch"),
}


class NumberRole(NamedTuple):
    """Treatment of a column of numbers, empty for numbers, and the reason."""

    treatment: Literal["one_hot", "embed", "ignore", ""]
    reason: str


def number_role(table: Table, name: str, missing: Sequence[str]) -> NumberRole:
    """Return the role of a column of single numbers.

    Parameters
    ----------
    table : Table
    name : str
    missing : sequence of str
        Texts that stand for a missing value.
    """
    import numpy as np

    from mlpkit.data.column_types import numbers

    values = numbers(table, name, missing).astype(np.float64)
    present = values[~np.isnan(values)]
    distinct, rows = np.unique(present), len(present)
    whole = bool((distinct == np.floor(distinct)).all())
    spread = f"from {distinct[0]:.6g} to {distinct[-1]:.6g}"
    if not whole:
        return NumberRole("", spread)
    if rows > BY_CHANCE and rows == len(values) == len(distinct):
        if distinct[-1] - distinct[0] == rows - 1:
            numbered = bool((np.abs(np.diff(values)) == 1).all())
            return NumberRole("ignore", "it numbers the rows" if numbered else f"it has each whole number {spread} once")
        named = is_id(name) or (words(name) or [""])[-1] in NUMBERED
        if named or zeros(table, name, missing):
            why = "its name is that of ids" if named else "it has codes with leading zeros"
            return NumberRole("ignore", f"{why}, and each row has another one")
    return _of_whole(table, name, missing, distinct, rows) or NumberRole("", f"{len(distinct)} whole numbers {spread}")


def _of_whole(table: Table, name: str, missing: Sequence[str], distinct: NDArray[Any], rows: int) -> NumberRole | None:
    """Return the role of whole numbers that are codes or years, else None."""
    levels = len(distinct)
    example = zeros(table, name, missing)
    why = f"codes with leading zeros, such as {example!r}" if example else "codes, by the name" if _is_code(name) else ""
    if not why and is_id(name):
        why = "ids, by the name"
    if why and distinct[0] >= 0 and levels > 1:
        if (levels <= FEW_CODES or levels * ROWS_PER_CODE <= rows) and (treatment := category_treatment(levels, rows)):
            return NumberRole(treatment, f"{why}: {levels} categories")
        if is_id(name):
            return NumberRole("ignore", f"{why}, with {levels} different ones in {rows} rows")
        return NumberRole("", f"{why}, but {levels} different ones in {rows} rows are too many categories")
    if YEARS[0] <= distinct[0] and distinct[-1] <= YEARS[1] and "year" in words(name):
        return NumberRole("", f"years from {distinct[0]:.0f} to {distinct[-1]:.0f}")
    return None


def _is_code(name: str) -> bool:
    found = words(name)
    return bool(found) and found[-1] in CODES


def zeros(table: Table, name: str, missing: Sequence[str]) -> str:
    """Return a text of digits that begins with 0, if all texts of a column are digits; else an empty text."""
    from mlpkit.data.column_types import text_counts

    if table[name].dtype != object:
        return ""
    try:
        texts = text_counts(table[name], missing)
    except DataError:
        return ""
    leading = next((text for text in texts if len(text) > 1 and text[0] == "0"), "")
    return leading if leading and all(text.isdigit() for text in texts) else ""
