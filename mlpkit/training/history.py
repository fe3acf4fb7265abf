"""History: the epochs of a model. Stored epochs stay columns until they are accessed, because there may be a million."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mlpkit.training.epoch import Epoch

FIXED = ("epoch", "loss", "validation_loss", "learning_rate")  # columns of every history; other columns are metrics

SHOWN = 3  # most epochs that are shown completely
ENDS = 5  # first and last epochs in the table of a notebook
FIRST_EPOCHS = 256  # for which `EpochColumns` has room at first

Columns = Mapping[str, NDArray[np.float64]]
_NOT_TIMED = float("nan")  # seconds are not stored, because they differ between runs


class History(Sequence[Epoch]):
    """Epochs of a model, in order.

    Parameters
    ----------
    columns : mapping of str to array of float64, shape (epochs,)
        Columns of a model file; NaN for values that were not measured.
    """

    def __init__(self, columns: Columns | None = None) -> None:
        self._stored = dict(columns or dict.fromkeys(FIXED, np.empty(0)))
        self._metrics = [name for name in self._stored if name not in FIXED]
        self._length = len(self._stored["epoch"])
        self._new: list[Epoch] = []

    def __len__(self) -> int:
        return self._length + len(self._new)

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Epoch]: ...
    def __getitem__(self, index: int | slice) -> Epoch | list[Epoch]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else [self._at(place) for place in places]

    def _at(self, place: int) -> Epoch:
        if place >= self._length:
            return self._new[place - self._length]
        number, loss, validation_loss, rate = (float(self._stored[name][place]) for name in FIXED)
        metrics = {name: float(self._stored[name][place]) for name in self._metrics}  # NaN is a measured value here
        return Epoch(int(number), loss, None if np.isnan(validation_loss) else validation_loss, metrics, rate, _NOT_TIMED)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (History, list)) and len(self) == len(other) and all(map(Epoch.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # it is mutable

    def __repr__(self) -> str:
        """Return the first, last and best epoch, by validation loss or loss, so that notebooks stay readable."""
        if len(self) <= SHOWN:
            return repr(list(self))
        best = min(self, key=lambda epoch: (math.inf, epoch.number) if math.isnan(_loss(epoch)) else (_loss(epoch), epoch.number))
        return f"<History of {len(self):,} epochs: first {self[0]}, last {self[-1]}, best {best}>"

    def _repr_html_(self) -> str:
        """Return the epochs as a table for notebooks: the first and the last ones of a long history."""
        from html import escape  # for notebooks alone

        columns = {name: column for name, column in self.columns().items() if not np.isnan(column).all()}
        shown = range(len(self)) if len(self) <= 2 * ENDS else [*range(ENDS), None, *range(len(self) - ENDS, len(self))]
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        rows = [["..." if place is None else f"{column[place]:.6g}" for column in columns.values()] for place in shown]
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def append(self, epoch: Epoch) -> None:
        """Append the next epoch."""
        self._new.append(epoch)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return columns of equal length, with NaN for values that were not measured; without seconds.

        ``pandas.DataFrame(model.history.columns())`` is the table of all epochs.
        """
        new = _columns(self._new)
        missing = np.full(self._length, np.nan), np.full(len(self._new), np.nan)
        names = dict.fromkeys([*self._stored, *new])
        return {name: np.concatenate([self._stored.get(name, missing[0]), new.get(name, missing[1])]) for name in names}


def mean_history(histories: Sequence[History]) -> History:
    """Return the means over the members of an ensemble: of each epoch, over those that have trained it and measured the value."""
    found = [history.columns() for history in histories]
    names = dict.fromkeys(name for columns in found for name in columns)
    length = max(map(len, histories))
    stacked = {name: np.full((len(found), length), np.nan) for name in names}
    for number, columns in enumerate(found):
        for name, column in columns.items():
            stacked[name][number, : len(column)] = column
    counts = {name: np.isfinite(values).sum(axis=0) for name, values in stacked.items()}
    with np.errstate(invalid="ignore"):
        return History({name: np.where(np.isfinite(values), values, 0.0).sum(axis=0) / counts[name] for name, values in stacked.items()})


class EpochColumns:
    """Finished epochs of one run, as columns for a schedule. They grow in place, so that an epoch costs the same in a long run."""

    def __init__(self, epochs: Iterable[Epoch] = ()) -> None:
        self._length, self._room = 0, FIRST_EPOCHS
        self._columns: dict[str, NDArray[np.float64]] = {}
        for epoch in epochs:
            self.append(epoch)

    def append(self, epoch: Epoch) -> None:
        """Append the next epoch."""
        if self._length == self._room:
            self._room *= 2
            self._columns = {name: np.concatenate([column, np.full_like(column, np.nan)]) for name, column in self._columns.items()}
        for name, value in _row(epoch).items():
            if name not in self._columns:
                self._columns[name] = np.full(self._room, np.nan)
            self._columns[name][self._length] = np.nan if value is None else value
        self._length += 1

    def columns(self, epochs: int) -> Columns:
        """Return the first `epochs` epochs as read-only columns, without "validation_loss" if it was never measured."""
        found = {name: column[:epochs] for name, column in self._columns.items()} if epochs else {}
        if epochs and np.isnan(found["validation_loss"]).all():
            del found["validation_loss"]
        for column in found.values():
            column.flags.writeable = False
        return found


def _loss(epoch: Epoch) -> float:
    return epoch.loss if epoch.validation_loss is None else epoch.validation_loss


def _row(epoch: Epoch) -> dict[str, float | None]:
    """Return the values of an epoch by column."""
    return dict(zip(FIXED, (epoch.number, epoch.loss, epoch.validation_loss, epoch.learning_rate), strict=True)) | dict(epoch.metrics)


def _columns(epochs: Iterable[Epoch]) -> dict[str, NDArray[np.float64]]:
    rows = list(map(_row, epochs))
    names = dict.fromkeys([*FIXED, *(name for row in rows for name in row)])
    return {name: np.array([row.get(name) for row in rows], np.float64) for name in names}
