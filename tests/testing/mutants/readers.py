"""Readers of JSON lines with one thing wrong each."""

import json
from pathlib import Path

from mlpkit import DataError, Reader


class Lines(Reader):
    """An object on each line."""

    def open(self, source):
        rows = [json.loads(line) for line in Path(source.path).read_text(encoding="utf-8").splitlines() if line]
        if not rows:
            raise DataError("no rows")
        return {name: [row[name] for row in rows] for name in rows[0]}

    def write_example(self, path):
        path.write_text('{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n{"a": 5, "b": 6}\n', encoding="utf-8")


class CannotRead(Lines):
    """Reads no file at all."""

    def open(self, source):
        raise DataError("it has another version")


class NoRows(Lines):
    """Reads no rows."""

    def open(self, source):
        return {name: [] for name in super().open(source)}


class Alternates(Lines):
    """Reads the rows in another order each time."""

    def open(self, source):
        TURNS.append(len(TURNS))
        return {name: values[:: 1 if len(TURNS) % 2 else -1] for name, values in super().open(source).items()}


TURNS = []


class Appends(Lines):
    """Writes to the file that it reads."""

    def open(self, source):
        table = super().open(source)
        with open(source.path, "a", encoding="utf-8") as stream:
            stream.write("\n")
        return table


class WholeBatches(Lines):
    """Leaves out a last batch that is not full."""

    def batches(self, source, rows):
        table = self.open(source)
        for start in range(0, len(table["a"]) - rows + 1, rows):
            yield {name: values[start : start + rows] for name, values in table.items()}


class OtherColumns(Lines):
    """Reads the columns that are not asked for."""

    def open(self, source):
        table = super().open(source)
        return table if source.columns is None else {name: values for name, values in table.items() if name not in source.columns}


class TakesNothing(Lines):
    """Reads a file that does not exist as an empty table."""

    def open(self, source):
        return super().open(source) if Path(source.path).exists() else {}


class DiesOfNothing(Lines):
    """Fails on an empty file with an error of Python."""

    def open(self, source):
        text = Path(source.path).read_text(encoding="utf-8")
        return {name: [value] for name, value in json.loads(text.splitlines()[0]).items()}


class FailingExample(Lines):
    """Cannot write its example."""

    def write_example(self, path):
        raise ValueError("the example has no columns")


class NoExample(Lines):
    """Writes its example elsewhere."""

    def write_example(self, path):
        path.with_suffix(".other").write_text("{}\n", encoding="utf-8")


READERS = {
    CannotRead(): {"reads": "it has another version"},
    NoRows(): {"reads": "open reads no rows, or no columns"},
    Alternates(): {"reads": "open reads other values the second time"},
    Appends(): {"reads": "the file is changed; open it for reading only"},
    WholeBatches(): {"in_batches": "batches of 2 rows differ from the rows of open"},
    OtherColumns(): {"used_columns": r"with columns=\('a',\) that column differs from the one of open"},
    TakesNothing(): {"refuses": "a file that does not exist raises no error; raise mlpkit.DataError"},
    DiesOfNothing(): {"refuses": "a file of zero bytes raises IndexError: list index out of range; raise mlpkit.DataError"},
    FailingExample(): {"reads": "write_example fails: ValueError: the example has no columns"},
    NoExample(): {"reads": r"write_example writes no file at the path, such as \d+\.no_example"},
}
