"""Suggestions for an unknown plugin name: similar names, and the package that provides it."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from mlpkit.text.shown import DISTRIBUTION

PACKAGES = {  # plugins of mlpkit's own packages, by kind and name
    ("activations", "snake"): "mlpkit-snake",
    ("losses", "robust"): "mlpkit-robust",
    ("optimizers", "lbfgs"): "mlpkit-scipy",
    ("exchanges", "mpi"): "mlpkit-mpi",
    ("engines", "fused"): "mlpkit-fused",
}
# names of other libraries, for which a similar name is no correction: rrelu is not a misspelling of relu
_OF_THE_FIELD = """
maxout rrelu softmin sparsemax
huber log_cosh smooth_l1 hinge squared_hinge kl_divergence poisson quantile pinball tweedie mape msle gaussian_nll nll
adafactor asgd ftrl lamb
ones orthogonal random_uniform truncated_normal variance_scaling
cosine_restarts cyclic inverse_time linear one_cycle piecewise polynomial reduce_on_plateau warmup
roc_auc f1 fbeta precision recall median_absolute_error max_error explained_variance brier
"""
OF_THE_FIELD = frozenset(_OF_THE_FIELD.split())


def suggestion(name: str, names: Collection[str]) -> str:
    """Return a question with similar names for one in lowercase; empty if the name is not a likely misspelling."""
    for same in sorted(names):
        if same.replace("_", "") == name.replace("_", ""):  # also of a class: AdamW and ScheduleFreeAdamW
            return f"; did you mean {same!r}?"
    near = [] if name in OF_THE_FIELD else difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def installation(kind: str, name: str, small: str) -> str:
    """Return the package to install for a name, as the start of a sentence; empty if it is unknown."""
    package = PACKAGES.get((kind, small))
    if package is not None:
        return f"it is in the package {package}: pip install {package}, or in a checkout pip install ./plugins/{package}; "
    distribution = name.partition(":")[0] if ":" in name else ""
    return f"pip install {distribution}, if you trust it; " if DISTRIBUTION.fullmatch(distribution) else ""
