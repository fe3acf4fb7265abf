"""Contract of engines, which compute the passes of a network in another way than with NumPy, such as in compiled code.

The last bits of their results differ, so an engine is chosen: by `training.engine`, or for predictions by `mlpkit.load(..., engine=NAME)`.
The optimizer is no part of it, because kernels take its steps: each engine works with each optimizer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from mlpkit.errors import BrokenPlugin, EngineWarning, warn
from mlpkit.numerics.arrays import Array, Targets
from mlpkit.plugin.base import REGISTRIES, Plugin, plugin_name
from mlpkit.text.shown import shortened

BLOCK = 1024  # rows predicted at once by NumPy: pre-activations and outputs of a layer fit in the cache, and there are few calls
TrainingPass: TypeAlias = "Callable[[Array, Targets, Array | None], float]"  # see `Workspace.loss_and_gradient`
PredictionPass: TypeAlias = "Callable[[Array, Array], object]"  # see `ForwardPass.run`
NUMPY = "numpy"  # the name that means no engine


class Engine(Plugin):
    """Another way to compute the passes of a network. `mlpkit.testing` compares its results with NumPy's."""

    kind: ClassVar[str] = "engines"
    of_a_run: ClassVar[bool] = True
    if_missing: ClassVar[str] = "; without an engine NumPy computes: --engine numpy"

    @abstractmethod
    def training(self, workspace: Any) -> TrainingPass | None:
        """Return a function that replaces `Workspace.loss_and_gradient`, or None if this network or loss is left to NumPy.

        It fills `workspace.gradient`, returns the sum of the weighted losses, and updates the running averages of normalization. Random
        numbers may be other ones than NumPy's, but depend on nothing but the state of the workspace's generator, which moves on: a run can
        then be resumed. Afterwards, the mask of each dropout and the noisy copy of the inputs are those of the pass. All other buffers of
        the workspace are free for its use.

        Parameters
        ----------
        workspace : mlpkit.engine.workspace.Workspace
            Its parameters change in place. Dropout and noise may fade, and the number of threads is set later: read them in each call.
            Inputs and targets of a call may have any strides.
        """

    @abstractmethod
    def prediction(self, forward: Any) -> PredictionPass | None:
        """Return a function that replaces `ForwardPass.run`, or None if this network is left to NumPy.

        It fills its second argument, and `forward.z`.

        Parameters
        ----------
        forward : mlpkit.engine.inference.ForwardPass
            It has at least one row. Its parameters may change in place between calls. Inputs of a call may
            have any strides; outputs are contiguous.
        """

    def block(self, network: Any) -> int:
        """Return the number of rows that a prediction computes at once.

        Parameters
        ----------
        network : mlpkit.engine.network.Network
        """
        return BLOCK

    def status(self) -> str:
        """Return the reason why nothing is available, such as a build without a compiler; empty if all is well."""
        return ""


def engine_named(name: str | None) -> Engine | None:
    """Return the engine of a name; None for "numpy" and without a name.

    Raises
    ------
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        It is not installed, or cannot be used.
    TypeError
        The name is not a text.
    """
    if not isinstance(name, str | None):
        raise TypeError(f"engine must be a name, such as 'fused', or None for NumPy, not {shortened(repr(name), 100)}")
    if name is None or name == NUMPY:
        return None
    engine: Engine = REGISTRIES["engines"].get(name)()
    if reason := engine.status():
        raise BrokenPlugin(f"the engine {name!r} cannot be used: {reason}", help="without an engine NumPy computes: --engine numpy")
    return engine


def warn_of_numpy(engine: Engine) -> None:
    """Warn that an engine leaves a network to NumPy."""
    warn(EngineWarning(f"the engine {plugin_name(engine)!r} does not take this network, which NumPy computes instead"))
