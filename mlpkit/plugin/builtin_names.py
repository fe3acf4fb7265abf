"""Names of the built-in plugins, by kind, with their modules, classes and aliases.

They are not entry points, so built-ins are found without reading the environment, also in frozen applications.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

CLASSES: dict[str, dict[str, str]] = {  # name: "module:Class", with a module of the kind's package
    "activations": {
        "linear": "outputs:Linear",
        "sigmoid": "sigmoids:Sigmoid",
        "tanh": "sigmoids:Tanh",
        "relu": "rectifiers:ReLU",
        "leaky_relu": "rectifiers:LeakyReLU",
        "prelu": "rectifiers:PReLU",
        "relu6": "rectifiers:ReLU6",
        "relu_squared": "rectifiers:ReLUSquared",
        "elu": "exponential_units:ELU",
        "celu": "exponential_units:CELU",
        "selu": "exponential_units:SELU",
        "exponential": "exponential_units:Exponential",
        "gelu": "smooth_rectifiers:GELU",
        "silu": "smooth_rectifiers:SiLU",
        "mish": "smooth_rectifiers:Mish",
        "softplus": "smooth_rectifiers:Softplus",
        "squareplus": "smooth_rectifiers:Squareplus",
        "softsign": "sigmoids:Softsign",
        "lecun_tanh": "sigmoids:LeCunTanh",
        "log_sigmoid": "sigmoids:LogSigmoid",
        "hard_sigmoid": "piecewise:HardSigmoid",
        "hard_silu": "piecewise:HardSiLU",
        "hard_tanh": "piecewise:HardTanh",
        "tanh_shrink": "piecewise:TanhShrink",
        "soft_shrink": "piecewise:SoftShrink",
        "hard_shrink": "piecewise:HardShrink",
        "gaussian": "oscillating:Gaussian",
        "sine": "oscillating:Sine",
        "glu": "gated:GLU",
        "swiglu": "gated:SwiGLU",
        "geglu": "gated:GEGLU",
        "reglu": "gated:ReGLU",
        "softmax": "outputs:Softmax",
        "log_softmax": "outputs:LogSoftmax",
    },
    "losses": {
        "mean_squared_error": "regression:MeanSquaredError",
        "mean_absolute_error": "regression:MeanAbsoluteError",
        "binary_crossentropy": "crossentropy:BinaryCrossentropy",
        "categorical_crossentropy": "crossentropy:CategoricalCrossentropy",
        "gaussian_nll": "distributions:GaussianNLL",
        "binary_focal_crossentropy": "focal:BinaryFocalCrossentropy",
        "categorical_focal_crossentropy": "focal:CategoricalFocalCrossentropy",
        "hinge": "margins:Hinge",
        "squared_hinge": "margins:SquaredHinge",
        "categorical_hinge": "margins:CategoricalHinge",
        "kl_divergence": "whole_rows:KLDivergence",
        "cosine_similarity": "whole_rows:CosineSimilarity",
        "huber": "regression:Huber",
        "smooth_l1": "regression:SmoothL1",
        "log_cosh": "regression:LogCosh",
        "mean_absolute_percentage_error": "regression:MeanAbsolutePercentageError",
        "mean_squared_logarithmic_error": "regression:MeanSquaredLogarithmicError",
        "quantile": "quantiles:Quantile",
        "poisson": "distributions:Poisson",
        "gamma": "distributions:Gamma",
        "tweedie": "distributions:Tweedie",
    },
    "optimizers": {
        "sgd": "sgd:SGD",
        "adam": "adam:Adam",
        "adamw": "adam:AdamW",
        "adamax": "adam:Adamax",
        "nadam": "adam:NAdam",
        "radam": "adam:RAdam",
        "rmsprop": "adaptive:RMSprop",
        "adagrad": "adaptive:Adagrad",
        "adadelta": "adaptive:Adadelta",
        "rprop": "sign:Rprop",
        "lion": "sign:Lion",
        "muon": "muon:Muon",
        "schedule_free_adamw": "schedule_free:ScheduleFreeAdamW",
        "clipping": "wrappers:Clipping",
        "averaging": "wrappers:Averaging",
    },
    "initializers": {
        "glorot_uniform": "variance_scaling:GlorotUniform",
        "glorot_normal": "variance_scaling:GlorotNormal",
        "he_uniform": "variance_scaling:HeUniform",
        "he_normal": "variance_scaling:HeNormal",
        "lecun_uniform": "variance_scaling:LeCunUniform",
        "lecun_normal": "variance_scaling:LeCunNormal",
        "zeros": "constants:Zeros",
        "prior": "constants:Prior",
        "constant": "constants:Constant",
        "random_normal": "random:RandomNormal",
    },
    "schedules": {
        "constant": "decay:Constant",
        "cosine": "decay:Cosine",
        "step": "decay:Step",
        "reduce_on_plateau": "plateau:ReduceOnPlateau",
    },
    "metrics": {
        "accuracy": "classification:Accuracy",
        "log_loss": "classification:LogLoss",
        "mse": "regression:MeanSquaredError",
        "rmse": "regression:RootMeanSquaredError",
        "mae": "regression:MeanAbsoluteError",
        "r2": "regression:R2",
        "subset_accuracy": "multilabel:SubsetAccuracy",
        "hamming_loss": "multilabel:HammingLoss",
    },
    "readers": {
        "csv": "CSV",
        "tsv": "TSV",
        "npy": "NPY",
        "npz": "NPZ",
        "hdf5": "HDF5",
    },
}

PACKAGES = {"readers": "mlpkit.data.formats"}  # homes of kinds that are not in mlpkit.KIND

ALIASES: dict[str, dict[str, str]] = {
    "activations": {
        "identity": "linear",
        "logistic": "sigmoid",
        "leakyrelu": "leaky_relu",
        "squared_relu": "relu_squared",
        "swish": "silu",
        "logsigmoid": "log_sigmoid",
        "hardsigmoid": "hard_sigmoid",
        "hardswish": "hard_silu",
        "hard_swish": "hard_silu",
        "hardsilu": "hard_silu",
        "hardtanh": "hard_tanh",
        "tanhshrink": "tanh_shrink",
        "softshrink": "soft_shrink",
        "hardshrink": "hard_shrink",
        "logsoftmax": "log_softmax",
        "sin": "sine",
        "exp": "exponential",
    },
    "losses": {
        "mse": "mean_squared_error",
        "mae": "mean_absolute_error",
        "bce": "binary_crossentropy",
        "cross_entropy": "categorical_crossentropy",
        "focal": "binary_focal_crossentropy",
        "binary_focal": "binary_focal_crossentropy",
        "categorical_focal": "categorical_focal_crossentropy",
        "crammer_singer": "categorical_hinge",
        "kl_div": "kl_divergence",
        "kld": "kl_divergence",
        "cosine": "cosine_similarity",
        "mape": "mean_absolute_percentage_error",
        "msle": "mean_squared_logarithmic_error",
        "pinball": "quantile",
        "poisson_nll": "poisson",
    },
    "optimizers": {"adamw_schedule_free": "schedule_free_adamw"},
    "initializers": {
        "glorot": "glorot_uniform",
        "xavier_uniform": "glorot_uniform",
        "xavier_normal": "glorot_normal",
        "he": "he_normal",
        "kaiming_uniform": "he_uniform",
        "kaiming_normal": "he_normal",
    },
    "metrics": {"mean_squared_error": "mse", "root_mean_squared_error": "rmse", "mean_absolute_error": "mae"},
    "readers": {"tab": "tsv", "h5": "hdf5", "hdf": "hdf5"},
}


def targets(kind: str) -> dict[str, str]:
    """Return the public location (``package:Class``) of each built-in of a kind, by name."""
    package = PACKAGES.get(kind, f"mlpkit.{kind}")
    return {name: f"{package}:{location.rpartition(':')[2]}" for name, location in CLASSES[kind].items()}


def public(kind: str) -> tuple[list[str], Callable[[str], Any]]:
    """Return `__all__` and `__getattr__` of the package of a kind, which imports a class on first use.

    A class costs half a millisecond, and a run uses a few of them.
    """
    package = f"mlpkit.{kind}"
    modules = {cls: module for module, _, cls in (location.partition(":") for location in CLASSES[kind].values())}

    def imported(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return sorted(modules), imported
