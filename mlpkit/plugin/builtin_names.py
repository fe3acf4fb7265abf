"""Names of the built-in plugins, by kind, with their classes and aliases.

They are not entry points, so built-ins are found without reading the environment, also in frozen applications.
"""

CLASSES: dict[str, dict[str, str]] = {
    "activations": {
        "linear": "Linear",
        "sigmoid": "Sigmoid",
        "tanh": "Tanh",
        "relu": "ReLU",
        "leaky_relu": "LeakyReLU",
        "prelu": "PReLU",
        "glu": "GLU",
        "softmax": "Softmax",
    },
    "losses": {
        "mean_squared_error": "MeanSquaredError",
        "mean_absolute_error": "MeanAbsoluteError",
        "binary_crossentropy": "BinaryCrossentropy",
        "categorical_crossentropy": "CategoricalCrossentropy",
        "gaussian_nll": "GaussianNLL",
    },
    "optimizers": {"sgd": "SGD", "adam": "Adam", "nadam": "NAdam", "clipping": "Clipping", "averaging": "Averaging"},
    "initializers": {
        "glorot_uniform": "GlorotUniform",
        "glorot_normal": "GlorotNormal",
        "he_uniform": "HeUniform",
        "he_normal": "HeNormal",
        "zeros": "Zeros",
        "constant": "Constant",
        "random_normal": "RandomNormal",
    },
    "schedules": {"constant": "Constant", "cosine": "Cosine", "step": "Step", "reduce_on_plateau": "ReduceOnPlateau"},
    "metrics": {
        "accuracy": "Accuracy",
        "log_loss": "LogLoss",
        "mse": "MeanSquaredError",
        "rmse": "RootMeanSquaredError",
        "mae": "MeanAbsoluteError",
        "r2": "R2",
        "subset_accuracy": "SubsetAccuracy",
        "hamming_loss": "HammingLoss",
    },
    "readers": {
        "csv": "CSV",
        "tsv": "TSV",
        "npy": "NPY",
        "npz": "NPZ",
        "hdf5": "HDF5",
    },
}

MODULES = {"readers": "mlpkit.data.formats"}  # modules of kinds that are not in mlpkit.KIND

ALIASES: dict[str, dict[str, str]] = {
    "activations": {"identity": "linear", "logistic": "sigmoid"},
    "losses": {
        "mse": "mean_squared_error",
        "mae": "mean_absolute_error",
        "bce": "binary_crossentropy",
        "cross_entropy": "categorical_crossentropy",
    },
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
