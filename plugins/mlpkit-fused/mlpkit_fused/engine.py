"""Engine that computes passes with operations in C and the matrix products of NumPy's OpenBLAS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpkit.engine.normalization import Normalizer
from mlpkit.plugin.engine import BLOCK, Engine
from mlpkit_fused.blas import gemm
from mlpkit_fused.compiled import unavailable

if TYPE_CHECKING:
    from mlpkit_fused.builder import Pass

FEW_ROWS, SMALL = 128, 2**16  # rows of a block for networks with at most so many parameters


class FusedEngine(Engine):
    """Passes with few operations in C, each of which does the work of several of NumPy's.

    Layers, losses and embeddings of mlpkit are computed in C. Activations and losses of other packages are called as ever, between the
    operations in C.
    """

    def training(self, workspace: Any) -> Pass | None:
        """Return the pass of a workspace; None if several processes share its batches, and drop or normalize together."""
        if _is_shared(workspace) or self.status():
            return None
        from mlpkit_fused.training import training_pass

        return training_pass(workspace)

    def prediction(self, forward: Any) -> Pass | None:
        """Return the pass of a block; None for parameters in a file at addresses that do not fit their dtype."""
        embeddings = () if forward.learned is None else forward.learned.embeddings
        views = [view for layer in forward.layers for view in _views(layer.layer)]
        views += [view for embedding in embeddings for view in embedding.views.values()]
        if self.status() or not all(view.flags.c_contiguous and view.flags.aligned for view in views):
            return None
        from mlpkit_fused.prediction import prediction_pass

        return prediction_pass(forward)

    def block(self, network: Any) -> int:
        """Return a number of rows for which the values of a layer stay in the L1 cache; more if the weights are large."""
        return FEW_ROWS if len(network.parameters) <= SMALL else BLOCK

    def status(self) -> str:
        """Return the reason why nothing is available; empty if all is well."""
        if reason := unavailable("_engine"):
            return reason
        return "" if gemm(np.dtype("float32")) else "NumPy has another BLAS than OpenBLAS in its wheels"


def _is_shared(workspace: Any) -> bool:
    """Return True if ranks share the sums or random numbers of a batch."""
    sums = (each.normalizer.add_up for each in workspace.layers if isinstance(each.normalizer, Normalizer))
    generators = (each.dropout.rng for each in workspace.layers if each.dropout is not None)
    return any(each is not None for each in sums) or not all(isinstance(each, np.random.Generator) for each in generators)


def _views(layer: Any) -> list[Any]:
    optional = [view for view in (layer.bias, layer.input_scale) if view is not None]
    return [layer.weight, *optional, *layer.normalization.values(), *layer.activation_parameters]
