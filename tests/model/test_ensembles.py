"""Test ensembles against members trained one by one by hand, and averages written out."""

import copy
import io
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit import threads
from mlpkit.errors import DataError, DataWarning, SpecError, TrainingError, WorkerError
from mlpkit.model import member_workers
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

RNG = np.random.default_rng(11)
X = RNG.standard_normal((120, 3))
KINDS = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 0] + X[:, 1] > 1)]
Y = X @ [1.0, -2.0, 0.5] + 0.3 * RNG.standard_normal(120)
CLASSES = {
    "ensemble": {"members": 3, "folds": "rotate"},
    "network": {"layers": [{"units": 5, "activation": "relu", "dropout": 0.1}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
    "training": {"epochs": 8, "early_stopping": {"patience": 3}},
}
NUMBERS = {
    "ensemble": {"members": 5, "folds": "rotate"},
    "network": {"layers": [{"units": 5, "activation": "tanh"}, {}]},
    "loss": "mse",
    "training": {"epochs": 6},
}


def spec_with(base=CLASSES, **changes):
    return {**copy.deepcopy(base), **changes}


def columns_of(models):
    return [{name: column.tolist() for name, column in model.history.columns().items()} for model in models]


@pytest.fixture(scope="module")
def classes():
    return mlpkit.train(CLASSES, X, KINDS)


@pytest.fixture(scope="module")
def numbers():
    return mlpkit.train(NUMBERS, X, Y)


# -- members


@pytest.mark.parametrize(("spec", "y"), [(CLASSES, KINDS), (NUMBERS, Y)], ids=["classes", "numbers"])
def test_members_are_those_that_one_trains_by_hand_with_the_same_rows_and_seeds(spec, y):
    model = mlpkit.train(spec, X, y)
    prepared = prepare(Spec.model_validate(spec), X, y)
    for number, member in enumerate(model.members):
        fold = prepared.folds[number]
        alone = {key: value for key, value in spec.items() if key != "ensemble"} | {
            "seed": Spec.model_validate(spec).of_member(number).seed,
            "preprocessing": "none",
        }
        encoded = prepared.train.inputs
        if spec is NUMBERS:  # the target's scale is that of all rows
            targets = (y - y.mean()) / y.std()
            alone["preprocessing"] = {"numbers": "none", "target": "none"}
        else:
            targets = y
        by_hand = mlpkit.train(
            alone, encoded[fold.training], targets[fold.training], validation=(encoded[fold.validation], targets[fold.validation])
        )
        tolerance = {"rtol": 0, "atol": 0} if spec is CLASSES else {"rtol": 1e-4, "atol": 1e-5}  # the mean of the targets, rounded
        for name, weight in by_hand.get_weights().items():
            np.testing.assert_allclose(member.get_weights()[name], weight, **tolerance)
        assert len(by_hand.history) == len(member.history)


def test_the_seeds_of_members_are_those_of_numpys_seed_sequence():
    spec = Spec.model_validate(spec_with(seed=7))
    words = [np.random.SeedSequence(7, spawn_key=(0xE5E, number)).generate_state(1, "uint64")[0] for number in range(3)]
    assert [spec.of_member(number).seed for number in range(3)] == [int(word) >> 1 for word in words]


def test_without_folds_members_differ_by_their_seeds_alone():
    spec = spec_with(ensemble={"members": 2}, data={"split": {"validation": 0.25}})
    model = mlpkit.train(spec, X, KINDS)
    for number, member in enumerate(model.members):
        seed = Spec.model_validate(spec).of_member(number).seed
        alone = {**{k: v for k, v in spec.items() if k != "ensemble"}, "seed": seed, "data": {"split": {"validation": 0.25, "seed": 0}}}
        by_hand = mlpkit.train(alone, X, KINDS)
        for name, weight in by_hand.get_weights().items():
            assert (member.get_weights()[name] == weight).all()
        assert columns_of([by_hand]) == columns_of([member])


def test_a_member_is_a_model_of_its_own(classes, tmp_path):
    member = classes.members[1]
    member.save(tmp_path / "member.h5")
    loaded = mlpkit.load(tmp_path / "member.h5")
    assert loaded.spec.ensemble is None
    assert (loaded.predict_proba(X) == member.predict_proba(X)).all()
    assert loaded.members == (loaded,)
    assert loaded.training_state is None


# -- predictions


def test_classes_have_the_average_of_the_probabilities(classes):
    each = np.stack([member.predict_proba(X) for member in classes.members])
    np.testing.assert_allclose(classes.predict_proba(X), each.mean(axis=0), rtol=1e-14)
    assert (classes.predict(X) == classes.classes[each.mean(axis=0).argmax(axis=1)]).all()
    labels, spread = classes.predict(X, spread=True)
    assert (labels == classes.predict(X)).all()
    np.testing.assert_allclose(spread, each.std(axis=0), rtol=1e-12)
    assert classes.predict(X[:0]).shape == (0,)


def test_numbers_have_the_average_and_the_deviation(numbers):
    each = np.stack([member.predict(X) for member in numbers.members])
    np.testing.assert_allclose(numbers.predict(X), each.mean(axis=0), rtol=1e-13)
    values, spread = numbers.predict(X, spread=True)
    np.testing.assert_allclose(spread, each.std(axis=0), rtol=1e-12)
    assert (values == numbers.predict(X)).all()
    assert spread.shape == values.shape == (120,)


def test_several_targets_and_labels():
    two = np.stack([Y, X[:, 0]], axis=1)
    model = mlpkit.train(spec_with(NUMBERS), X, two)
    values, spread = model.predict(X, spread=True)
    assert values.shape == spread.shape == (120, 2)
    labels = (two > 0).astype(int)
    spec = spec_with(NUMBERS, loss="binary_crossentropy", network={"layers": [{"activation": "sigmoid"}]})
    model = mlpkit.train(spec, X, labels)
    mean = np.mean([member.predict_proba(X) for member in model.members], axis=0)
    assert (model.predict(X) == (mean > 0.5)).all()


def test_mean_and_deviation_follow_the_law_of_total_variance():
    model = mlpkit.train(spec_with(NUMBERS, loss="gaussian_nll"), X, Y)
    parts = [member.predict(X, parts=True) for member in model.members]
    means, deviations = (np.stack([part[name] for part in parts]) for name in ("y.mean", "y.deviation"))
    found = model.predict(X, parts=True)
    np.testing.assert_allclose(found["y.mean"], means.mean(axis=0), rtol=1e-12)
    variance = (deviations**2 + means**2).mean(axis=0) - means.mean(axis=0) ** 2  # E[y^2] - E[y]^2 of the mixture
    np.testing.assert_allclose(found["y.deviation"], np.sqrt(variance), rtol=1e-9)


def test_quantiles_and_logarithms_are_averaged_in_the_units_of_the_data():
    model = mlpkit.train(spec_with(NUMBERS, loss={"type": "quantile", "quantiles": [0.1, 0.5]}), X, Y)
    for name, values in model.predict(X, parts=True).items():
        np.testing.assert_allclose(values, np.mean([member.predict(X, parts=True)[name] for member in model.members], axis=0), rtol=1e-12)
    model = mlpkit.train(spec_with(NUMBERS, loss="poisson", preprocessing={"target": "none"}), X, np.exp(Y / 4).round())
    np.testing.assert_allclose(model.predict(X), np.mean([member.predict(X) for member in model.members], axis=0), rtol=1e-12)


def test_methods_of_a_single_network(classes):
    with pytest.raises(DataError, match=r"a network for each member.*\n.*members\[0\].network"):
        _ = classes.network
    with pytest.raises(DataError, match=r"members of an ensemble have different features\nhelp: use model.members\[0\].transform"):
        classes.transform(X)
    assert classes.members[0].transform(X).shape == (120, 5)
    with pytest.raises(DataError, match="only a trained ensemble has a spread"):
        classes.members[0].predict(X, spread=True)
    assert "3 members" in repr(classes)
    assert str(classes).startswith("3 members, whose predictions are averaged")


def test_weights_by_name(classes):
    model = copy.deepcopy(classes)
    weights = model.get_weights()
    assert next(iter(weights)) == "members.0.layers.0.weight"
    model.set_weights({name: weights[name.replace("members.1", "members.0")] for name in weights if name.startswith("members.1.")})
    assert (model.members[1].predict_proba(X) == model.members[0].predict_proba(X)).all()
    for wrong in ({"layers.0.weight": np.zeros((3, 5))}, {"members.0.layers.0.bias": np.ones(5), "members.2.layers.1.bias": np.ones(7)}):
        before = model.get_weights()
        with pytest.raises(DataError):
            model.set_weights(wrong)
        assert all((before[name] == array).all() for name, array in model.get_weights().items())


# -- history, scores


def test_weights_are_not_set_while_any_member_is_trained():
    model = mlpkit.Model(NUMBERS, 3, 1)
    for epoch in mlpkit.epochs(model, X, Y):
        if epoch.member == 1:
            zeros = {name: array * 0 for name, array in model.get_weights().items() if name.startswith("members.0.")}
            with pytest.raises(TrainingError, match="already being trained"):
                model.set_weights(zeros)
            assert model.get_weights()["members.0.layers.0.weight"].any()
            break


def test_a_single_network_begins_with_the_weights_of_a_member_not_of_all(numbers, tmp_path):
    single = {key: value for key, value in NUMBERS.items() if key != "ensemble"}
    numbers.save(tmp_path / "all.h5")
    for other in (numbers, tmp_path / "all.h5"):
        with pytest.raises(DataError, match=r"the other model is an ensemble(.|\n)*members\[0\]"):
            mlpkit.train(single, X, Y, start_from=other)
    mlpkit.train(single, X, Y, start_from=numbers.members[0])


def test_the_history_is_the_mean_over_the_members_that_trained_an_epoch(classes):
    lengths = [len(member.history) for member in classes.members]
    assert len(classes.history) == max(lengths)
    for number, epoch in enumerate(classes.history):
        own = [member.history[number] for member in classes.members if number < len(member.history)]
        assert epoch.number == number + 1
        assert epoch.validation_loss == pytest.approx(np.mean([each.validation_loss for each in own]), rel=1e-12)
        assert epoch.metrics["accuracy"] == pytest.approx(np.mean([each.metrics["accuracy"] for each in own]), rel=1e-12)


def test_evaluation_shows_the_members_and_the_whole(classes, numbers):
    report = classes.report(X, KINDS, metrics=["accuracy", "log_loss"])
    assert report.figures == classes.evaluate(X, KINDS, metrics=["accuracy", "log_loss"])
    assert [each["accuracy"] for each in report.members] == [np.mean(member.predict(X) == KINDS) for member in classes.members]
    assert report.figures["accuracy"] == np.mean(classes.predict(X) == KINDS)
    assert report.figures["loss"] == pytest.approx(report.figures["log_loss"], rel=1e-5)
    assert "all" in str(report)
    measured = numbers.evaluate(X, Y, metrics="rmse")
    assert measured["rmse"] == pytest.approx(np.sqrt(np.mean((numbers.predict(X) - Y) ** 2)))
    assert measured["loss"] == pytest.approx(measured["rmse"] ** 2 / Y.var(), rel=1e-4)
    gaussian = mlpkit.train(spec_with(NUMBERS, loss="gaussian_nll"), X, Y)
    losses = [member.evaluate(X, Y)["loss"] for member in gaussian.members]
    assert gaussian.evaluate(X, Y)["loss"] == pytest.approx(np.mean(losses), rel=1e-12)


def out_of_fold(model, spec, x, y):
    folds = prepare(Spec.model_validate(spec), x, y).folds
    return [(fold.validation, member, x[fold.validation]) for fold, member in zip(folds, model.members, strict=True)]


def test_the_threshold_and_the_residuals_are_those_of_rows_out_of_fold():
    y = np.where(X[:, 0] + RNG.standard_normal(120) > 0.8, "yes", "no")
    spec = spec_with(NUMBERS, network={"layers": [{"units": 4, "activation": "relu"}, {"activation": "sigmoid"}]})
    spec |= {"loss": "binary_crossentropy", "decision": {"threshold": "f1"}, "training": {"epochs": 20, "keep_residuals": True}}
    model = mlpkit.train(spec, X, y)
    probability = np.empty(120)
    for rows, member, x in out_of_fold(model, spec, X, y):
        probability[rows] = member.predict_proba(x)[:, 1]

    def f1(threshold):
        predicted, positive = probability > threshold, y == "yes"
        return 2 * (predicted & positive).sum() / (predicted.sum() + positive.sum())

    target = model.target_encoder
    assert target.threshold_rows == (120, (y == "yes").sum())
    assert f1(target.threshold) == max(f1(t) for t in np.unique(np.append(probability, 0) + 1e-9))
    right = np.where(y == "yes", probability, 1 - probability)
    np.testing.assert_allclose(target.residuals.errors[:, 0], np.sort(1 - right), atol=1e-7)
    assert all(member.target_encoder.threshold == target.threshold for member in model.members)


def test_baselines_are_fitted_and_scored_fold_by_fold():
    from sklearn.linear_model import Ridge

    found = mlpkit.baselines(spec_with(NUMBERS, metrics=["rmse"]), X, Y)
    prepared = prepare(Spec.model_validate(NUMBERS), X, Y)
    constant, linear = np.empty(120), np.empty(120)
    for fold in prepared.folds:
        constant[fold.validation] = Y[fold.training].mean()
        x = prepared.train.inputs.astype(np.float64)
        linear[fold.validation] = Ridge().fit(x[fold.training], Y[fold.training]).predict(x[fold.validation])
    assert found.part == "validation"
    assert found.rows == found.of == 120
    assert found.scores["constant"]["rmse"] == pytest.approx(np.sqrt(np.mean((constant - Y) ** 2)), rel=1e-5)
    assert found.scores["linear"]["rmse"] == pytest.approx(np.sqrt(np.mean((linear - Y) ** 2)), rel=1e-4)


# -- the file


def test_the_file_loads_in_every_way(classes, tmp_path):
    classes.metadata["note"] = "an ensemble"
    path = tmp_path / "model.h5"
    classes.save(path)
    for loaded in (
        mlpkit.load(path),
        mlpkit.load(path, mmap=True),
        mlpkit.load(path, mmap=True, verify="lazy"),
        pickle.loads(pickle.dumps(mlpkit.load(path, mmap=True, verify="lazy"))),
        copy.deepcopy(classes),
    ):
        assert (loaded.predict_proba(X) == classes.predict_proba(X)).all()
        assert columns_of(loaded.members) == columns_of(classes.members)
        assert loaded.metadata == {"note": "an ensemble"}
        assert loaded.spec == classes.spec
        again = io.BytesIO()
        loaded.save(again)
        assert again.getvalue() == path.read_bytes()
    arrays = mlpkit.load_arrays(path)
    assert (arrays["members.2.layers.1.bias"] == classes.members[2].get_weights()["layers.1.bias"]).all()
    assert mlpkit.inspect(path)["required_features"] == ["ensemble"]
    with h5py.File(path) as file:
        assert file["tensors/members.0.layers.0/weight"].shape == (3, 5)


# -- data


def test_groups_and_times_by_column():
    table = pd.DataFrame(X, columns=["p", "q", "r"]).assign(g=np.arange(120) // 4, day=np.arange(120) % 40, y=Y)
    spec = spec_with(NUMBERS, data={"target": "y", "split": {"group": "g"}, "inputs": ["p", "q", "r"]})
    prepared = prepare(Spec.model_validate(spec), table)
    assert prepared.split == {"group": "g", "groups": 30, "folds": 5}
    for fold in prepared.folds:
        assert not set(table["g"][fold.training]) & set(table["g"][fold.validation])
    spec["data"]["split"] = {"time": "day", "validation": 0.2}
    prepared = prepare(Spec.model_validate(spec), table)
    assert prepared.split == {"time": "day", "from": "20", "folds": 5}
    mlpkit.train(spec, table)
    for fold in prepared.folds:
        assert table["day"][fold.training].max() < table["day"][fold.validation].min()


@pytest.mark.parametrize("split", [{"group": "g"}, {"time": "day"}, {"stratify": False}], ids=str)
def test_members_of_a_split_without_a_share_have_files_of_their_own(split, tmp_path):
    table = pd.DataFrame(X, columns=["p", "q", "r"]).assign(g=np.arange(120) // 4, day=np.arange(120) % 40, y=Y)
    model = mlpkit.train(spec_with(NUMBERS, data={"target": "y", "split": split}), table)
    model.members[1].save(tmp_path / "one.h5")
    one = mlpkit.load(tmp_path / "one.h5")
    assert one.spec.data.split.validation == 0.2
    np.testing.assert_array_equal(one.predict(table), model.members[1].predict(table))


def test_weights_of_rows_and_classes_are_those_of_all_rows():
    weights = RNG.uniform(0.5, 2, 120)
    spec = spec_with(data={"class_weight": "balanced"}, training={"epochs": 2, "weighted_metrics": True})
    whole = prepare(Spec.model_validate(spec), X, KINDS, weights=weights)
    from mlpkit.preprocessing.members import member_data

    part, rows = member_data(whole, 1), whole.folds[1]
    np.testing.assert_array_equal(part.train.weights, whole.train.weights[rows.training])
    np.testing.assert_allclose(part.validation.weights, (weights / weights.mean())[rows.validation], rtol=1e-6)
    assert len({float(w) for w in (whole.train.weights / (weights / weights.mean())).round(5)}) == 3
    mlpkit.train(spec, X, KINDS, weights=weights)


@pytest.mark.parametrize("folds", ["rotate", None])
def test_rows_on_disk_train_the_same_as_rows_in_memory(folds, tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    spec = spec_with(NUMBERS, ensemble={"members": 2, "folds": folds}, training={"epochs": 3, "shuffle": False})
    spec["data"] = {"in_memory": False} | ({} if folds else {"split": {"validation": 0.2}})
    on_disk = mlpkit.train(spec, tmp_path / "x.npy", Y)
    in_memory = mlpkit.train(spec | {"data": {**spec["data"], "in_memory": True}}, X.astype(np.float32), Y)
    for name, weight in in_memory.get_weights().items():
        np.testing.assert_allclose(on_disk.get_weights()[name], weight, rtol=1e-5, atol=1e-6)
    calls = []
    part = mlpkit.train(spec, tmp_path / "x.npy", Y, stop=lambda: calls.append(1) or len(calls) > 5)
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(spec, tmp_path / "x.npy", Y, resume=tmp_path / "part.h5")
    assert all((resumed.get_weights()[name] == weight).all() for name, weight in on_disk.get_weights().items())
    changed = X.astype(np.float32)
    changed[100] += 1
    np.save(tmp_path / "x.npy", changed)
    with pytest.raises(DataError, match="the data differ"):
        mlpkit.train(spec, tmp_path / "x.npy", Y, resume=tmp_path / "part.h5")


def test_embedded_columns_on_disk_are_cut_into_folds(tmp_path):
    columns = {"a": X[:, 0], "kind": np.arange(120) % 4, "y": Y.ravel()[:120]}
    np.save(tmp_path / "rows.npy", np.rec.fromarrays(list(columns.values()), names=list(columns)))
    spec = spec_with(NUMBERS, ensemble={"members": 2, "folds": "rotate"}, training={"epochs": 2, "shuffle": False})
    spec |= {"preprocessing": {"columns": {"kind": "embed"}}, "network": {"embeddings": [{"type": "category"}], **spec["network"]}}
    on_disk, in_memory = (
        mlpkit.train(spec | {"data": {"target": "y", "in_memory": stays}}, tmp_path / "rows.npy") for stays in (False, True)
    )
    for name, weight in in_memory.get_weights().items():
        np.testing.assert_allclose(on_disk.get_weights()[name], weight, rtol=1e-5, atol=1e-6)


# -- processes


def test_small_trainings_start_no_process(monkeypatch):
    monkeypatch.setattr(member_workers, "cores", lambda: 4)
    small, large = Spec.model_validate(CLASSES), Spec.model_validate(spec_with(training={"epochs": 100_000}))
    for spec, count in ((small, 1), (large, 3)):
        prepared = prepare(spec, X, KINDS)
        assert member_workers.worker_count(mlpkit.Model.for_data(spec, prepared), prepared) == count


def test_the_chosen_number_of_threads_is_that_of_the_processes(monkeypatch):
    monkeypatch.setattr(member_workers, "WORTH", 0)
    prepared = prepare(Spec.model_validate(CLASSES), X, KINDS)
    model = mlpkit.Model.for_data(Spec.model_validate(CLASSES), prepared)
    try:
        for count in (1, 2):
            threads.use(count)
            assert member_workers.worker_count(model, prepared) == count
    finally:
        threads.use(None)


def test_a_class_of_the_caller_is_trained_in_its_process(monkeypatch):
    class Bent(mlpkit.Elementwise):
        def function(self, z):
            return np.sqrt(1 + z * z)

        def derivative(self, z, y):
            return z / y

    monkeypatch.setattr(member_workers, "WORTH", 0)
    monkeypatch.setattr(member_workers, "cores", lambda: 2)
    monkeypatch.setattr(member_workers, "Pool", None)
    mlpkit.register(Bent)
    spec = spec_with(NUMBERS, network={"layers": [{"units": 3, "activation": "bent"}, {}]})
    model = mlpkit.train(spec, X, Y)
    file = io.BytesIO()
    model.save(file)
    assert (mlpkit.load(file.getvalue(), plugins=[Bent]).predict(X) == model.predict(X)).all()


def test_members_are_trained_here_if_no_process_can_be_started(monkeypatch, classes):
    def fail(*_):
        raise OSError("frozen")

    monkeypatch.setattr(member_workers, "WORTH", 0)
    monkeypatch.setattr(member_workers, "cores", lambda: 2)
    monkeypatch.setattr(member_workers, "Pool", fail)
    assert (mlpkit.train(CLASSES, X, KINDS).predict_proba(X) == classes.predict_proba(X)).all()


@pytest.mark.parametrize("where", ["here", pytest.param("in processes", marks=pytest.mark.slow)])
def test_a_member_that_diverges_is_named(monkeypatch, where):
    if where == "in processes":
        monkeypatch.setattr(member_workers, "WORTH", 0)
        monkeypatch.setattr(member_workers, "cores", lambda: 2)
    spec = spec_with(NUMBERS, optimizer={"type": "sgd", "learning_rate": 30.0}, training={"epochs": 500, "batch_size": 8})
    spec["network"] = {"layers": [{"units": 4, "activation": "relu"}, {}]}
    with pytest.raises(TrainingError, match=r"member \d: .* in epoch \d+ of 500.*\nhelp: ") as error:
        mlpkit.train(spec, X, Y)
    assert error.value.model is None or np.isfinite(error.value.model.predict(X)).all()
    assert error.value.model is None or error.value.model.training_state is None


def test_a_run_that_was_stopped_before_any_member_began_is_resumed(monkeypatch, tmp_path, numbers):
    monkeypatch.setattr(member_workers, "WORTH", 0)
    monkeypatch.setattr(member_workers, "cores", lambda: 2)
    stopped = mlpkit.train(NUMBERS, X, Y, stop=lambda: True)
    assert stopped.training_state.members == (None,) * 5
    stopped.save(tmp_path / "stopped.h5", training_state=True)
    assert mlpkit.load(tmp_path / "stopped.h5").training_state == stopped.training_state
    resumed = mlpkit.train(NUMBERS, X, Y, resume=tmp_path / "stopped.h5")
    resumed.save(tmp_path / "resumed.h5")
    numbers.save(tmp_path / "whole.h5")
    assert (tmp_path / "resumed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.slow
def test_a_worker_that_dies_leaves_the_others_as_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(member_workers, "WORTH", 0)
    monkeypatch.setattr(member_workers, "cores", lambda: 2)
    pools, seen, starts = [], set(), []
    make = member_workers.Pool
    monkeypatch.setattr(member_workers, "Pool", lambda *arguments: pools.append(make(*arguments)) or pools[0])

    def kill(epoch):
        seen.add(epoch.member)
        if {0, 1} <= seen and pools:
            next(process for process in pools.pop()._processes if process.task == 1).popen.kill()

    spec = spec_with(NUMBERS, training={"epochs": 20_000})
    with pytest.raises(WorkerError, match=r"member 1: its worker process ended with signal 9\nhelp: .*MLPKIT_THREADS=1") as error:
        mlpkit.train(spec, X, Y, on_start=starts.append, on_epoch=kill)
    model = starts[0].model
    assert error.value.model is model
    assert not model.members[1].history
    model.save(tmp_path / "part.h5", training_state=True)
    states = mlpkit.load(tmp_path / "part.h5").training_state.members
    assert states[0] is not None
    assert states[1] is None


# -- bad input


def test_twenty_rows_with_eight_members():
    spec = spec_with(NUMBERS, ensemble={"members": 8, "folds": "rotate"}, training={"epochs": 2})
    model = mlpkit.train(spec, X[:20], Y[:20])
    assert len(model.members) == 8
    with pytest.raises(DataError, match="7 rows cannot be cut into 8 folds"):
        mlpkit.train(spec, X[:7], Y[:7])


def test_a_class_of_one_row_is_told():
    kinds = KINDS.copy()
    kinds[0] = "r"
    told = r"members of the ensemble train without a row of a class, and cannot predict it: 'r' \(1 row\)"
    with pytest.warns(DataWarning, match=told), pytest.warns(DataWarning, match="validate without a row of a class"):
        model = mlpkit.train(spec_with(ensemble={"members": 5, "folds": "rotate"}), X, kinds)
    assert model.predict_proba(X).shape == (120, 4)


def test_a_group_with_all_rows_of_a_class():
    table = pd.DataFrame(X, columns=["p", "q", "r"]).assign(g=np.arange(120) // 20)
    table["y"] = np.where(table["g"] == 0, "yes", "no")
    spec = spec_with(data={"target": "y", "split": {"group": "g"}})
    with pytest.raises(SpecError, match=r"data.split.group: it leaves only one class in the training rows of a member"):
        mlpkit.train(spec | {"ensemble": {"members": 5, "folds": "rotate"}}, table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ensemble": {"members": 1}}, "ensemble.members"),
        ({"ensemble": {"members": 101}}, "ensemble.members"),
        ({"ensemble": {"members": 2.5}}, "ensemble.members"),
        ({"ensemble": {"folds": "rotate"}}, "ensemble: 'members' is missing"),
        ({"ensemble": {"members": 3, "folds": "stay"}}, "ensemble.folds"),
        ({"data": {"validation": "v.csv"}}, "data.validation: 'rotate' in 'ensemble' takes the validation rows"),
        ({"data": {"split": {"column": "part"}}}, "data.split.column: 'rotate' in 'ensemble' takes the validation rows"),
        ({"data": {"split": {}}, "ensemble": {"members": 3}}, "data.split: give either 'validation'"),
        ({"data": {"split": {"group": "g"}}, "ensemble": None}, "data.split: 'group' needs 'validation'"),
    ],
    ids=str,
)
def test_wrong_specs(changes, message):
    with pytest.raises(SpecError, match=message):
        Spec.model_validate(spec_with(**changes))


def test_a_call_cannot_give_validation_rows_or_weights_to_begin_with():
    with pytest.raises(SpecError, match=r"ensemble.folds: 'rotate' takes the validation rows .*but the call gives others"):
        mlpkit.train(CLASSES, X, KINDS, validation=(X, KINDS))
    with pytest.raises(SpecError, match=r"ensemble: the members .* cannot begin with those of another model"):
        mlpkit.train(CLASSES, X, KINDS, start_from="other.h5")


def test_without_validation_rows_members_train_on_all_rows():
    model = mlpkit.train(spec_with(NUMBERS, ensemble={"members": 2}), X, Y)
    assert model.history[-1].validation_loss is None
    with pytest.raises(SpecError, match="early stopping monitors the validation loss"):
        mlpkit.train(spec_with(ensemble={"members": 2}), X, KINDS)


def test_a_time_budget_is_divided_among_the_members():
    spec = Spec.model_validate(spec_with(training={"time_budget": 6.0, "epochs": 3}))
    assert [spec.of_member(number).training.time_budget for number in range(3)] == [2.0, 2.0, 2.0]


@pytest.mark.slow
def test_learned_inputs_of_each_member(monkeypatch):
    table = {"a": X[:, 0], "b": X[:, 1], "c": RNG.choice(list("pqrstu"), 120)}
    network = {"embeddings": [{"type": "pbld"}, {"type": "category", "units": 3}], "input_scale": True, "initialize_from_data": True}
    spec = spec_with(NUMBERS, network={**network, "layers": [{"units": 4, "activation": "relu"}, {}]})
    spec["preprocessing"] = {"columns": {"c": "embed"}}
    files = []
    for worth in (member_workers.WORTH, 0):
        monkeypatch.setattr(member_workers, "WORTH", worth)
        monkeypatch.setattr(member_workers, "cores", lambda: 2)
        file = io.BytesIO()
        model = mlpkit.train(spec, table, Y)
        model.save(file)
        files.append(file.getvalue())
    assert files[0] == files[1]
    assert (mlpkit.load(files[0]).predict(table) == model.predict(table)).all()
    assert model.get_weights()["members.4.embeddings.1.weight"].shape == (7, 3)
