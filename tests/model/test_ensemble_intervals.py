"""Intervals and sets of ensembles whose members hold out other rows, against the same written out by hand."""

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import DataError, DataWarning, ModelFileError
from mlpkit.modelfile import reader, writer
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec
from mlpkit.training.averaging_ratio import ratio_of
from mlpkit.training.selection_ratio import selection_ratio

RNG = np.random.default_rng(5)
X = RNG.standard_normal((150, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3 * RNG.standard_normal(150)
KINDS = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.7 * RNG.standard_normal(150), [-0.5, 0.5])]


def spec(members=4, classes=False, **parts):
    last = {"activation": "softmax" if classes else "linear"}
    base = {
        "ensemble": {"members": members, "folds": "rotate"},
        "network": {"layers": [{"units": 6, "activation": "tanh"}, last]},
        "loss": "categorical_crossentropy" if classes else "mse",
        "optimizer": {"type": "adam", "learning_rate": 0.02},
        "training": {"epochs": 15, "keep_residuals": True},
    }
    return {**base, **parts}


@pytest.fixture(scope="module")
def numbers():
    return mlpkit.train(spec(), X, Y)


@pytest.fixture(scope="module")
def classes():
    return mlpkit.train(spec(classes=True), X, KINDS)


def held_out(model, x, y):
    """For each member and row True if it has held the row out."""
    folds = prepare(model.spec, x, y).folds
    return np.array([np.isin(np.arange(len(x)), fold.validation) for fold in folds])


def by_hand(errors, held):
    """The ratio of one target, row by row."""
    members, own, others, variances = len(errors), [], [], []
    for row in range(errors.shape[1]):
        trained = errors[~held[:, row], row]
        if len(trained) >= 2:
            variances.append(trained.var(ddof=1))
        if held[:, row].any():
            own.append(errors[held[:, row], row][0])
            others.append(trained.mean())
    own, others = np.array(own), np.array(others)
    share = np.mean(own * others) ** 2 / np.mean(own**2) / (np.mean(others**2) - np.mean(variances) / (members - 1))
    return (1 + np.sqrt(share + (1 - share) / members)) / 2


# -- numbers


def test_an_interval_is_the_average_with_the_errors_out_of_fold_times_their_ratio(numbers):
    errors = np.array([Y - member.predict(X) for member in numbers.members])
    held = held_out(numbers, X, Y)
    assert held.sum() == 120  # 4 of 5 folds
    kept, ratio = numbers.target_encoder.residuals
    np.testing.assert_allclose(kept[:, 0], np.sort(np.abs(errors[held])), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ratio[0], by_hand(errors, held), rtol=1e-4)
    assert 0.5 < ratio[0] < 1
    lower, upper = numbers.predict_interval(X, 0.9)
    np.testing.assert_allclose((upper - lower) / 2, ratio[0] * kept[109 - 1, 0], rtol=1e-10)
    np.testing.assert_allclose((upper + lower) / 2, numbers.predict(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("members", [2, 4, 12])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_the_ratio_is_between_that_of_correlated_members_and_1(members, share):
    """Errors on new rows have variance 1 and the correlation `share`; training reduces them to 0.4 of that, as for a linear model."""
    rng, rows, folds = np.random.default_rng(members), 200_000, max(members, 5)
    errors = np.sqrt(share) * rng.standard_normal(rows) + np.sqrt(1 - share) * rng.standard_normal((members, rows))
    held = np.arange(rows) % folds == np.arange(members)[:, None]
    found = ratio_of(np.where(held, errors, 0.4 * errors)[..., None], held)
    assert found[0] == pytest.approx((1 + np.sqrt(share + (1 - share) / members)) / 2, abs=0.01)
    assert errors.mean(axis=0).std() < found[0] < 1


def test_each_target_has_a_ratio_of_its_own():
    targets = np.column_stack([Y, RNG.standard_normal(150)])
    model = mlpkit.train(spec(members=3), X, targets)
    errors = np.array([targets - member.predict(X) for member in model.members])
    held = held_out(model, X, targets)
    ratio = model.target_encoder.residuals.ratio
    np.testing.assert_allclose(ratio, [by_hand(errors[..., target], held) for target in (0, 1)], rtol=1e-4)
    lower, upper = model.predict_interval(X, 0.8)
    np.testing.assert_allclose((upper - lower)[0] / 2, ratio * model.target_encoder.residuals.errors[73 - 1], rtol=1e-10)


def test_the_ratio_is_1_where_it_cannot_be_estimated():
    held = np.arange(20) % 5 == np.arange(4)[:, None]
    same = np.broadcast_to(np.random.default_rng(0).standard_normal((1, 20, 1)), (4, 20, 1))
    opposite = np.where(held[..., None], same, -same)
    infinite = same.copy()
    infinite[0, 3], infinite[1, 3] = np.inf, -np.inf
    for errors in (same, np.zeros((4, 20, 1)), 1e300 * same, np.full((4, 20, 1), 1.7e308), infinite, np.where(held[..., None], same, 0)):
        np.testing.assert_allclose(ratio_of(errors, held), 1.0, rtol=1e-6)
    assert ratio_of(opposite, held) == pytest.approx(0.75)  # no correlation, if it is negative
    two = np.arange(20) % 2 == np.arange(2)[:, None]
    np.testing.assert_array_equal(ratio_of(same[:2], two), 1.0)  # no row on which both members were trained


def test_errors_are_larger_at_an_epoch_that_others_choose():
    curves = [np.array([1.0, 5, 8, 9]), np.array([9.0, 1, 3, 9]), np.array([3.0, 6, 2, 9, 9])]
    chosen = [np.argmin(sum(curve[:4] for other, curve in enumerate(curves) if other != own)) for own in range(3)]
    assert chosen == [2, 0, 1]
    found = Spec.model_validate(spec(3, training={"early_stopping": {}}))
    assert selection_ratio(found, curves) == pytest.approx((1 + np.sqrt(np.median([8 / 1, 9 / 1, 6 / 2]))) / 2)
    same = [curves[0]] * 3
    assert selection_ratio(found, same) == 1
    assert selection_ratio(found, [*same, np.array([])]) == 1
    assert selection_ratio(found, [0 * curves[0], *curves[1:]]) == 1
    for others in ({"early_stopping": None}, {"early_stopping": {"monitor": "training_loss"}}):
        assert selection_ratio(Spec.model_validate(spec(3, training=others)), curves) == 1
    assert selection_ratio(Spec.model_validate(spec(3, loss="huber", training={"early_stopping": {}})), curves) == 1


def test_the_epochs_that_validation_rows_choose_make_intervals_wider():
    training = {"epochs": 60, "batch_size": 16, "early_stopping": {"patience": None}, "keep_residuals": True}
    model = mlpkit.train(spec(training=training, optimizer={"type": "adam", "learning_rate": 0.1}), X, Y)
    errors = np.array([Y - member.predict(X) for member in model.members])
    ratio = selection_ratio(model.spec, [member.history.columns()["validation_loss"] for member in model.members])
    assert ratio > 1.01
    np.testing.assert_allclose(model.target_encoder.residuals.ratio[0], ratio * by_hand(errors, held_out(model, X, Y)), rtol=1e-4)


def test_in_order_of_time_errors_are_those_of_members():
    table = {"x": X[:, 0], "day": np.arange(150), "y": Y}
    model = mlpkit.train(spec(data={"target": "y", "split": {"time": "day"}}), table)
    np.testing.assert_array_equal(model.target_encoder.residuals.ratio, 1.0)
    assert len(model.target_encoder.residuals.errors) == 75  # the later half


def test_members_on_the_same_rows_have_errors_of_their_average():
    model = mlpkit.train(spec(ensemble={"members": 3}, data={}), X[50:], Y[50:], validation=(X[:50], Y[:50]))
    assert not len(model.target_encoder.residuals.ratio)
    errors = np.sort(np.abs(model.predict(X[:50]) - Y[:50]))
    np.testing.assert_allclose(model.target_encoder.residuals.errors[:, 0], errors, rtol=1e-5)


def test_a_member_has_no_intervals_from_errors_of_the_average(tmp_path):
    model = mlpkit.train(spec(ensemble={"members": 3}, data={}), X[50:], Y[50:], validation=(X[:50], Y[:50]))
    model.save(tmp_path / "all.h5")
    for member in (model.members[1], mlpkit.load(tmp_path / "all.h5").members[1]):
        with pytest.raises(DataError, match="keeps no errors of held-out rows"):
            member.predict_interval(X)


@pytest.mark.parametrize("members", [None, 3])
def test_a_further_run_drops_the_errors_of_earlier_weights(members, tmp_path):
    parts = {"ensemble": {"members": 3, "folds": "rotate"}} if members else {"ensemble": None, "data": {"split": {"validation": 0.3}}}
    model = mlpkit.train(spec(**parts), X, Y)
    assert len(model.target_encoder.residuals.errors)
    for _ in mlpkit.epochs(model, X, 5 * Y):
        break
    with pytest.raises(DataError, match="only when its training is finished") as caught:
        model.predict_interval(X)
    assert "--resume" in caught.value.help
    if members:
        model.members[0].save(tmp_path / "one.h5")
        mlpkit.load(tmp_path / "one.h5")


@pytest.mark.slow
def test_intervals_of_ensembles_contain_their_share_of_new_numbers():
    """A function that 200 rows do not determine, so that members differ."""
    found = {0.8: [], 0.9: [], 0.95: []}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-2, 2, (1200, 2))
        y = np.sin(3 * x[:, 0]) * x[:, 1] + 0.1 * rng.standard_normal(1200)
        network = {"layers": [{"units": 32, "activation": "tanh"}, {}]}
        training = {"epochs": 100, "early_stopping": {"patience": None}, "keep_residuals": True}
        model = mlpkit.train(spec(5, seed=seed, network=network, training=training), x[:200], y[:200])
        for level, shares in found.items():
            lower, upper = model.predict_interval(x[200:], level)
            shares.append(((lower <= y[200:]) & (y[200:] <= upper)).mean())
    assert all(abs(np.mean(shares) - level) < 0.03 for level, shares in found.items()), found


# -- classes


@pytest.mark.parametrize("members", [3, 4])
def test_a_set_has_the_classes_that_most_members_have(members):
    model = mlpkit.train(spec(members, classes=True), X, KINDS)
    each = np.array([member.predict_proba(X) for member in model.members])
    held, right = held_out(model, X, KINDS), np.searchsorted(model.classes, KINDS)
    errors = np.sort([1 - each[member, row, right[row]] for member, row in np.argwhere(held)])
    np.testing.assert_allclose(model.target_encoder.residuals.errors[:, 0], errors, atol=1e-6)
    largest = model.target_encoder.residuals.errors[int(np.ceil((len(errors) + 1) * 0.8)) - 1, 0]
    expected = 1 - np.median(each, axis=0) <= largest
    np.testing.assert_array_equal(model.predict_set(X, 0.8, allow_empty=True), expected)
    expected[np.arange(150), each.mean(axis=0).argmax(axis=1)] = True
    np.testing.assert_array_equal(model.predict_set(X, 0.8), expected)
    most = (1 - each <= largest).sum(axis=0) * 2 > members
    assert (expected >= most).all()


def test_empty_sets_keep_the_share_of_a_model_that_is_often_right():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3000, 2))
    y = np.array(["no", "yes"])[(x[:, 0] + 0.1 * rng.standard_normal(3000) > 0).astype(int)]
    model = mlpkit.train(spec(classes=True), x[:1000], y[:1000])
    right = np.arange(2000), np.searchsorted(model.classes, y[1000:])
    whole, exact = model.predict_set(x[1000:], 0.8), model.predict_set(x[1000:], 0.8, allow_empty=True)
    assert whole[right].mean() > 0.9
    assert whole.any(axis=1).all()
    assert exact[right].mean() == pytest.approx(0.8, abs=0.05)
    assert (exact <= whole).all()


def test_a_class_that_no_member_has_held_out_is_named():
    parts = spec(2, classes=True, data={"split": {"stratify": False}})
    held = np.concatenate([fold.validation for fold in prepare(Spec.model_validate(parts), X, KINDS).folds])
    rare = np.setdiff1d(np.arange(150), held)[0]
    with pytest.warns(DataWarning) as caught:
        mlpkit.train(parts, X, np.where(np.arange(150) == rare, "rare", KINDS))
    assert any("no row of a class was held out" in str(each.message) and "'rare'" in str(each.message) for each in caught)


# -- the file


def test_a_member_has_the_errors_of_members_alone(numbers, classes, tmp_path):
    numbers.save(tmp_path / "all.h5")
    for model in (numbers, mlpkit.load(tmp_path / "all.h5")):
        member, kept = model.members[1], numbers.target_encoder.residuals.errors
        lower, upper = member.predict_interval(X, 0.9)
        np.testing.assert_allclose((upper - lower) / 2, kept[109 - 1, 0], rtol=1e-10)
        member.save(tmp_path / "one.h5")
        np.testing.assert_array_equal(mlpkit.load(tmp_path / "one.h5").predict_interval(X), (lower, upper))
    assert classes.members[0].predict_set(X).shape == (150, 3)


@pytest.mark.parametrize("which", ["numbers", "classes"])
def test_intervals_are_saved_and_a_file_without_ratio_means_what_it_did(which, request, tmp_path):
    """mlpkit 0.6 wrote no ratio: the errors of members then stand around the average as they are."""
    model = request.getfixturevalue(which)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 6  # of the preset: the ratio needs none
    del contents.arrays["target/residual_ratio"]
    writer.write(tmp_path / "before.h5", contents)
    before, errors = mlpkit.load(tmp_path / "before.h5"), contents.arrays["target/residuals"]
    if which == "numbers":
        np.testing.assert_array_equal(loaded.predict_interval(X), model.predict_interval(X))
        lower, upper = before.predict_interval(X, 0.9)
        np.testing.assert_allclose((upper - lower) / 2, errors[109 - 1, 0], rtol=1e-10)
    else:
        np.testing.assert_array_equal(loaded.predict_set(X), model.predict_set(X))
        expected = 1 - before.predict_proba(X) <= errors[109 - 1, 0]
        expected[np.arange(150), before.predict_proba(X).argmax(axis=1)] = True
        np.testing.assert_array_equal(before.predict_set(X, 0.9), expected)


DAMAGES = {
    "another width": lambda found: np.append(found, 0.5),
    "two dimensions": lambda found: found[:, None],
    "integers": lambda found: np.ones(1, np.int64),
    "zero": lambda found: 0 * found,
    "infinity": lambda found: np.inf * found,
    "NaN": lambda found: np.nan * found,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_ratio_is_refused(name, numbers, tmp_path):
    numbers.save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    contents.arrays["target/residual_ratio"] = DAMAGES[name](contents.arrays["target/residual_ratio"])
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the target is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")


def test_a_ratio_without_errors_or_members_is_refused(numbers, tmp_path):
    numbers.save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    ratio = contents.arrays["target/residual_ratio"]
    del contents.arrays["target/residuals"]
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="residual_ratio"):
        mlpkit.load(tmp_path / "damaged.h5")
    numbers.members[0].save(tmp_path / "one.h5")
    contents = reader.read(tmp_path / "one.h5")
    contents.arrays["target/residual_ratio"] = ratio
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="residuals of members, but there is one network"):
        mlpkit.load(tmp_path / "damaged.h5")


def test_a_level_that_the_rows_do_not_allow_names_the_highest(numbers):
    with pytest.raises(DataError, match=r"a level of 0\.999 needs 999 held-out rows, but the model has 120") as caught:
        numbers.predict_interval(X, 0.999)
    assert "at most 0.9917" in caught.value.help
    numbers.predict_interval(X, 0.9917)
