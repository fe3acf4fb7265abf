"""`Model.engine`: predictions by an engine, of one network and of ensembles, of files that are read and mapped."""

import copy
import pickle

import numpy as np
import pytest

import mlpkit

RNG = np.random.default_rng(2)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal((30, 2))


class Double(mlpkit.Engine):
    """Twice the predictions of NumPy."""

    def training(self, workspace):
        raise AssertionError("it is for predictions alone")

    def prediction(self, forward):
        def run(inputs, outputs):
            forward.engine_pass = None
            forward.run(inputs, outputs)
            forward.engine_pass = run
            outputs *= 2

        return run


@pytest.fixture(autouse=True)
def registered():
    mlpkit.register(Double)


@pytest.fixture(params=[None, {"members": 2}], ids=["model", "ensemble"])
def path(request, tmp_path):
    spec = {"preprocessing": "none", "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 2}]}, "loss": "mse"}
    options = {} if request.param is None else {"ensemble": request.param}
    mlpkit.train(spec | options | {"training": {"epochs": 2}}, X, Y).save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


@pytest.mark.parametrize("options", [{}, {"mmap": True}, {"mmap": True, "verify": "lazy"}], ids=["read", "mapped", "lazy"])
def test_a_loaded_model_predicts_with_its_engine(path, options):
    numpy, model = mlpkit.load(path), mlpkit.load(path, engine="double", **options)
    assert (numpy.engine, model.engine) == (None, "double")
    assert np.array_equal(model.predict(X), 2 * numpy.predict(X))
    model.engine = "numpy"
    assert model.engine is None
    assert np.array_equal(model.predict(X), numpy.predict(X))
    model.engine = "double"
    assert np.array_equal(model.predict(X), 2 * numpy.predict(X))


def test_a_damaged_file_is_refused_with_an_engine_too(path):
    data = bytearray(path.read_bytes())
    at = data.rindex(mlpkit.load(path).members[0].network.layers[0].weight.tobytes())
    data[at] ^= 1
    with pytest.raises(mlpkit.ModelFileError):
        mlpkit.load(bytes(data), engine="double")
    path.write_bytes(data)
    lazy = mlpkit.load(path, mmap=True, verify="lazy", engine="double")
    with pytest.raises(mlpkit.ModelFileError):
        lazy.predict(X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_predicts_with_numpy(path, copied):
    model = copied(mlpkit.load(path, engine="double"))
    assert model.engine is None
    assert np.array_equal(model.predict(X), mlpkit.load(path).predict(X))


@pytest.mark.parametrize("mmap", [False, True])
def test_a_model_that_is_trained_further_keeps_its_engine_for_predictions_alone(path, mmap):
    expected, model = mlpkit.load(path), mlpkit.load(path, engine="double", mmap=mmap)
    losses = [[epoch.loss for epoch in mlpkit.epochs(each, X, Y, validation=(X[:9], Y[:9]))] for each in (expected, model)]
    assert losses[0] == losses[1]
    columns = [each.members[0].history.columns() for each in (expected, model)]
    assert np.array_equal(columns[0]["validation_loss"], columns[1]["validation_loss"], equal_nan=True)
    assert model.engine == "double"
    assert np.array_equal(model.predict(X), 2 * expected.predict(X))


def test_an_unknown_engine_is_refused(path):
    with pytest.raises(mlpkit.MissingPlugin, match="unknown engine 'doubl'; did you mean 'double'"):
        mlpkit.load(path, engine="doubl")
    model = mlpkit.load(path)
    with pytest.raises(mlpkit.MissingPlugin, match="unknown engine 'trebl'"):
        model.engine = "trebl"
    assert model.engine is None


def test_the_engine_stays_during_a_run(path):
    model = mlpkit.load(path)
    loop = mlpkit.epochs(model, X, Y)
    next(loop)
    with pytest.raises(mlpkit.TrainingError, match="already being trained"):
        model.engine = "double"
    loop.close()
    model.engine = "double"


@pytest.mark.parametrize("wrong", [5, True, b"double", ["double"], Double])
def test_a_name_that_is_no_text_is_a_clear_error(path, wrong):
    model = mlpkit.load(path)
    with pytest.raises(TypeError, match="engine must be a name, such as 'fused', or None for NumPy, not "):
        mlpkit.load(path, engine=wrong)
    with pytest.raises(TypeError, match="engine must be a name"):
        model.engine = wrong
    assert model.engine is None
