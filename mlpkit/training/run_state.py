"""Conversion of a run to its saved state and to the warm start of the next run on the same model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import ModelFileError, warn
from mlpkit.plugin import averages
from mlpkit.text.shown import counted
from mlpkit.training.epoch import Epoch
from mlpkit.training.fingerprint import Fingerprint
from mlpkit.training.history import EpochColumns
from mlpkit.training.parameter_order import from_file_order, to_file_order
from mlpkit.training.random_generators import generator_state, set_generator
from mlpkit.training.run import Run
from mlpkit.training.state import TrainingState, keeps_parameters
from mlpkit.training.versions import versions
from mlpkit.training.warm_start import WarmStart


def state_of(run: Run, data: Fingerprint) -> TrainingState:
    """Return the state of a run that is `whole`, with copies of arrays, so that training may continue."""
    order = generator_state(run.shuffle_rng) if run.order is None else run.order
    parameters, optimizer = run.network.parameters, run.spec.optimizer
    arrays: dict[str, NDArray[Any]] = {
        f"optimizer/{name}": to_file_order(parameters, array) if name in optimizer.state else array.reshape(-1).copy()
        for name, array in run.update.arrays.items()
    }
    arrays |= {"rng/shuffle": order, "rng/dropout": generator_state(run.dropout_rng), "loop/loss": np.array([run.loss])}
    monitor = run.best.monitor if run.best.stopping else None
    if run.clock is not None:
        arrays["loop/elapsed"] = np.array([run.clock.read(), run.update.elapsed])
    if (average := run.update.weight_average) is not None:
        arrays |= {"loop/average": to_file_order(parameters, average.mean), "loop/average_share": average.share.reshape(1).copy()}
    if keeps_parameters(run.spec):
        arrays["loop/parameters"] = to_file_order(parameters, parameters.vector)
    if monitor is not None:
        arrays["loop/monitored"] = np.array([monitor.value])
    return TrainingState(
        done=run.done,
        epoch=run.epoch,
        step=run.step,
        steps_per_epoch=run.steps_per_epoch,
        waited=monitor.waited if monitor else 0,
        best=monitor.best if monitor else None,
        data=data,
        versions=versions(run.spec),
        threads=run.threads,
        before=run.update.before,
        converged=run.converged,
        arrays=arrays,
    )


def restore(run: Run, state: TrainingState, history: Sequence[Epoch] = ()) -> None:
    """Restore a run from its state. The network must have the parameters of the file; `history` has its epochs.

    Raises
    ------
    ModelFileError
        The state does not fit the rows.
    """
    if state.steps_per_epoch != run.steps_per_epoch:
        message = f"the training state has {state.steps_per_epoch} steps per epoch, but these rows have {run.steps_per_epoch}"
        raise ModelFileError(message, help="use another checkpoint")
    run.whole = False
    _restore_threads(run, state.threads)
    run.done, run.epoch, run.step, run.loss = state.done, state.epoch, state.step, float(state.arrays["loop/loss"][0])
    run.converged, run.update.before = state.converged, state.before
    parameters, optimizer = run.network.parameters, run.spec.optimizer
    for name, array in run.update.arrays.items():
        stored = state.arrays[f"optimizer/{name}"]
        if name in optimizer.state:
            from_file_order(parameters, stored, array)
        else:
            array[...] = stored.reshape(array.shape)
    if run.clock is not None:
        elapsed, run.update.elapsed = map(float, state.arrays["loop/elapsed"])
        run.clock.resume(elapsed)
    if (average := run.update.weight_average) is not None:
        from_file_order(parameters, state.arrays["loop/average"], average.mean)
        average.share[...] = state.arrays["loop/average_share"][0]
    if run.update.history is not None:
        run.update.history = EpochColumns(history[state.done :])
    set_generator(run.shuffle_rng, state.arrays["rng/shuffle"])
    set_generator(run.dropout_rng, state.arrays["rng/dropout"])
    run.best.keep(state.place.epochs or None)
    if run.best.stopping:
        run.best.number = state.best
        run.best.monitor.go_on(float(state.arrays["loop/monitored"][0]), state.best, state.waited, history)
    if keeps_parameters(run.spec):
        from_file_order(parameters, state.arrays["loop/parameters"], parameters.vector)
    run.whole = True


def warm_start_of(run: Run) -> WarmStart:
    """Return the warm start for the next run on the network. The run must be `whole` and not closed."""
    last, left = None, None
    if keeps_parameters(run.spec):
        last, left = run.network.parameters.vector.copy(), run.best_network().parameters.vector.copy()
    return WarmStart(run.spec.optimizer, run.update.arrays, run.update.before + run.step, last, left)


def apply_warm_start(run: Run, start: WarmStart) -> None:
    """Apply the state of an earlier run on the network, if the optimizer is the same.

    An optimizer that averages weights begins anew if these have been changed since: its state holds the average of the old ones.
    """
    run.whole = False
    unchanged = start.restore_last(run.network.parameters.vector)
    if start.fits(run.spec, run.update) and (unchanged or not averages(run.spec.optimizer)):
        run.update.before = start.step
        for array, earlier in zip(run.update.arrays.values(), start.arrays.values(), strict=True):
            array[...] = earlier
    run.predicting_network()
    run.best.keep(None)
    run.whole = True


def _restore_threads(run: Run, threads: int | None) -> None:
    """Use the number of threads of the interrupted run, unless the user has set another one."""
    if threads is None:
        return
    count = run.thread_share.begin(threads)
    run.use_threads(count)
    if count != threads:
        message = f"the run began with {counted(threads, 'thread')} and is resumed with {count}"
        warn(UserWarning(f"{message}: the last bits may differ from those of an uninterrupted run"))
