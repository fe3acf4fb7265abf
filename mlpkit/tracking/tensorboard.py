"""Log of epochs for TensorBoard, without TensorFlow."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlpkit.errors import LogError
from mlpkit.files.append import append
from mlpkit.files.paths import as_path
from mlpkit.progress.figures import figures
from mlpkit.tracking.event_file import beginning, scalars
from mlpkit.tracking.log import Log, earlier_epochs
from mlpkit.training.epoch import Epoch

if TYPE_CHECKING:
    from mlpkit.model.model import Model

NAME = re.compile(r"events\.out\.tfevents\.([0-9]{10})\.mlpkit")  # of the event files that mlpkit writes, and no other program


class TensorBoardLog(Log):
    """Folder with event files for TensorBoard: "loss", "validation_loss", the metrics, "learning_rate" and "seconds" at each epoch.

    Each member of an ensemble has a folder of its own in it, such as ``member-0``.

    Parameters
    ----------
    path : str or Path
        Folder, which is created if necessary. Earlier event files of mlpkit in it are removed; other files stay.
    model : Model, optional
        Model that is trained further or resumed. Earlier event files then stay, and TensorBoard shows their epochs up to the last one of
        the model's history: the others are trained again. If there are none, the history is written first, without "seconds".

    Raises
    ------
    LogError
        The folder cannot be created, or files cannot be written to it.

    Examples
    --------
    >>> model = mlpkit.train("spec.json", on_epoch=mlpkit.TensorBoardLog("runs/first"))    # doctest: +SKIP
    """

    def __init__(self, path: str | Path, model: Model | None = None) -> None:
        self.path = as_path(path, LogError, "the folder of the log")
        self._earlier: dict[int | None, list[Epoch]] = {number: history for number, history in earlier_epochs(model) if history}
        self._files: dict[int | None, Path] = {}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for file in [] if self._earlier else event_files(self.path):
                file.unlink()
        except (OSError, ValueError) as error:
            raise LogError(f"cannot write to {path}: {getattr(error, 'strerror', None) or error}", help="give another folder") from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise LogError(f"cannot write to {path}: no permission", help="check the permissions of the folder, or give another one")

    def _write(self, epoch: Epoch) -> None:
        member: int | None = getattr(epoch, "member", None)
        if member not in self._files:
            self._files[member] = self._begun(member)
        append(self._files[member], _event(epoch))

    def _begun(self, member: int | None) -> Path:
        """Return a new event file, behind those of earlier runs."""
        folder = self.path if member is None else self.path / f"member-{member}"
        folder.mkdir(exist_ok=True)
        numbers = [int(match[1]) for match in map(NAME.fullmatch, os.listdir(folder)) if match]
        history = self._earlier.get(member, [])
        file = folder / f"events.out.tfevents.{max(numbers, default=0) + 1:010d}.mlpkit"
        append(file, beginning(time.time(), len(history) + 1 if numbers else None))
        for epoch in [] if numbers else history:
            append(file, _event(epoch))
        return file


def event_files(folder: Path) -> Iterator[Path]:
    """Yield the event files of mlpkit in a folder and in those of members."""
    for place in [folder, *sorted(folder.glob("member-*"))]:
        if place.is_dir():
            yield from (place / name for name in sorted(os.listdir(place)) if NAME.fullmatch(name))


def _event(epoch: Epoch) -> bytes:
    values = {**figures(epoch), "learning_rate": epoch.learning_rate, "seconds": epoch.seconds}
    timed = epoch.seconds == epoch.seconds  # NaN in a stored history
    return scalars(time.time(), epoch.number, values if timed else {name: value for name, value in values.items() if name != "seconds"})
