"""Checkpoints: files that a run writes during training, from which it can be resumed.

Their names give the progress of training and sort by time: ``epoch-000012.h5`` after twelve epochs,
``epoch-000013-step-000345.h5`` after 345 steps of the thirteenth. A folder belongs to one run. A run raises an error if the folder is
in use or contains more advanced checkpoints, and removes only checkpoints that it has written or that it was resumed from.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mlpkit.errors import Corrupt, EarlierCheckpoints, ModelFileError, NonFinite, NotAModelFile, TensorMismatch, Truncated, warn
from mlpkit.files.folder_lock import FolderLock
from mlpkit.modelfile import reader
from mlpkit.modelfile.contents import Contents
from mlpkit.spec import Checkpoint, Spec
from mlpkit.text.shown import counted
from mlpkit.training.early_stopping import Monitor
from mlpkit.training.epoch import Epoch
from mlpkit.training.state import Place

NAME = re.compile(r"epoch-([0-9]{6,})(?:-step-([0-9]{6,}))?\.h5")
STALE = re.compile(rf"\.{NAME.pattern}\.[0-9]+-[0-9a-f]+\.tmp")  # files of a save that was killed

DAMAGE = (NotAModelFile, Truncated, Corrupt, TensorMismatch, NonFinite)  # errors for files from which no run can be resumed
_PLAIN = re.compile(r"[^\w .-]")  # characters of a spec's name that a folder name should not contain


def checkpoint_name(place: Place) -> str:
    """Return the file name of the checkpoint at a place."""
    return f"epoch-{place.epochs + 1:06}-step-{place.steps:06}.h5" if place.steps else f"epoch-{place.epochs:06}.h5"


def checkpoints_in(folder: Path) -> list[tuple[Place, Path]]:
    """Return the checkpoints of a folder in order of progress, from their names alone; none if there is no folder.

    Raises
    ------
    ModelFileError
        The folder cannot be read.
    """
    try:
        matches = [(NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelFileError(f"cannot read the folder {folder}: {error.strerror}", help="check its permissions") from error
    return sorted((_place(match), path) for match, path in matches if match)


def _place(match: re.Match[str]) -> Place:
    number, steps = int(match[1]), match[2]
    return Place(number, 0) if steps is None else Place(number - 1, int(steps))


def checkpoint_folder(spec: Spec, named: str | Path | None) -> Path | None:
    """Return the folder of a run's checkpoints; None for a run without checkpoints.

    Parameters
    ----------
    spec : Spec
        Spec of the run. A spec from a model file has no folder.
    named : str, Path or None
        Folder passed by the caller, which enables checkpoints.
    """
    options = spec.training.checkpoint
    if named is not None:
        return Path(named)
    if options is None:
        return None
    if not spec.has_paths:
        message = "the spec of a loaded model requests checkpoints, which are not written: pass checkpoints=FOLDER to write them"
        warn(UserWarning(message))
        return None
    return spec.resolve_path(options.folder or f"{_PLAIN.sub('_', spec.name)[:100]}.checkpoints")


def is_sound(path: Path) -> bool:
    """Return True if a checkpoint is valid; False if it is damaged or not a model file.

    Raises
    ------
    ModelFileError
        It cannot be read for another reason: a newer mlpkit wrote it, or permissions are missing.
    """
    try:
        reader.read(path)
    except DAMAGE:
        return False
    except ModelFileError as error:
        help = f"{error.help}; or choose another folder" if error.help else "choose another folder"
        raise type(error)(f"the folder of checkpoints cannot be used: {error.message}", help=help, rule=error.rule) from error
    return True


def read_checkpoint(path: str | Path) -> tuple[Path, Contents]:
    """Return the file to resume from and its contents: `path`, or the most advanced valid checkpoint in this folder.

    Raises
    ------
    ModelFileError
        The file is not a valid checkpoint, or a checkpoint in the folder is from a newer mlpkit or cannot be read. If all checkpoints are
        damaged, the message gives the reason for each.

    Warns
    -----
    UserWarning
        A checkpoint is damaged, and an earlier one is used.
    """
    folder = Path(path)
    if not folder.is_dir():
        return folder, reader.read(path)
    damaged: list[str] = []
    for _, file in reversed(checkpoints_in(folder)):
        try:
            contents = reader.read(file)
        except DAMAGE as error:
            damaged.append(error.message)
            continue
        for reason in damaged:
            warn(UserWarning(f"a checkpoint was skipped: {reason}"))
        return file, contents
    if damaged:
        raise ModelFileError(f"no checkpoint in {path} can be used: {'; '.join(damaged)}", help="start a new run without resume")
    raise ModelFileError(
        f"{path} has no checkpoints",
        help="use the folder of training.checkpoint, or a file; checkpoints have names such as epoch-000012.h5",
    )


class Checkpoints:
    """Writer of the checkpoints of a run, which also removes old ones.

    A checkpoint that cannot be written causes a warning, so that a full disk does not end a long run.

    Parameters
    ----------
    spec : Spec
    folder : Path
    place : Place
        Progress at the beginning of the run.
    save : callable
        Function that writes a checkpoint to a path.
    clock : callable, optional
        Function that returns seconds from an arbitrary start.
    replace : bool
        True to remove checkpoints that are more advanced than the run, with a warning; otherwise they cause an error.

    Raises
    ------
    ModelFileError
        The folder cannot be created or read, is in use, or has more advanced checkpoints, which belong to another run.
    """

    def __init__(
        self,
        spec: Spec,
        folder: Path,
        place: Place,
        save: Callable[[Path], None],
        clock: Callable[[], float] = time.monotonic,
        replace: bool = False,
    ) -> None:
        self.spec, self.folder, self.save, self.clock = spec, folder, save, clock
        self.options = spec.training.checkpoint or Checkpoint()
        self.written = place
        self.last = clock()
        self.failing = False
        self._make_folder()
        self.lock = FolderLock(folder)
        try:
            self.own = self._begin(place, replace)
        except BaseException:
            self.lock.release()
            raise

    def _begin(self, place: Place, replace: bool) -> dict[Place, Path]:
        """Return the earlier checkpoints of the run; remove those of another run, or raise EarlierCheckpoints."""
        found = checkpoints_in(self.folder)
        sound = {other: path for other, path in found if is_sound(path)}
        beyond = [path for other, path in sound.items() if other > place]
        if beyond and not replace:
            what = f"{self.folder} has checkpoints of an earlier run, such as {beyond[-1].name}"
            raise EarlierCheckpoints(what, help=f"resume from them: resume={str(self.folder)!r}; or remove them")
        for path in beyond:
            path.unlink(missing_ok=True)
        if beyond:
            warn(UserWarning(f"removed {counted(len(beyond), 'checkpoint')} of an earlier run from {self.folder}"))
        for path in self.folder.iterdir():
            if STALE.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()
        return {other: path for other, path in sound.items() if other <= place}

    def close(self) -> None:
        """Release the folder for other runs."""
        self.lock.release()

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or str(error)
            help = "change training.checkpoint.folder, or pass another one as an argument"
            raise ModelFileError(f"cannot create the folder {self.folder}: {reason}", help=help) from error

    def before_step(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write a checkpoint if the time between checkpoints has passed."""
        if self.options.minutes is not None and self.clock() - self.last >= 60 * self.options.minutes:
            self.write(place, history)

    def after_epoch(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write a checkpoint if the number of epochs between checkpoints is reached."""
        if self.options.epochs is not None and place.epochs % self.options.epochs == 0:
            self.write(place, history)

    def write(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write a checkpoint unless it exists, and remove old ones."""
        if place == self.written:
            return
        path = self.folder / checkpoint_name(place)
        try:
            self._make_folder()
            self.save(path)
        except ModelFileError as error:
            if not self.failing:
                warn(UserWarning(f"a checkpoint was not written, and training continues: {error.message}"))
            self.failing = True
        else:
            if self.failing:
                warn(UserWarning(f"checkpoints are written again: {path}"))
            self.written, self.failing, self.own[place] = place, False, path
            self._remove_old(history)
        self.last = self.clock()

    def _remove_old(self, history: Sequence[Epoch]) -> None:
        """Remove checkpoints of the run that are neither among the most recent nor the best."""
        best = Place(self._best({other.epochs for other in self.own if not other.steps}, history), 0)
        for other in sorted(self.own)[: -self.options.keep]:
            if other != best:
                try:
                    self.own[other].unlink(missing_ok=True)
                    del self.own[other]
                except OSError as error:
                    warn(UserWarning(f"cannot remove the old checkpoint {self.own[other]}: {error.strerror}"))

    def _best(self, numbers: set[int], history: Sequence[Epoch]) -> int:
        """Return the number of the best epoch that has a checkpoint; 0 if there is none."""
        monitor = Monitor(self.spec)
        for epoch in history:
            if epoch.number in numbers:
                monitor.improved(epoch)
        return monitor.best or 0
