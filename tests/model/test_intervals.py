"""Intervals of numbers and sets of classes, from the errors on the validation rows."""

import math

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import DataError, ModelFileError, SpecError
from mlpkit.modelfile import reader, writer
from mlpkit.preprocessing.residuals import MOST, bound, sorted_residuals


def rows(count, seed=0):
    """Numbers with noise that grows with the first input, and three classes that overlap."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2))
    numbers = x @ [2.0, -1.0] + (0.5 + np.abs(x[:, 0])) * rng.normal(size=count)
    classes = np.array(["a", "b", "c"])[np.digitize(x[:, 0] + 0.7 * rng.normal(size=count), [-0.5, 0.5])]
    return x, numbers, classes


def spec(loss="mse", keep=True, **parts):
    last = {"activation": {"categorical_crossentropy": "softmax", "binary_crossentropy": "sigmoid"}.get(str(loss), "linear")}
    base = {
        "network": {"layers": [{"units": 8, "activation": "tanh"}, last]},
        "loss": loss,
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "data": {"split": {"validation": 0.3}},
        "training": {"epochs": 20, "batch_size": 32, "keep_residuals": keep},
    }
    return {**base, **parts}


# -- the bound


@pytest.mark.parametrize("count", [9, 10, 19, 99, 100, 1000])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_the_bound_is_the_residual_that_enough_others_are_below(count, level):
    """Of count + 1 exchangeable residuals the new one is among the k smallest with probability k / (count + 1)."""
    residuals = np.sort(np.random.default_rng(count).random(count))[:, None]
    found = bound(residuals, level)[0]
    k = int((residuals[:, 0] <= found).sum())
    assert k / (count + 1) >= level - 1e-9
    assert (k - 1) / (count + 1) < level


def test_a_level_needs_rows():
    assert bound(np.arange(9.0)[:, None], 0.9)[0] == 8
    with pytest.raises(DataError, match=r"a level of 0.9 needs 9 held-out rows, but the model has 8"):
        bound(np.arange(8.0)[:, None], 0.9)
    with pytest.raises(DataError, match=r"a level of 0.99 needs 99 held-out rows"):
        bound(np.arange(98.0)[:, None], 0.99)
    assert bound(np.arange(99.0)[:, None], 0.99)[0] == 98


@pytest.mark.parametrize(
    ("level", "words", "help"),
    [
        (0.99, "a level of 0.99 needs 99 held-out", "at most 0.8888, or more validation rows"),
        (0.9999, "a level of 0.9999 needs 9,999 held-out", "at most 0.8888, or more validation rows"),
        (0.9999999, "a level of 0.9999999 needs 9,999,999 held-out", "at most 0.8888"),  # more than 10,000 are not kept
    ],
)
def test_the_error_of_a_level_is_exact_and_advises_what_helps(level, words, help):
    with pytest.raises(DataError, match=words) as caught:
        bound(np.arange(8.0)[:, None], level)
    assert caught.value.help.endswith(help)


def test_a_prediction_that_overflows_has_the_largest_error(tmp_path):
    """The file of such a model could not be read."""
    x = np.random.default_rng(0).standard_normal((60, 1))
    y = 1 + np.exp(x[:, 0]).round()
    x[0], x[1] = 1e5, -1e5
    parts = {"preprocessing": {"numbers": "none"}, "network": {"layers": [{}]}, "optimizer": {"type": "sgd", "learning_rate": 1e-5}}
    model = mlpkit.train(spec("poisson", **parts, seed=0), x[2:], y[2:], validation=(x[:30], y[:30]))
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    np.testing.assert_array_equal(loaded.predict_interval(x[2:], 0.5), model.predict_interval(x[2:], 0.5))
    lower, upper = loaded.predict_interval(x[2:], 0.96)
    assert (lower < -1e308).all()
    assert (upper > 1e308).all()


@pytest.mark.parametrize("level", [0, 1, -0.1, 90, True, "0.9", None, math.nan])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(DataError, match="must be a number between 0 and 1"):
        bound(np.arange(200.0)[:, None], level)


def test_of_many_rows_some_are_kept():
    kept = sorted_residuals("regression", np.arange(25_001.0)[:, None], np.zeros((25_001, 1)))
    assert kept.shape == (MOST, 1)
    assert (kept[0, 0], kept[-1, 0]) == (0, 25_000)


# -- models


def test_an_interval_is_the_prediction_with_the_quantile_of_the_errors():
    x, y, _ = rows(300)
    model = mlpkit.train(spec(data={}), x, y, validation=(x[:99], y[:99]))
    errors = np.sort(np.abs(model.predict(x[:99]) - y[:99]))
    lower, upper = model.predict_interval(x, 0.8)
    np.testing.assert_allclose(upper - model.predict(x), errors[79], rtol=1e-10)
    np.testing.assert_allclose(model.predict(x) - lower, errors[79], rtol=1e-10)


@pytest.mark.parametrize("level", [pytest.param(0.8, marks=pytest.mark.slow), 0.9, pytest.param(0.95, marks=pytest.mark.slow)])
def test_intervals_contain_their_share_of_new_numbers(level):
    """40 models, 400 new rows each. The coverage of one model varies by about 3 %, that of all by 0.5 %."""
    found = []
    for seed in range(40):
        x, y, _ = rows(300, seed)
        new, targets, _ = rows(400, 1000 + seed)
        lower, upper = mlpkit.train(spec(seed=seed), x, y).predict_interval(new, level)
        found.append(((lower <= targets) & (targets <= upper)).mean())
    assert abs(np.mean(found) - level) < 0.02, np.mean(found)


def test_sets_contain_their_share_of_new_classes():
    found, sizes = [], []
    for seed in range(40):
        x, _, y = rows(300, seed)
        new, _, targets = rows(400, 1000 + seed)
        model = mlpkit.train(spec("categorical_crossentropy", seed=seed), x, y)
        chosen = model.predict_set(new, 0.9)
        found.append(chosen[np.arange(400), np.searchsorted(model.classes, targets)].mean())
        sizes.append(chosen.sum(axis=1).mean())
    assert abs(np.mean(found) - 0.9) < 0.02, np.mean(found)
    assert 1 < np.mean(sizes) < 2.5


def test_a_set_has_the_most_probable_class_and_grows_with_the_level():
    x, _, y = rows(300)
    model = mlpkit.train(spec("categorical_crossentropy"), x, y)
    small, large = model.predict_set(x, 0.3), model.predict_set(x, 0.95)
    assert small[np.arange(300), model.predict_proba(x).argmax(axis=1)].all()
    assert (small <= large).all()
    assert small.sum() < large.sum()


def test_two_classes_of_one_unit_have_sets_too():
    x, _, y = rows(300)
    model = mlpkit.train(spec("binary_crossentropy"), x, np.where(y == "a", "no", "yes"))
    assert model.predict_set(x, 0.9).shape == (300, 2)


@pytest.mark.parametrize("loss", ["gaussian_nll", {"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}, "huber"])
def test_several_targets_have_intervals_of_their_own(loss):
    x, y, _ = rows(300)
    targets = np.column_stack([y, 100 * y])
    model = mlpkit.train(spec(loss), x, targets)
    lower, upper = model.predict_interval(x, 0.9)
    assert lower.shape == (300, 2)
    widths = (upper - lower)[0]
    assert 20 < widths[1] / widths[0] < 500
    np.testing.assert_allclose((lower + upper) / 2, model.predict(x), rtol=1e-8, atol=1e-8)


def test_intervals_are_saved_and_models_without_them_are_as_before(tmp_path):
    x, y, _ = rows(300)
    model = mlpkit.train(spec(), x, y)
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict_interval(x), model.predict_interval(x))
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 5
    mlpkit.train(spec(keep=False), x, y).save(tmp_path / "plain.h5")
    assert mlpkit.inspect(tmp_path / "plain.h5")["spec_schema"] == 3
    assert "target/residuals" not in reader.read(tmp_path / "plain.h5").arrays


def test_a_resumed_run_keeps_the_same_residuals_and_a_further_one_its_own(tmp_path):
    x, y, _ = rows(200)
    whole = mlpkit.train(spec(), x, y)
    part = mlpkit.Model(whole.spec, inputs=2, outputs=1)
    for epoch in mlpkit.epochs(part, x, y):
        if epoch.number == 7:
            break
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.load(tmp_path / "part.h5")
    list(mlpkit.epochs(resumed, x, y, resume=True))
    np.testing.assert_array_equal(resumed.predict_interval(x), whole.predict_interval(x))
    before = resumed.predict_interval(x)
    list(mlpkit.epochs(resumed, x, y))
    assert not np.array_equal(resumed.predict_interval(x), before)


# -- refused


def test_models_without_residuals_and_of_other_tasks_say_so():
    x, y, classes = rows(300)
    numbers = mlpkit.train(spec(), x, y)
    with pytest.raises(DataError, match="predicts intervals") as caught:
        numbers.predict_set(x)
    assert "predict_interval" in caught.value.help
    with pytest.raises(DataError, match="predicts sets"):
        mlpkit.train(spec("categorical_crossentropy"), x, classes).predict_interval(x)
    with pytest.raises(DataError, match="keeps no errors of held-out rows") as caught:
        mlpkit.train(spec(keep=False), x, y).predict_interval(x)
    assert "keep_residuals" in caught.value.help
    with pytest.raises(DataError, match="keeps no errors"):
        mlpkit.Model(spec(), inputs=2, outputs=1).predict_interval(x)


def test_residuals_need_validation_rows_and_one_target_per_column():
    x, y, _ = rows(60)
    with pytest.raises(SpecError, match=r"training.keep_residuals.*no validation rows"):
        mlpkit.train(spec(data={}), x, y)
    with pytest.raises(SpecError, match=r"training.keep_residuals.*several labels"):
        mlpkit.train(spec("binary_crossentropy"), x, (x > 0).astype(int))


DAMAGES = {
    "another width": lambda found: np.hstack([found, found]),
    "one dimension": lambda found: found[:, 0],
    "integers": lambda found: found.astype(np.int64),
    "negative numbers": lambda found: found - 100,
    "the wrong order": lambda found: found[::-1].copy(),
    "infinity": lambda found: np.where(found == found.max(), np.inf, found),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_residuals_are_refused(name, tmp_path):
    x, y, _ = rows(60)
    mlpkit.train(spec(), x, y).save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    contents.arrays["target/residuals"] = DAMAGES[name](contents.arrays["target/residuals"])
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the target is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")
