"""Checkpoints: the files that a run writes while it trains, so that it can go on after whatever ended it.

Their names say how far training had come, in the order of time: ``epoch-000012.h5`` after twelve epochs,
``epoch-000013-step-000345.h5`` after 345 steps of the thirteenth. A folder is one run's: a run that finds it in use, or
with checkpoints that are further than it, is refused, and a run removes only checkpoints that it has written or gone on from.
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
STALE = re.compile(rf"\.{NAME.pattern}\.[0-9]+-[0-9a-f]+\.tmp")  # of a save that was killed

DAMAGE = (NotAModelFile, Truncated, Corrupt, TensorMismatch, NonFinite)  # nothing can go on from such a file
_PLAIN = re.compile(r"[^\w .-]")  # what a name of a spec has, and that of a folder should not


def checkpoint_name(place: Place) -> str:
    """The name of the checkpoint of a place."""
    return f"epoch-{place.epochs + 1:06}-step-{place.steps:06}.h5" if place.steps else f"epoch-{place.epochs:06}.h5"


def checkpoints_in(folder: Path) -> list[tuple[Place, Path]]:
    """The checkpoints of a folder by how far they have come, by their names alone; none when there is no folder.

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
    """Return the folder of a run's checkpoints; None for a run that writes none.

    Parameters
    ----------
    spec : Spec
        One that came with a model file names no folder.
    named : str, Path or None
        The folder that the caller names; then checkpoints are written, whatever the spec says.
    """
    options = spec.training.checkpoint
    if named is not None:
        return Path(named)
    if options is None:
        return None
    if not spec.has_paths:
        message = "the checkpoints that the model's spec asks for are not written: name a folder, checkpoints=..., to have them"
        warn(UserWarning(message))
        return None
    return spec.resolve_path(options.folder or f"{_PLAIN.sub('_', spec.name)[:100]}.checkpoints")


def is_sound(path: Path) -> bool:
    """Return whether a checkpoint is whole; False for what is damaged or no model at all.

    Raises
    ------
    ModelFileError
        It cannot be read for another reason: a newer mlpkit wrote it, or the system does not let it be read.
    """
    try:
        reader.read(path)
    except DAMAGE:
        return False
    except ModelFileError as error:
        help = f"{error.help}; or name another folder" if error.help else "name another folder"
        raise type(error)(f"the folder of checkpoints cannot be used: {error.message}", help=help, rule=error.rule) from error
    return True


def read_checkpoint(path: str | Path) -> tuple[Path, Contents]:
    """The file that a run is to go on from, and its contents: `path`, or the furthest checkpoint in it that verifies.

    Raises
    ------
    ModelFileError
        It is not one, or a checkpoint in the folder is of a newer mlpkit or may not be read; if all are damaged, what is wrong
        with each.

    Warns
    -----
    UserWarning
        A checkpoint is damaged, and an earlier one is taken.
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
            warn(UserWarning(f"passed over a checkpoint: {reason}"))
        return file, contents
    if damaged:
        raise ModelFileError(f"no checkpoint in {path} can be used: {'; '.join(damaged)}", help="train anew without resume")
    raise ModelFileError(
        f"{path} has no checkpoints",
        help="give the folder that training.checkpoint names, or a file; checkpoints are named like epoch-000012.h5",
    )


class Checkpoints:
    """Writes the checkpoints of a run as its spec says, and removes those that are no longer kept.

    A checkpoint that cannot be written is a warning: a long run must not die of a full disk.

    Parameters
    ----------
    spec : Spec
    folder : Path
    place : Place
        Where the run begins.
    save : callable
        Writes a checkpoint to a path.
    clock : callable, optional
        Seconds from any start.
    replace : bool
        True to remove checkpoints that are further than the run, with a warning; else they are an error.

    Raises
    ------
    ModelFileError
        The folder cannot be made or read, is in use, or has checkpoints that are further than the run: those of another.
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
        """The checkpoints that the run goes on from; those of another run are removed or refused."""
        found = checkpoints_in(self.folder)
        sound = {other: path for other, path in found if is_sound(path)}
        beyond = [path for other, path in sound.items() if other > place]
        if beyond and not replace:
            what = f"{self.folder} has checkpoints of an earlier run, such as {beyond[-1].name}"
            raise EarlierCheckpoints(what, help=f"go on with them: resume={str(self.folder)!r}; or remove them")
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
        """Let another run have the folder."""
        self.lock.release()

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or str(error)
            help = "change training.checkpoint.folder, or name another one with the call"
            raise ModelFileError(f"cannot make the folder {self.folder}: {reason}", help=help) from error

    def before_step(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write one when it is time for that."""
        if self.options.minutes is not None and self.clock() - self.last >= 60 * self.options.minutes:
            self.write(place, history)

    def after_epoch(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write one when so many epochs are done."""
        if self.options.epochs is not None and place.epochs % self.options.epochs == 0:
            self.write(place, history)

    def write(self, place: Place, history: Sequence[Epoch]) -> None:
        """Write one, unless it is written, and remove those that are neither among the last nor the best."""
        if place == self.written:
            return
        path = self.folder / checkpoint_name(place)
        try:
            self._make_folder()
            self.save(path)
        except ModelFileError as error:
            if not self.failing:
                warn(UserWarning(f"a checkpoint was not written, and training goes on: {error.message}"))
            self.failing = True
        else:
            if self.failing:
                warn(UserWarning(f"checkpoints are written again: {path}"))
            self.written, self.failing, self.own[place] = place, False, path
            self._remove_old(history)
        self.last = self.clock()

    def _remove_old(self, history: Sequence[Epoch]) -> None:
        """Remove those of the run that are neither among the last nor the best."""
        best = Place(self._best({other.epochs for other in self.own if not other.steps}, history), 0)
        for other in sorted(self.own)[: -self.options.keep]:
            if other != best:
                try:
                    self.own[other].unlink(missing_ok=True)
                    del self.own[other]
                except OSError as error:
                    warn(UserWarning(f"cannot remove the old checkpoint {self.own[other]}: {error.strerror}"))

    def _best(self, numbers: set[int], history: Sequence[Epoch]) -> int:
        """The best of the epochs that have a checkpoint; 0 when there are none."""
        monitor = Monitor(self.spec)
        for epoch in history:
            if epoch.number in numbers:
                monitor.improved(epoch)
        return monitor.best or 0
