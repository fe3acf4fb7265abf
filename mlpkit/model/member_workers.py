"""Worker processes that train the members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlpkit.data.dataset import Dataset
from mlpkit.errors import PluginError
from mlpkit.model.member_task import shared_arrays
from mlpkit.model.serialization import from_contents
from mlpkit.modelfile import reader
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Spec
from mlpkit.spec.plugin_objects import plugin_objects
from mlpkit.threads import chosen, cores
from mlpkit.training.epoch import Epoch, MemberEpoch
from mlpkit.training.interrupts import Interrupts
from mlpkit.workers.pool import Message, Pool, Task

if TYPE_CHECKING:
    from mlpkit.model.ensemble import Ensemble
    from mlpkit.model.model import Model
    from mlpkit.training.checkpoints import Checkpoints
    from mlpkit.training.session import Stop

STEP = 2**17  # multiplications and additions that take as long as the overhead of a step
WORTH = 2**31  # those from which processes are worth their start


def worker_count(model: Ensemble, prepared: Prepared) -> int:
    """Return the number of worker processes for the members of an ensemble; 1 to train them in this process.

    That is the case for rows on disk, with plugins that only this process knows, or if there is less to do than processes cost.
    """
    count = min(chosen() or cores(), len(model.members))
    alone = not isinstance(prepared.train, Dataset) or any(map(is_local, plugin_objects(model.spec)))
    return 1 if alone or work(model.spec, prepared.inputs.width, prepared.most_rows) * len(model.members) < WORTH else count


def worth_processes(spec: Spec, inputs: int, rows: int, runs: int) -> bool:
    """Return True if the work of some runs is worth the start of processes; an ensemble is a run of several networks."""
    networks = runs if spec.ensemble is None else runs * spec.ensemble.members
    return work(spec, inputs, rows) * networks >= WORTH


def work(spec: Spec, inputs: int, rows: int) -> int:
    """Return an estimate of the work for one network, in multiplications and additions, without early stopping."""
    widths = [spec.network.first_width or inputs, *(layer.units or 1 for layer in spec.network.layers)]
    weights = sum(inputs * units for inputs, units in pairwise(widths))
    size = spec.training.batch_size
    steps = -(-rows // size) if isinstance(size, int) else 1
    return spec.training.epochs * (steps * STEP + 3 * rows * weights)


def is_local(plugin: Plugin) -> bool:
    """Return True for a plugin that a new process would not find by its name: a class of the user, or one that replaces another."""
    registry = REGISTRIES[plugin.kind]
    try:
        info = registry.info(type(plugin))
        return info.distribution is None or registry.get(info.full_name) is not type(plugin)
    except PluginError:
        return True


class MemberWorkers:
    """Processes that train members.

    Parameters
    ----------
    members : sequence of Model
        Their weights, histories and states are replaced by those of the processes: at their checkpoints, and when they end.
    prepared : Prepared
    count : int
        Number of processes.
    resume : bool
        True to resume the runs of members that have a state.
    checkpoints : Checkpoints or None
    write : callable
        Called after a checkpoint of a member, to write that of all.

    Raises
    ------
    OSError
        No process can be started.
    """

    def __init__(
        self,
        members: Sequence[Model],
        prepared: Prepared,
        count: int,
        resume: bool,
        checkpoints: Checkpoints | None,
        write: Callable[[], None],
    ) -> None:
        self.members, self.write = members, write
        self.options = None if checkpoints is None else checkpoints.options.model_dump(mode="json")
        self.tasks = [self._task(number, prepared, resume) for number in range(len(members))]
        self.interrupts, self.leaving = Interrupts(), False
        self.pool = Pool(shared_arrays(prepared), count)

    def _task(self, number: int, prepared: Prepared, resume: bool) -> Task:
        member, file = self.members[number], BytesIO()
        resume = resume and member._runs.state is not None
        member.save(file, training_state=resume)
        values = {"member": number, "resume": resume, "weighted": prepared.weighted, "checkpoint": self.options}
        return Task(f"member {number}", "mlpkit.model.member_task:train_member", values, file.getvalue())

    def epochs(self, stop: Stop | None) -> Generator[Epoch, None, None]:
        """Yield the epochs of all members as they come. When the iterator is closed, or at Ctrl-C, the members keep their states."""
        self.interrupts.begin()
        try:
            with self.pool:
                messages = self.pool.run(self.tasks, lambda: self.leaving or self.interrupts.pending or (stop is not None and stop()))
                try:
                    for message in messages:
                        if (epoch := self._received(message)) is not None:
                            yield epoch
                except GeneratorExit:
                    self.leaving = True
                    for message in messages:
                        self._received(message)
                    raise
            self.interrupts.let()
        finally:
            self.interrupts.end()

    def _received(self, message: Message) -> MemberEpoch | None:
        """Return the epoch of a message; for others, take over the member's file."""
        values: dict[str, Any] = message.values
        if "epoch" in values:
            return MemberEpoch.of(Epoch(*values["epoch"]), message.task)
        member = self.members[message.task]
        member._take(from_contents(reader.from_bytes(message.data), message.data), finished=bool(values.get("finished")))
        if "checkpoint" in values:
            self.write()
        return None
