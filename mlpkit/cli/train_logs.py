"""Logs of `mlpkit train`: options, checks before the run, and the objects that are called with each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mlpkit.cli.errors import OutputError
from mlpkit.cli.output_files import check_output, ending_of
from mlpkit.errors import LogError

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.training.epoch import Epoch

LogFile = Annotated[
    str | None, typer.Option("--log", metavar="FILE", help="Write each epoch to a file too, as JSON lines or CSV: .jsonl, .csv.")
]
TensorBoardFolder = Annotated[
    str | None, typer.Option("--tensorboard", metavar="DIR", help="Write each epoch to event files for TensorBoard in this folder too.")
]


class Logs(NamedTuple):
    """Logs of a run.

    Attributes
    ----------
    file, folder : str or None
        Values of the options.
    """

    file: str | None
    folder: str | None

    @property
    def options(self) -> list[str]:
        """Words of the command line."""
        pairs = (("--log", self.file), ("--tensorboard", self.folder))
        return [word for option, value in pairs if value is not None for word in (option, value)]

    def check(self, *, replaces: bool, reads: Sequence[str | Path | None]) -> None:
        """Check that the logs can be written, before any work is done.

        Parameters
        ----------
        replaces : bool
            True to replace logs of an earlier run, or continue them.
        reads : sequence of str, Path or None
            Input files of the command.
        """
        if self.file is not None:
            from mlpkit.tracking.epoch_log import CSV, JSON_LINES

            if self.file == "-":
                message = "a log is written to a file; --progress json writes the epochs to stderr"
                raise typer.BadParameter(message, param_hint="--log")
            if ending_of(self.file) not in (*JSON_LINES, *CSV):
                message = f"{self.file} has another suffix than those of JSON lines and CSV: .jsonl, .csv"
                raise typer.BadParameter(message, param_hint="--log")
            check_output(self.file, force=replaces, reads=reads, option="--log")
        if self.folder is not None:
            from mlpkit.tracking.tensorboard import event_files

            if Path(self.folder).exists() and not Path(self.folder).is_dir():
                raise OutputError(f"cannot write {self.folder}: it is no folder", help="give the name of a folder")
            if not replaces and next(event_files(Path(self.folder)), None) is not None:
                message = f"{self.folder} has the events of an earlier run; --force removes them"
                raise typer.BadParameter(message, param_hint="--tensorboard")

    def begin(self, model: Model) -> list[Callable[[Epoch], object]]:
        """Return the logs, to be called with each epoch of the run that the model is about to begin or resume."""
        from mlpkit.tracking.epoch_log import EpochLog
        from mlpkit.tracking.tensorboard import TensorBoardLog

        resumed = model if model.training_state is not None else None
        try:
            logs = [] if self.file is None else [EpochLog(self.file, resumed)]
            return logs + ([] if self.folder is None else [TensorBoardLog(self.folder, resumed)])
        except LogError as error:
            raise OutputError(error.message, help=error.help) from error
