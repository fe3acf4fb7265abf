"""Objects of the built-in plugins: by name, and with the options that have no default."""

from mlpkit.plugin import REGISTRIES

OPTIONS = {
    ("schedules", "constant"): {"value": 0.02},
    ("schedules", "cosine"): {"initial": 0.05},
    ("schedules", "step"): {"initial": 0.05, "every": 20},
    ("schedules", "piecewise"): {"boundaries": [1.5, 2], "rates": [0.05, 0.02, 0.01]},
    ("schedules", "exponential"): {"initial": 0.05},
    ("schedules", "inverse_time"): {"initial": 0.05},
    ("schedules", "polynomial"): {"initial": 0.05, "power": 2.0},
    ("schedules", "linear"): {"initial": 0.05},
    ("schedules", "inverse_sqrt"): {"maximum": 0.05},
    ("schedules", "cosine_restarts"): {"initial": 0.05, "period": 2.0, "factor": 2.0},
    ("schedules", "one_cycle"): {"maximum": 0.05},
    ("schedules", "cyclic"): {"initial": 0.01, "maximum": 0.05, "rise": 1.0},
    ("schedules", "coslog4"): {"maximum": 0.05},
    ("schedules", "wsd"): {"maximum": 0.05},
    ("schedules", "flat_cosine"): {"initial": 0.05},
    ("schedules", "warmup"): {"then": {"type": "cosine", "initial": 0.05}, "epochs": 1.0},
    ("schedules", "sequential"): {
        "schedules": [{"type": "warmup", "then": 0.05, "fraction": 0.5}, {"type": "cosine", "initial": 0.05}],
        "boundaries": [1.5],
    },
    ("schedules", "reduce_on_plateau"): {"initial": 0.05},
    ("optimizers", "clipping"): {"inner": "adam", "norm": 1.0},
    ("optimizers", "averaging"): {"inner": "adam"},
}


def builtin(kind, name):
    """Return a built-in plugin."""
    return REGISTRIES[kind].get(name)(**OPTIONS.get((kind, name), {}))


def builtins(kind):
    """Return every built-in plugin of a kind by name."""
    return {name: builtin(kind, name) for name in REGISTRIES[kind].builtins}


def written(kind, name, **options):
    """Return a built-in plugin as a spec writes it, with other options."""
    return {"type": name, **OPTIONS.get((kind, name), {}), **options}
