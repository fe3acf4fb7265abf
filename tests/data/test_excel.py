"""Excel workbooks."""

from __future__ import annotations

import builtins
import datetime
import io
import zipfile

import numpy as np
import openpyxl
import pytest

from mlpkit.data import size_limits
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.errors import DataError, SpecError

DAY = datetime.datetime(2024, 3, 1)
ROWS = [["a", "w", "day", "f"], [1, "x", DAY, True], [None, None, None, None], [2.5, None, None, False], [None, "#N/A", DAY, True]]


def write(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_a_table(tmp_path):
    path = write(tmp_path / "t.xlsx", {"rows": ROWS})
    for table in (read_table(path), next(iter_tables(path, rows=10))):
        assert (table["w"].tolist(), table["f"].tolist()) == (["x", None, None], [True, False, True])
        assert [None if np.isnan(value) else value for value in table["a"].tolist()] == [1, 2.5, None]
        assert table["day"].tolist() == [DAY, None, DAY]
        assert table.place(1) == f"row 4 of {path}"


def test_one_of_several_sheets(tmp_path):
    path = write(tmp_path / "t.xlsx", {"notes": [["made by X"]], "rows": [["made by X"], *ROWS]})
    with pytest.raises(DataError, match="has 2 sheets") as caught:
        read_table(path)
    assert "'notes', 'rows'" in (caught.value.help or "")
    with pytest.raises(DataError, match="has no sheet 'row'"):
        read_table(path, format={"type": "xlsx", "sheet": "row"})
    assert read_table(path, format={"type": "xlsx", "sheet": "rows", "skip_rows": 1}).names == ("a", "w", "day", "f")
    with pytest.raises(SpecError, match="skip_rows"):
        read_table(path, format={"type": "xlsx", "skip_rows": -1})


BAD = {
    "no rows": ([["a", "b"]], "has a header but no rows"),
    "nothing": ([], "is empty"),
    "no name": ([["a", None, "c"], [1, 2, 3]], "row 1 of .* has a column without a name"),
    "a repeated name": ([["a", "a"], [1, 2]], "several columns named 'a'"),
    "more values": ([["a"], [1, 2]], "row 2 of .* has more values than there are names"),
}


@pytest.mark.parametrize(("rows", "message"), BAD.values(), ids=BAD)
def test_wrong_sheets(tmp_path, rows, message):
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path / "t.xlsx", {"rows": rows}))
    assert caught.value.help


def test_damaged_files_are_errors(tmp_path, monkeypatch):
    path = write(tmp_path / "t.xlsx", {"rows": ROWS})
    whole = path.read_bytes()
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("x.txt", "x")
    for content in (b"", b"a,b\n1,2\n", other.getvalue(), *(whole[:length] for length in range(4, len(whole), len(whole) // 20))):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.xlsx"):
            read_table(path)
    path.write_bytes(whole)
    monkeypatch.setattr(size_limits, "FREE", 100)
    monkeypatch.setattr(size_limits, "RATIO", 1)
    with pytest.raises(DataError, match=r"declares .* bytes of values"):
        read_table(path)
    assert read_table(path, allow_large=True).rows == 3


def test_without_openpyxl(tmp_path, monkeypatch):
    path = write(tmp_path / "t.xlsx", {"rows": ROWS})
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "mlpkit.data.excel_file":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match="openpyxl, which is not installed"):
        read_table(path)
