"""Detection of a file's dialect: the file is read with each candidate that an error message proposes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mlpkit.data.csv.dialect import OtherDialect
from mlpkit.data.csv.text_column import TextColumn
from mlpkit.data.readers import default_separator, read_table
from mlpkit.data.table import Table

_COMMA = re.compile(r"[+-]?(\d+|\d*,\d*([eE][+-]?\d+)?)")  # or a whole number
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_POINT = re.compile(r"[+-]?(\d+|\d*\.\d*([eE][+-]?\d+)?)")


def read_sniffed(path: str | Path) -> tuple[Table, dict[str, Any]]:
    """Read a file as a table, and return the keys of `data` in a spec that differ from the defaults.

    These may be header, encoding, decimal and separator.

    Raises
    ------
    DataError
        The file cannot be read as a table.
    """
    options: dict[str, Any] = {}
    while True:
        try:
            table = read_table(path, **options)
            break
        except OtherDialect as error:
            if error.key in options:
                raise
            if error.key == "encoding":
                error.raise_if_damaged(path)
            options[error.key] = error.value
    if _has_decimal_commas(table):
        options["decimal"] = ","
        table = read_table(path, **options)
    usual = table.separator in (None, default_separator(path))
    return table, options if usual else {**options, "separator": table.separator}


def _has_decimal_commas(table: Table) -> bool:
    """Return True if some columns have decimal commas and none has decimal points.

    A column in which every comma may separate thousands does not count.
    """
    found = False
    for column in table.columns.values():
        if not isinstance(column, TextColumn):
            continue
        texts = [text for text in column.coded[1] if text is not None]
        if any("." in text for text in texts) and all(_is_number(text, _POINT) for text in texts):
            return False
        if any("," in text for text in texts) and all("," not in text or _COMMA.fullmatch(text) for text in texts):
            mostly = 2 * sum(_is_number(text, _COMMA) for text in texts) > len(texts)  # the rest may be marks of missing values
            found = found or (mostly and not all("," not in text or _THOUSANDS.fullmatch(text) for text in texts))
    return found


def _is_number(text: str, form: re.Pattern[str]) -> bool:
    return text.isdecimal() or (form.fullmatch(text) is not None and any(map(str.isdecimal, text)))
