"""Check, train, save, load and resume with the plugin packages of 0.3; prints the losses as JSON.

It runs in a process of its own, in which these packages take the place of those that are installed.
"""

import json
import sys
import warnings
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np

import mlpkit
from mlpkit.testing import check_plugin

RUNS = {
    "mlpkit-snake:snake": {"network": {"layers": [{"units": 8, "activation": {"type": "snake", "a": 2.0}}, {"units": 1}]}},
    "mlpkit-robust:robust": {"loss": {"type": "robust", "alpha": -2, "scale": 0.4}},
    "mlpkit-scipy:lbfgs": {"optimizer": {"type": "lbfgs", "iterations": 3}},
}
SPEC = {
    "seed": 1,
    "dtype": "float64",
    "network": {"layers": [{"units": 8, "activation": "tanh"}, {"units": 1}]},
    "loss": "mse",
    "optimizer": {"type": "adam", "learning_rate": 0.01},
    "training": {"epochs": 6, "batch_size": 25},
}


def use(name, part, folder):
    """Return the losses of a run that was stopped, saved and resumed, which are those of an unbroken one."""
    x = np.linspace(-3, 3, 120)[:, None]
    y = np.sin(2 * x)[:, 0]
    spec = {**SPEC, **part}
    unbroken = mlpkit.train(spec, x, y)
    unbroken.save(folder / "model.h5")
    loaded = mlpkit.load(folder / "model.h5")
    assert name in json.dumps(mlpkit.inspect(folder / "model.h5"), default=str)
    np.testing.assert_array_equal(loaded.predict(x), unbroken.predict(x))
    model = mlpkit.Model(spec, inputs=1)
    with closing(mlpkit.epochs(model, x, y)) as run:
        assert len(list(islice(run, 3))) == 3
        model.save(folder / "half.h5", training_state=True)
    resumed = mlpkit.train(spec, x, y, resume=folder / "half.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, unbroken.network.parameters.vector)
    return [epoch.loss for epoch in resumed.history]


def main():
    folder, site = map(Path, sys.argv[1:])
    found = {}
    for name, part in RUNS.items():
        package, _, plugin = name.partition(":")
        report = check_plugin(plugin)
        assert report.ok, report
        assert Path(sys.modules[package.replace("-", "_")].__file__).is_relative_to(site)
        found[name] = use(name, part, folder)
    print(json.dumps(found))


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
