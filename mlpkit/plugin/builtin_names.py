"""Names of the built-in plugins, by kind, with their modules and classes. Their other names are in `aliases`.

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
        "continuation_ratio": "outputs:ContinuationRatio",
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
        "ordinal": "ordinal:Ordinal",
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
        "levenberg_marquardt": "levenberg_marquardt:LevenbergMarquardt",
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
        "random_uniform": "random:RandomUniform",
        "truncated_normal": "random:TruncatedNormal",
        "orthogonal": "random:Orthogonal",
        "identity": "constants:Identity",
        "ones": "constants:Ones",
        "variance_scaling": "variance_scaling:VarianceScaling",
        "torch_linear": "variance_scaling:TorchLinear",
    },
    "schedules": {
        "constant": "decay:Constant",
        "cosine": "decay:Cosine",
        "step": "decay:Step",
        "piecewise": "decay:Piecewise",
        "exponential": "decay:Exponential",
        "inverse_time": "decay:InverseTime",
        "polynomial": "decay:Polynomial",
        "linear": "decay:Linear",
        "inverse_sqrt": "decay:InverseSqrt",
        "cosine_restarts": "cycles:CosineRestarts",
        "one_cycle": "cycles:OneCycle",
        "cyclic": "cycles:Cyclic",
        "coslog4": "cycles:CosLog4",
        "wsd": "phases:WSD",
        "flat_cosine": "phases:FlatCosine",
        "warmup": "composite:Warmup",
        "sequential": "composite:Sequential",
        "reduce_on_plateau": "plateau:ReduceOnPlateau",
    },
    "metrics": {
        "accuracy": "classification:Accuracy",
        "log_loss": "classification:LogLoss",
        "zero_one_loss": "classification:ZeroOneLoss",
        "top_k_accuracy": "classification:TopKAccuracy",
        "brier": "classification:Brier",
        "expected_calibration_error": "classification:ExpectedCalibrationError",
        "balanced_accuracy": "confusion:BalancedAccuracy",
        "precision": "confusion:Precision",
        "recall": "confusion:Recall",
        "specificity": "confusion:Specificity",
        "f1": "confusion:F1",
        "fbeta": "confusion:FBeta",
        "jaccard": "confusion:Jaccard",
        "matthews": "confusion:Matthews",
        "cohen_kappa": "confusion:CohenKappa",
        "roc_auc": "ranking:ROCAUC",
        "average_precision": "ranking:AveragePrecision",
        "mse": "regression:MeanSquaredError",
        "rmse": "regression:RootMeanSquaredError",
        "mae": "regression:MeanAbsoluteError",
        "r2": "regression:R2",
        "median_absolute_error": "errors:MedianAbsoluteError",
        "mape": "errors:MeanAbsolutePercentageError",
        "smape": "errors:SymmetricMeanAbsolutePercentageError",
        "msle": "errors:MeanSquaredLogarithmicError",
        "rmsle": "errors:RootMeanSquaredLogarithmicError",
        "max_error": "errors:MaxError",
        "pinball": "errors:Pinball",
        "mean_poisson_deviance": "errors:MeanPoissonDeviance",
        "mean_gamma_deviance": "errors:MeanGammaDeviance",
        "mean_tweedie_deviance": "errors:MeanTweedieDeviance",
        "explained_variance": "association:ExplainedVariance",
        "pearson": "association:Pearson",
        "spearman": "association:Spearman",
        "subset_accuracy": "multilabel:SubsetAccuracy",
        "hamming_loss": "multilabel:HammingLoss",
        "multilabel_precision": "multilabel:MultilabelPrecision",
        "multilabel_recall": "multilabel:MultilabelRecall",
        "multilabel_f1": "multilabel:MultilabelF1",
        "multilabel_jaccard": "multilabel:MultilabelJaccard",
        "multilabel_roc_auc": "multilabel:MultilabelROCAUC",
        "multilabel_average_precision": "multilabel:MultilabelAveragePrecision",
        "label_ranking_average_precision": "multilabel:LabelRankingAveragePrecision",
    },
    "readers": {
        "csv": "CSV",
        "tsv": "TSV",
        "npy": "NPY",
        "npz": "NPZ",
        "hdf5": "HDF5",
        "jsonl": "JSONLines",
        "parquet": "Parquet",
        "arrow": "Arrow",
        "xlsx": "Excel",
    },
    "exchanges": {},
    "kernels": {},
    "engines": {},
}

PACKAGES = {"readers": "mlpkit.data.formats"}  # homes of kinds that are not in mlpkit.KIND


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
