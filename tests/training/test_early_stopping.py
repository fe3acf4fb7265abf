"""Early stopping with and without patience."""

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import SpecError

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(60, 3)), RNG.normal(size=60)  # nothing to learn, so that the validation loss rises soon


def trained(patience, **parts):
    early = {"patience": patience} if patience is not False else None
    spec = {
        "network": {"layers": [{"units": 20, "activation": "tanh"}, {}]},
        "loss": "mse",
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 40, "batch_size": 10, "early_stopping": early},
        "data": {"split": {"validation": 0.4}},
    }
    return mlpkit.train({**spec, **parts}, X, Y)


def test_without_patience_all_epochs_are_trained_and_the_best_weights_are_kept():
    model, stopped = trained(None), trained(5)
    losses = [epoch.validation_loss for epoch in model.history]
    best = int(np.argmin(losses))
    assert (len(losses), best) == (40, int(np.argmin([epoch.validation_loss for epoch in stopped.history])))
    assert len(stopped.history) == best + 6
    np.testing.assert_array_equal(model.network.parameters.vector, stopped.network.parameters.vector)
    last = trained(False)
    assert [epoch.loss for epoch in last.history] == [epoch.loss for epoch in model.history]
    assert not np.array_equal(model.network.parameters.vector, last.network.parameters.vector)


def test_a_run_without_patience_resumes_to_the_same_bits(tmp_path):
    whole = trained(None)
    part = mlpkit.Model(whole.spec, inputs=3, outputs=1)
    for epoch in mlpkit.epochs(part, X, Y):
        if epoch.number == 17:
            break
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.load(tmp_path / "part.h5")
    list(mlpkit.epochs(resumed, X, Y, resume=True))
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)


def test_the_key_without_a_number_needs_schema_5(tmp_path):
    for patience, schema in ((None, 5), (5, 3)):
        trained(patience).save(tmp_path / f"{schema}.h5")
        assert mlpkit.inspect(tmp_path / f"{schema}.h5")["spec_schema"] == schema


@pytest.mark.parametrize("patience", [0, -1, "long", 1.5])
def test_other_values_are_refused(patience):
    with pytest.raises(SpecError, match=r"training.early_stopping.patience"):
        trained(patience)
