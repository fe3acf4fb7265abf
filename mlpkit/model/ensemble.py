"""Ensemble: a model of several networks, whose predictions are averaged.

A class of its own rather than a model with a list of networks, so that a model of one network is as it was, and each member is such a
model: with its own spec (other seed), weights, history and run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.engine.network import Network
from mlpkit.errors import DataError
from mlpkit.model.ensemble_runs import EnsembleRuns
from mlpkit.model.model import Model
from mlpkit.model.predictor import Predictor
from mlpkit.model.serialization import Stored
from mlpkit.preprocessing.residuals import Residuals
from mlpkit.spec import Spec, as_spec
from mlpkit.training.history import History, mean_history

if TYPE_CHECKING:  # imported where they are used, because loading and predicting need none of them
    from mlpkit.preprocessing import TargetEncoder
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.training.epoch import Epoch
    from mlpkit.training.session import MakeCheckpoints, Stop


class Ensemble(Model):
    """Model of several networks. `Model(spec, ...)`, `mlpkit.train` and `mlpkit.load` return one if the spec has an `ensemble`.

    Attributes
    ----------
    members : tuple of Model
        Models with one network each, on the same preprocessing. They can predict, evaluate and be saved by themselves.
    """

    _runs: EnsembleRuns  # type: ignore[assignment]  # it has what a model uses of `Runs`

    def __init__(self, spec: Spec | dict[str, Any] | str | Path, inputs: int, outputs: int | None = None) -> None:
        spec = as_spec(spec)
        assert spec.ensemble is not None
        members = [Model(spec.of_member(number), inputs, outputs) for number in range(spec.ensemble.members)]
        spec = spec.with_widths(inputs, members[0].network.units)
        self._hold(Stored(spec, tuple(member._stored(None).members[0] for member in members), None, None, {}))

    def _hold(self, parts: Stored, verify: Callable[[], None] | None = None, complete: Callable[[], Spec] | None = None) -> None:
        Predictor.__init__(self, parts.spec, None, (parts.input_encoder, parts.target_encoder), None, complete)
        once = None if verify is None else _Once(verify)
        target = _of_member(parts.spec, parts.target_encoder)
        self._members = tuple(
            Model.from_parts(
                Stored(parts.spec.of_member(number), (member,), parts.input_encoder, target, {}, parts.ranges),
                once,
                None if complete is None else partial(self._spec_of, number),
            )
            for number, member in enumerate(parts.members)
        )
        self.metadata = parts.metadata
        self._runs = EnsembleRuns(self._members, parts.left)

    def _spec_of(self, number: int) -> Spec:
        return self.spec.of_member(number)

    @property
    def spec(self) -> Spec:
        """Spec of the model; see `Predictor.spec`."""
        return Predictor.spec.fget(self)  # type: ignore[attr-defined,no-any-return]

    @spec.setter
    def spec(self, spec: Spec) -> None:
        self._spec, self._complete = spec, None
        for number, member in enumerate(self._members):
            member.spec = spec.of_member(number)

    @property
    def members(self) -> tuple[Model, ...]:
        """Models of one network each."""
        return self._members

    @property
    def history(self) -> History:
        """Means over the members: of each epoch, over those that have trained it. ``model.members[0].history`` has those of one."""
        return mean_history([member.history for member in self._members])

    def __repr__(self) -> str:
        return f"<mlpkit.Model {self._spec.name!r}: {len(self._members)} members, each {self._members[0]!r}>"

    def summary(self) -> str:
        """Return the summary of the first member, after the number of members."""
        return f"{len(self._members)} members, whose predictions are averaged; the first is\n{self._members[0].summary()}"

    # -- predictions

    @property
    def _predicting(self) -> tuple[Network, ...]:
        """Networks of the members: of an unfinished run those that have finished an epoch, if there are any."""
        begun = [member for member in self._members if member.history]
        return tuple(network for member in begun or self._members for network in member._predicting)

    @property
    def _all_networks(self) -> tuple[Network, ...]:
        return tuple(member.network for member in self._members)

    @property
    def _all_histories(self) -> tuple[History, ...]:
        return tuple(member.history for member in self._members)

    # -- weights

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Return copies of the weights by name, such as "members.0.layers.0.weight"."""
        own = [member.get_weights() for member in self._members]
        return {f"members.{number}.{name}": array for number, weights in enumerate(own) for name, array in weights.items()}

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Set weights by name; see `Model.set_weights`. None is changed if one of them is wrong, or while a member is trained."""
        self._runs.check_idle()
        if not isinstance(weights, Mapping):
            raise DataError(f"weights are given as {type(weights).__name__}", help="give a dictionary from names to arrays")
        before, rest = self.get_weights(), dict(weights)
        try:
            for number, member in enumerate(self._members):
                prefix = f"members.{number}."
                member.set_weights({name.removeprefix(prefix): rest.pop(name) for name in list(rest) if str(name).startswith(prefix)})
            if rest:
                raise DataError(f"there is no weight {next(iter(rest))!r}", help="the names are such as members.0.layers.0.weight")
        except DataError:
            for number, member in enumerate(self._members):
                prefix = f"members.{number}."
                member.set_weights({name.removeprefix(prefix): array for name, array in before.items() if name.startswith(prefix)})
            raise

    # -- training

    def epochs(
        self,
        prepared: Prepared,
        stop: Stop | None = None,
        *,
        resume: bool = False,
        keep_optimizer: bool = True,
        checkpoints: str | Path | MakeCheckpoints | None = None,
        replace: bool = False,
        keep_state: bool = False,
        processes: bool = False,
    ) -> Generator[Epoch, None, None]:
        """Train the members, one after the other or in worker processes; yield each epoch as a `MemberEpoch`. See `Model.epochs`."""
        from mlpkit.training.preflight import check_trainable

        self._runs.check_idle()
        spec = self.spec.with_batch_size(prepared.fewest_rows)
        check_trainable(spec, prepared)
        self.spec = spec
        if resume:
            self.check_resumable(prepared)
        self._adopt(prepared)
        own = checkpoints if callable(checkpoints) else self._checkpoints(checkpoints, replace)
        return self._runs.epochs(self, prepared, stop, resume=resume, keep_optimizer=keep_optimizer, checkpoints=own, processes=processes)

    def check_resumable(self, prepared: Prepared) -> None:
        """Raise the error of `resumable` if the present run cannot be resumed on prepared data."""
        from mlpkit.preprocessing.members import member_data
        from mlpkit.training.resume_checks import resumable

        if self._runs.state is None:
            resumable(None, prepared)
        for number, member in enumerate(self._members):
            if member._runs.state is not None:
                resumable(member._runs.state, member_data(prepared, number))

    def resume_with(self, spec: Spec) -> None:
        """Use another spec to resume the run. Errors and warnings are those of `check_spec`."""
        from mlpkit.spec.changes import continued

        spec = continued(self.spec, spec)
        for number, member in enumerate(self._members):
            member.resume_with(spec.of_member(number))
        self.spec = spec

    def _adopt(self, prepared: Prepared) -> None:
        for member in self._members:
            member._adopt(prepared)
        self.input_encoder, self.target_encoder = prepared.inputs, prepared.target

    def finish(self, prepared: Prepared) -> None:
        """Choose the decision threshold and keep the residuals on the rows that the members have held out; see `Model.finish`."""
        super().finish(prepared)
        for member in self._members:
            member.target_encoder = _of_member(self.spec, self.target_encoder)

    # -- the file

    def _stored(self, training_state: bool | None) -> Stored:
        """Return the parts to save."""
        state = self._runs.to_save(training_state, self.spec.training.keep_state)
        parts = [member._stored((state is not None and member._runs.state is not None) or None) for member in self._members]
        members = tuple(part.members[0] if state is not None else part.members[0]._replace(state=None) for part in parts)
        ranges: dict[str, tuple[float, float]] = {}
        for part in parts:
            for key, (low, high) in (part.ranges or {}).items():
                least, most = ranges.get(key, (np.inf, -np.inf))
                ranges[key] = min(least, low), max(most, high)
        return Stored(self.spec, members, self.input_encoder, self.target_encoder, self.metadata, ranges, state is not None)


def _of_member(spec: Spec, target: TargetEncoder | None) -> TargetEncoder | None:
    """Return the target encoder of a member, without what concerns the average of all: on rows that all hold out, its errors too."""
    return target and replace(target, residuals=Residuals(target.residuals.errors) if spec.rotates else Residuals())


class _Once:
    """Function that verifies the tensors of all members when the first of them is used."""

    def __init__(self, verify: Callable[[], None]) -> None:
        self.verify: Callable[[], None] | None = verify

    def __call__(self) -> None:
        if self.verify is not None:
            self.verify()
            self.verify = None
