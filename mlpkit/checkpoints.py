"""Checkpoints: the files that a run writes while it trains, so that it can go on after whatever ended it.

Their names say how far training had come, in the order of time: ``epoch-000012.h5`` after twelve epochs,
``epoch-000013-step-000345.h5`` after 345 steps of the thirteenth. Only files with such names are ever removed.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from mlpkit import modelfile
from mlpkit.errors import ModelFileError
from mlpkit.modelfile import Contents
from mlpkit.spec import Spec
from mlpkit.training import Epoch, Monitor, Place

NAME = re.compile(r"epoch-([0-9]{6,})(?:-step-([0-9]{6,}))?\.h5")
STALE = re.compile(rf"\.{NAME.pattern}\.[0-9]+-[0-9a-f]+\.tmp")  # of a save that was killed


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


def checkpoints_beyond(spec: Spec, place: Place) -> list[Path]:
    """The checkpoints in the spec's folder that are further than a run that is to begin at `place`: those of another run.

    Damaged ones do not count: nothing can go on from them, and they are replaced when the run comes there.
    """
    options = spec.training.checkpoint
    found = [] if options is None else checkpoints_in(spec.resolve_path(options.folder))
    return [path for other, path in found if other > place and _verifies(path)]


def _verifies(path: Path) -> bool:
    try:
        modelfile.read(path)
    except ModelFileError:
        return False
    return True


def read_checkpoint(path: str | Path) -> tuple[Path, Contents]:
    """The file that a run is to go on from, and its contents: `path`, or the furthest checkpoint in it that verifies.

    Raises
    ------
    ModelFileError
        It is not one; for a folder, what is wrong with each.

    Warns
    -----
    UserWarning
        A checkpoint is damaged, and an earlier one is taken.
    """
    folder = Path(path)
    if not folder.is_dir():
        return folder, modelfile.read(path)
    damaged: list[str] = []
    for _, file in reversed(checkpoints_in(folder)):
        try:
            contents = modelfile.read(file)
        except ModelFileError as error:
            damaged.append(error.message)
            continue
        for reason in damaged:
            warnings.warn(f"passed over a checkpoint: {reason}", stacklevel=2)
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
        With `training.checkpoint`.
    place : Place
        Where the run begins.
    save : callable
        Writes a checkpoint to a path.
    clock : callable, optional
        Seconds from any start.

    Raises
    ------
    ModelFileError
        The folder cannot be made, or has checkpoints that are further than the run: those of another.
    """

    def __init__(self, spec: Spec, place: Place, save: Callable[[Path], None], clock: Callable[[], float] = time.monotonic) -> None:
        if spec.training.checkpoint is None:
            raise ValueError("the spec has no checkpoints")
        self.spec, self.options, self.save, self.clock = spec, spec.training.checkpoint, save, clock
        self.folder = spec.resolve_path(self.options.folder)
        self.written = place
        self.last = clock()
        self._make_folder()
        if beyond := checkpoints_beyond(spec, place):
            what = f"{self.folder} has checkpoints of an earlier run, such as {beyond[-1].name}"
            raise ModelFileError(what, help=f"go on with them: resume={str(self.folder)!r}; or remove them")
        for path in self.folder.iterdir():
            if STALE.fullmatch(path.name):
                with suppress(OSError):
                    path.unlink()

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or str(error)
            raise ModelFileError(f"cannot make the folder {self.folder}: {reason}", help="change training.checkpoint.folder") from error

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
        try:
            self._make_folder()
            self.save(self.folder / checkpoint_name(place))
            self.written = place
        except ModelFileError as error:
            warnings.warn(f"a checkpoint was not written, and training goes on: {error.message}", stacklevel=2)
        else:
            self._remove_old(place, history)
        self.last = self.clock()

    def _remove_old(self, place: Place, history: Sequence[Epoch]) -> None:
        """Those further than `place` are not the run's: damaged ones, which it has passed over and will replace."""
        own = {other: path for other, path in checkpoints_in(self.folder) if other <= place}
        best = self._best({other.epochs for other in own if not other.steps}, history)
        for other in list(own)[: -self.options.keep]:
            if other != Place(best, 0):
                try:
                    own[other].unlink(missing_ok=True)
                except OSError as error:
                    warnings.warn(f"cannot remove the old checkpoint {own[other]}: {error.strerror}", stacklevel=3)

    def _best(self, numbers: set[int], history: Sequence[Epoch]) -> int:
        """The best of the epochs that have a checkpoint; 0 when there are none."""
        monitor = Monitor(self.spec)
        for epoch in history:
            if epoch.number in numbers:
                monitor.improved(epoch)
        return monitor.best or 0
