"""Draw specs of whole runs at random, from all options that are deterministic.

Each number has its own generator, so that one run can be drawn again alone.
"""

import numpy as np

ROWS, INPUTS, STEPS = 24, 4, 100

NAMES = (
    "linear sigmoid tanh relu relu6 relu_squared selu gelu silu mish squareplus softsign "
    "lecun_tanh log_sigmoid hard_sigmoid hard_silu hard_tanh tanh_shrink gaussian sine glu swiglu "
    "geglu reglu softmax log_softmax prelu tanh relu gelu prelu glu"
)
ACTIVATIONS = [
    *NAMES.split(),
    {"type": "leaky_relu", "negative_slope": 0.2},
    {"type": "elu", "alpha": 0.7},
    {"type": "celu", "alpha": 1.5},
    {"type": "gelu", "approximate": "tanh"},
    {"type": "geglu", "approximate": "tanh"},
    {"type": "softplus", "beta": 2.0},
    {"type": "soft_shrink", "threshold": 0.2},
    {"type": "hard_shrink", "threshold": 0.2},
    {"type": "sine", "omega": 2.0},
    {"type": "prelu", "initial": 0.1},
]

FREE = ["linear", "linear", "linear", "tanh", "softsign"]  # last activations of losses of any number; targets are between -1 and 1
LOSSES = [  # loss, kind of targets, outputs for each target, last activations
    ("mse", "numbers", 1, FREE),
    ("mse", "positive", 1, ["softplus", "exponential", "relu"]),
    ("mse", "shares", 1, ["sigmoid", "softmax"]),
    ("mae", "numbers", 1, FREE),
    ({"type": "huber", "delta": 0.5}, "numbers", 1, FREE),
    ({"type": "smooth_l1", "beta": 0.5}, "numbers", 1, FREE),
    ("log_cosh", "numbers", 1, FREE),
    ("mape", "nonzero", 1, ["linear"]),
    ("msle", "nonnegative", 1, ["softplus", "relu"]),
    ({"type": "quantile", "quantiles": [0.1, 0.5, 0.8]}, "numbers", 3, ["linear"]),
    ({"type": "gaussian_nll", "epsilon": 0.1}, "numbers", 2, ["linear"]),  # the default gives steep curves of small variances
    ("poisson", "counts", 1, ["linear"]),
    ("gamma", "positive", 1, ["linear"]),
    ({"type": "tweedie", "power": 1.3}, "nonnegative", 1, ["linear"]),
    ("cosine_similarity", "several", 1, ["linear", "tanh"]),
    ("bce", "label", 1, ["sigmoid"]),
    ("bce", "labels", 1, ["sigmoid"]),
    ({"type": "bce", "label_smoothing": 0.1}, "label", 1, ["sigmoid"]),
    ({"type": "bce", "label_smoothing": 0.2, "pos_weight": 3.0}, "labels", 1, ["sigmoid"]),
    ({"type": "binary_focal", "gamma": 1.5}, "label", 1, ["sigmoid"]),
    ("binary_focal", "labels", 1, ["sigmoid"]),
    ("hinge", "label", 1, ["sigmoid"]),
    ("squared_hinge", "label", 1, ["sigmoid"]),
    ("cross_entropy", "classes", 1, ["softmax"]),
    ("cross_entropy", "classes", 1, ["softmax"]),
    ({"type": "cross_entropy", "label_smoothing": 0.1}, "classes", 1, ["softmax"]),
    ({"type": "cross_entropy", "label_smoothing": 0.3}, "classes", 1, ["softmax"]),
    ({"type": "categorical_focal", "gamma": 1.0, "alpha": 1.0}, "classes", 1, ["softmax"]),
    ("categorical_hinge", "classes", 1, ["softmax"]),
    ("kl_divergence", "shares", 1, ["softmax"]),
]
WIDTH = {"several": 3, "label": 1, "labels": 3, "classes": 3, "shares": 3, "counts": 1}  # targets of each kind, else 1 or 2

OPTIMIZERS = [  # optimizer with options, learning rate
    ({"type": "sgd"}, 0.05),
    ({"type": "sgd", "momentum": 0.9}, 0.02),
    ({"type": "sgd", "momentum": 0.8, "nesterov": True}, 0.02),
    ({"type": "adam"}, 0.01),
    ({"type": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "amsgrad": True}, 0.01),
    ({"type": "adamw"}, 0.01),
    ({"type": "adamw", "weight_decay": 0.3, "amsgrad": True}, 0.01),
    ({"type": "adamax"}, 0.01),
    ({"type": "nadam", "momentum_decay": 0.02}, 0.005),
    ({"type": "radam", "beta2": 0.95}, 0.01),
    ({"type": "rmsprop"}, 0.003),
    ({"type": "rmsprop", "rho": 0.95, "momentum": 0.5, "centered": True, "epsilon": 1e-4}, 0.002),
    ({"type": "adagrad", "lr_decay": 0.01, "initial_accumulator": 0.1}, 0.05),
    ({"type": "adadelta", "rho": 0.95}, 1.0),
    ({"type": "rprop"}, 0.003),
    ({"type": "lion", "weight_decay": 0.1}, 0.002),
    ({"type": "muon", "weight_decay": 0.1}, 0.02),
    ({"type": "muon", "nesterov": False}, 0.01),
]


def pick(rng, options):
    return options[rng.integers(len(options))]


def maybe(rng, share, make):
    """The result of `make` in a share of the cases, else nothing; it is called always, so that draws are alike."""
    made = make()
    return made if rng.random() < share else {}


def draw_layer(rng, units):
    norm = pick(rng, ["batch", "layer", "rms", {"type": "batch", "momentum": 0.7}, {"type": "layer", "epsilon": 1e-3}])
    found = {"units": units, "activation": pick(rng, ACTIVATIONS)}
    found |= maybe(rng, 0.5, lambda: {"normalization": norm})
    return found | draw_options(rng)


def draw_options(rng):
    """Options that every layer may have."""
    constraint = pick(rng, ["unit_norm", "non_negative", {"type": "max_norm", "value": 0.8}])
    found = maybe(rng, 0.15, lambda: {"l1": pick(rng, [1e-3, 1e-2])})
    found |= maybe(rng, 0.2, lambda: {"l2": pick(rng, [1e-3, 1e-2])})
    found |= maybe(rng, 0.15, lambda: {"learning_rate_factor": pick(rng, [0.3, 2.0])})
    found |= maybe(rng, 0.15, lambda: {"decay_factor": pick(rng, [0.0, 2.0])})
    found |= maybe(rng, 0.1, lambda: {"weight_constraint": constraint})
    return found | maybe(rng, 0.1, lambda: {"bias": False})


def draw_network(rng, last):
    width, layers = int(rng.integers(3, 9)), []
    for index in range(int(rng.integers(1, 6))):
        units = width if rng.random() < 0.7 else int(rng.integers(3, 9))
        layers.append(draw_layer(rng, units) | maybe(rng, 0.06, lambda: {"trainable": False}))
        widths = [INPUTS, *(layer["units"] for layer in layers)]
        fitting = [n for n in range(1, index + 2) if widths[index + 1 - n] == units]
        if fitting and rng.random() < 0.4:
            layers[-1]["residual"] = pick(rng, fitting)
    return {"layers": [*layers, last | draw_options(rng)]}


def draw_rate(rng, rate):
    every, epochs = int(rng.integers(5, 20)), int(rng.integers(1, 6))  # all runs have at least 25 epochs
    rates = [
        {"type": "cosine", "initial": rate, "final": pick(rng, [0.0, rate / 10])},
        {"type": "step", "initial": rate, "gamma": 0.5, "every": every},
        {"type": "piecewise", "rates": [rate, rate / 2, rate / 4], "boundaries": [every, every + epochs]},
        {"type": "exponential", "initial": rate, "gamma": 0.97},
        {"type": "polynomial", "initial": rate, "power": 2.0},
        {"type": "linear", "initial": rate, "final": rate / 5},
        {"type": "cosine_restarts", "initial": rate, "period": epochs, "factor": 2},
        {"type": "cyclic", "initial": rate / 4, "maximum": rate, "rise": epochs},
        {"type": "warmup", "epochs": epochs, "then": {"type": "cosine", "initial": rate}},
        {"type": "reduce_on_plateau", "initial": rate, "factor": 0.5, "patience": int(rng.integers(3)), "threshold": 0.05},
        {"type": "reduce_on_plateau", "initial": rate, "factor": 0.3, "patience": 1, "monitor": "loss", "threshold": 0.2, "cooldown": 1},
    ]
    return pick(rng, rates) if rng.random() < 0.6 else rate


def draw_training(rng, full, decays):
    batch = None if full else pick(rng, [None, "auto", 12, 8, 6, 10, 10])
    found = {"batch_size": batch} | ({} if batch != 10 else maybe(rng, 0.5, lambda: {"drop_last": True}))
    size = batch if isinstance(batch, int) else ROWS
    steps = ROWS // size if found.get("drop_last") else -(-ROWS // size)
    found |= {"epochs": -(-STEPS // steps), "shuffle": False}
    found |= maybe(rng, 0.25, lambda: {"clip_norm": pick(rng, [0.1, 0.5])})
    found |= maybe(rng, 0.15, lambda: {"clip_value": pick(rng, [0.02, 0.1])})
    found |= maybe(rng, 0.25 * (not decays), lambda: {"weight_decay": pick(rng, [0.05, 0.5])})
    found |= maybe(rng, 0.2, lambda: {"decay_all": True})
    return found | maybe(rng, 0.25, lambda: {"average": pick(rng, [{"type": "ema", "decay": 0.9}, {"type": "ema", "decay": 0.98}, "swa"])})


def draw(seed, number, attempt=0):
    """The spec of a run, with the kind of its targets and sample weights if it has any."""
    rng = np.random.default_rng([seed, number, attempt])
    loss, kind, times, activations = pick(rng, LOSSES)
    targets = WIDTH.get(kind) or int(rng.integers(1, 3))
    optimizer, rate = pick(rng, OPTIMIZERS)
    if optimizer["type"] != "rprop":
        rate = draw_rate(rng, rate)
    weighting = maybe(rng, 0.4 * (kind in ("label", "classes")), lambda: {"class_weight": pick(rng, ["balanced", {"0": 1.0, "1": 4.0}])})
    spec = {
        "dtype": "float64",
        "preprocessing": "none",
        "data": weighting,
        "network": draw_network(rng, {"units": targets * times, "activation": pick(rng, activations)}),
        "loss": loss,
        "optimizer": {**optimizer, "learning_rate": rate},
        "training": draw_training(rng, optimizer["type"] == "rprop", optimizer.get("weight_decay") or optimizer["type"] == "adamw"),
    }
    return {"spec": spec, "kind": kind, "targets": targets, "attempt": attempt, "weighted": bool(rng.random() < 0.25)}
