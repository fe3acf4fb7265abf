"""Step of a run in compiled code: asks the installed kernels, once when a run begins."""

from __future__ import annotations

import os
from itertools import islice

from mlpkit.engine.parameters import layer_and_role
from mlpkit.errors import EngineWarning, PluginError, warn
from mlpkit.plugin import REGISTRIES, Minimizer, entry_points
from mlpkit.plugin.base import RAISED, reason
from mlpkit.plugin.environment import KERNELS, strict
from mlpkit.plugin.kernels import Kernel, StepParts, TensorPlace
from mlpkit.plugin.registry import PluginInfo
from mlpkit.spec import Spec
from mlpkit.training.update import Update

WORTH = 1.0  # seconds of all steps from which reading the metadata of the installed packages, 5 to 10 ms, does not matter
STEP, PARAMETER = 5e-6, 1e-9  # about the seconds of a step of an optimizer, and of each parameter in it


def use_kernel(update: Update, spec: Spec, steps: int) -> None:
    """Let an update use the first of the installed kernels that can take its steps, if there is one and the run is long enough."""
    if isinstance(spec.optimizer, Minimizer) or not _worth_asking(len(update.trained), steps):
        return
    registry, parts = REGISTRIES["kernels"], step_parts(update, spec)
    for info in registry.installed():
        if (kernel := _kernel(info, parts)) is not None:
            update.use_kernel(kernel, parts, spec)
            return


def _worth_asking(parameters: int, steps: int) -> bool:
    chosen = os.environ.get(KERNELS, "").strip()
    if chosen in ("0", "1"):
        return chosen == "1"
    return entry_points.are_known() or steps * (STEP + parameters * PARAMETER) > WORTH


def step_parts(update: Update, spec: Spec) -> StepParts:
    """Return what a kernel has to know of an update. Clipping before `clip_norm`, and an average after constraints, stay with NumPy."""
    parameters, training, average = update.parameters, spec.training, update.weight_average
    names = list(islice(parameters.views, parameters.trained_tensors if update.tensors is not None else 0))
    joined = average is not None and average.decay is not None and len(update.after_rule) == 1
    return StepParts(
        optimizer=update.optimizer,
        w=update.trained,
        state=update.state,
        scalars=update.scalars,
        tensors=tuple(_tensor(parameters.slices[name], parameters.views[name].shape, name) for name in names),
        factors=update.factors,
        decay=tuple((parameters.slices[name], factor) for name, factor in update.decay.factors.items()),
        clip_value=training.clip_value if training.clip_norm is None else None,
        average=average.mean if average is not None and joined else None,
        average_decay=(average.decay or 0.0) if average is not None and joined else 0.0,
    )


def _tensor(part: slice, shape: tuple[int, ...], name: str) -> TensorPlace:
    layer, role = layer_and_role(name)
    return TensorPlace(part, shape, role, layer)


def _kernel(info: PluginInfo, parts: StepParts) -> Kernel | None:
    """Return the kernel of a package; None, with a warning, if it fails."""
    try:
        kernel: Kernel | None = REGISTRIES["kernels"].get(info.full_name)().step(parts)
    except (*RAISED, PluginError) as error:
        if strict():
            raise
        what = error.message if isinstance(error, PluginError) else f"{info.described} failed: {reason(error)}"
        warn(EngineWarning(f"{what}; NumPy takes the steps: {KERNELS}=0 avoids this warning"))
        return None
    return kernel
