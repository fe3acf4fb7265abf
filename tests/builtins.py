"""Objects of the built-in plugins: by name, and with the options that have no default."""

from mlpkit.plugin import REGISTRIES

OPTIONS = {
    ("schedules", "constant"): {"value": 0.02},
    ("schedules", "cosine"): {"initial": 0.05},
    ("schedules", "step"): {"initial": 0.05, "every": 20},
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
