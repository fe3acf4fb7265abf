"""The training loop: a generator that yields one `Epoch` after another.

So early stopping is a `break`, logging is the caller's loop, and a progress bar wraps the iterator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

from mlpkit.data.dataset import Dataset
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.engine.network import Network
from mlpkit.errors import SpecError
from mlpkit.spec import Spec
from mlpkit.training.epoch import Epoch
from mlpkit.training.run import Measure, Run


def epochs(
    network: Network,
    spec: Spec,
    train: Dataset | StoredDataset,
    validation: Dataset | StoredDataset | None = None,
    measure: Measure | None = None,
    stop: Callable[[], bool] | None = None,
    done: int = 0,
) -> Generator[Epoch, None, None]:
    """Train a network, from the weights it has.

    With early stopping the best weights are restored when the loop ends, whatever ended it: patience, the last epoch,
    a `break` (as soon as the generator is closed), an exception.

    Parameters
    ----------
    network : Network
    spec : Spec
        Its loss, optimizer, training and seed are used; checkpoints are the business of `Model.epochs`.
    train, validation : Dataset or StoredDataset
    measure : callable, optional
        From the network's outputs on the validation rows (the training rows without any) to named metrics.
    stop : callable, optional
        Asked before each step; when it says True the run ends there.
    done : int
        Epochs that the network was trained for before: numbers and random streams go on from there.

    Yields
    ------
    Epoch

    Raises
    ------
    SpecError
        Early stopping watches a validation loss, but there are no validation rows.
    TrainingError
        The loss became NaN or infinite.
    """
    check_early_stopping(spec, validation)
    return _epochs(Run(network, spec, train, validation, measure, stop, done))


def _epochs(run: Run) -> Generator[Epoch, None, None]:
    with closing(run):
        while (epoch := run.next_epoch()) is not None:
            yield epoch


def check_early_stopping(spec: Spec, validation: Dataset | StoredDataset | None) -> None:
    """Raise SpecError when early stopping watches a validation loss, but there are no validation rows."""
    stopping = spec.training.early_stopping
    if stopping is not None and stopping.monitor == "validation_loss" and validation is None:
        raise SpecError.at(
            "training.early_stopping",
            "early stopping watches the validation loss, but there are no validation rows",
            "add data.split.validation, such as 0.2, or set the monitor to 'training_loss'",
        )
