"""Log of epochs as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpkit.errors import LogError
from mlpkit.files.append import append
from mlpkit.files.atomic import replacing
from mlpkit.files.paths import as_path
from mlpkit.progress.figures import as_json
from mlpkit.tracking.log import Log, earlier_epochs
from mlpkit.training.epoch import Epoch, MemberEpoch

if TYPE_CHECKING:
    from mlpkit.model.model import Model

JSON_LINES, CSV = (".jsonl", ".ndjson"), (".csv",)
BEGINNINGS = (b'{"epoch":', b'{"member":'), (b"epoch,", b"member,")  # of files of JSON lines, and of CSV
Record = Mapping[str, Any]
Key = tuple[int, int, float]


class EpochLog(Log):
    """File with a line for each epoch: "epoch", "loss", "validation_loss", the metrics, "learning_rate" and "seconds".

    The lines of an ensemble begin with the number of the "member". Values that are not finite are null in JSON and empty in CSV. Each line
    is written as a whole when its epoch is finished.

    Parameters
    ----------
    path : str or Path
        File to write, ``.jsonl`` or ``.csv``. An existing file is replaced.
    model : Model, optional
        Model that is trained further or resumed. The log then begins with the epochs of its history, each once, with the "seconds" that an
        existing file has of them. Lines of other epochs, which the resumed run trains again, and a last line without an end are removed.

    Raises
    ------
    LogError
        The file cannot be written, has another suffix, or is no log of epochs.

    Examples
    --------
    >>> model = mlpkit.train("spec.json", on_epoch=mlpkit.EpochLog("run.jsonl"))    # doctest: +SKIP
    """

    def __init__(self, path: str | Path, model: Model | None = None) -> None:
        self.path = as_path(path, LogError, "the log")
        suffix = self.path.suffix.lower()
        if suffix not in (*JSON_LINES, *CSV):
            raise LogError(f"{path}: a log is JSON lines or CSV", help="give a name that ends with .jsonl or .csv")
        self._csv = suffix in CSV
        self._columns: list[str] = []
        earlier = [
            epoch if number is None else MemberEpoch.of(epoch, number) for number, history in earlier_epochs(model) for epoch in history
        ]
        seconds = {} if model is None else self._stored_seconds()
        self._replace([{**(record := as_json(epoch)), "seconds": seconds.get(_key(record))} for epoch in earlier])

    def _write(self, epoch: Epoch) -> None:
        record = as_json(epoch)
        if self._csv and not record.keys() <= set(self._columns):
            self._replace([*self._rows(), record])
        else:
            append(self.path, self._text([record]))

    def _replace(self, records: list[Record]) -> None:
        """Write the whole file anew."""
        self._columns = list(dict.fromkeys(name for record in records for name in record))
        with replacing(self.path, error=LogError) as stream:
            stream.write(self._text(records, header=bool(records)))

    def _text(self, records: Iterable[Record], *, header: bool = False) -> bytes:
        if not self._csv:
            return "".join(f"{json.dumps(record)}\n" for record in records).encode()
        writer = csv.DictWriter(text := io.StringIO(newline=""), self._columns, lineterminator="\n")
        if header:
            writer.writeheader()
        writer.writerows(records)
        return text.getvalue().encode()

    def _rows(self) -> list[Record]:
        """Return the complete lines of a CSV file."""
        text = self.path.read_bytes().rpartition(b"\n")[0].decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def _stored_seconds(self) -> dict[Key, float]:
        """Return the seconds of the epochs in an existing file. Raise LogError if it has another content."""
        if not self.path.exists():
            return {}
        try:
            content = self.path.read_bytes()
            if content and not content.startswith(BEGINNINGS[self._csv]):
                raise ValueError
            lines = content.rpartition(b"\n")[0].splitlines()
            records = self._rows() if self._csv else [dict(json.loads(line)) for line in lines]
            timed = {_key(record): record.get("seconds") for record in records}
            return {key: float(value) for key, value in timed.items() if value not in (None, "")}
        except (OSError, ValueError, TypeError, LookupError, RecursionError, csv.Error) as error:
            help = "give another name for the log, or move that file away"
            raise LogError(f"{self.path}: the file is no log of epochs, and is not overwritten", help=help) from error


def _key(record: Record) -> Key:
    """Return what identifies a line: member, epoch and loss."""
    return int(record.get("member") or 0), int(record["epoch"]), float(record["loss"] or "nan")
