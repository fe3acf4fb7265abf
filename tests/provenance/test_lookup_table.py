"""A plugin that is missing: a prediction without the loss, one through the table of an activation, and what says so."""

import copy
import pickle
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from mlpkit_snake import Snake

import mlpkit
from mlpkit import errors
from mlpkit.data.frames import as_table
from mlpkit.engine.network import Network
from mlpkit.modelfile import reader, writer
from mlpkit.plugin import REGISTRIES
from mlpkit.provenance.lookup_table import Sampled, is_elementwise

X = np.linspace(-2, 2, 60)[:, None]
Y = np.sin(3 * X[:, 0])
SNAKE = {"type": "snake", "a": 2.0}


def spec(activation=SNAKE, **changes):
    layers = [{"units": 8, "activation": activation}, {"units": 1}]
    return {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 10}, **changes}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", [{}, {"mmap": True}, {"mmap": True, "verify": "lazy"}], ids=str)
def test_a_model_predicts_through_the_table_of_a_missing_activation(tmp_path, alone, dtype, way):
    model = mlpkit.train(spec(dtype=dtype), X, Y)
    model.save(tmp_path / "model.h5")
    (record,) = [record for record in mlpkit.inspect(tmp_path / "model.h5")["plugins"] if "surrogate" in record]
    low, high = record["surrogate"]["trained"]
    scores, _ = next(model.network.by_layer(model.input_encoder.encode(as_table(X), dtype)))
    assert (low, high) == (float(scores.min()), float(scores.max()))
    assert 0 < record["surrogate"]["error"] < 1e-6
    alone()
    with pytest.raises(errors.MissingPlugin, match=r"pip install mlpkit-snake .*--allow-surrogate, load\(\.\.\., allow_surrogate=True\)"):
        mlpkit.load(tmp_path / "model.h5", **way)
    words = (
        r"lookup table of mlpkit-snake:snake, error \de-\d+ for the pre-activations in training, -\d.* to \d.*check values differ by \de-\d"
    )
    with pytest.warns(errors.SurrogateWarning, match=words) as told:
        found = mlpkit.load(tmp_path / "model.h5", allow_surrogate=True, **way).predict(X)
    assert {warning.filename for warning in told} == {__file__}
    np.testing.assert_allclose(found, model.predict(X), rtol=0, atol=2e-6)
    assert not np.array_equal(found, model.predict(X)) or dtype == "float32"


def load(path):
    with pytest.warns(errors.SurrogateWarning):
        return mlpkit.load(path, allow_surrogate=True)


def test_such_a_model_is_copied_saved_and_whole_again(tmp_path, alone):
    model = mlpkit.train(spec(), X, Y)
    model.save(tmp_path / "model.h5")
    alone()
    loaded = load(tmp_path / "model.h5")
    for made in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        np.testing.assert_array_equal(made.predict(X), loaded.predict(X))
    loaded.save(tmp_path / "again.h5")
    one, other = (reader.read(tmp_path / name) for name in ("model.h5", "again.h5"))
    assert (one.spec, one.plugins) == (other.spec, other.plugins)
    np.testing.assert_array_equal(one.surrogates["0"], other.surrogates["0"])
    np.testing.assert_array_equal(load(tmp_path / "again.h5").predict(X), loaded.predict(X))
    alone.back()
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "again.h5").predict(X), model.predict(X))


def test_to_train_it_the_plugin_is_needed(tmp_path, alone):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    alone()
    model = load(tmp_path / "model.h5")
    assert set(model.evaluate(X, Y)) == {"loss", "rmse", "mae", "r2"}
    with pytest.raises(errors.MissingPlugin, match="pip install mlpkit-snake"):
        next(mlpkit.epochs(model, X, Y))


def test_beyond_its_table_it_goes_on_as_a_line_and_says_so(tmp_path, alone):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    alone()
    model = load(tmp_path / "model.h5")
    model.predict(X)
    with pytest.warns(errors.SurrogateWarning, match="some pre-activations are outside the table of mlpkit-snake:snake"):
        far = model.predict(100 * X)
    assert np.isfinite(far).all()


@pytest.mark.parametrize("training", [True, False])
def test_the_range_of_training_is_kept_or_said_to_be_unknown(tmp_path, training):
    model = mlpkit.train(spec(), X, Y) if training else mlpkit.Model(spec(), inputs=1, outputs=1)
    for name in ("one.h5", "two.h5"):
        model.save(tmp_path / name)
        (told,) = [record["surrogate"] for record in mlpkit.inspect(tmp_path / name)["plugins"] if "surrogate" in record]
        assert (told["trained"] is None) != training
        assert told["start"] < told["stop"]
        model = mlpkit.load(tmp_path / name)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_a_checkpoint_has_the_range_of_the_moment(tmp_path):
    model = mlpkit.Model(spec(), inputs=1, outputs=1)
    for epoch in mlpkit.epochs(model, X, Y):
        model.save(tmp_path / f"{epoch.number}.h5", training_state=True)
    ranges = [mlpkit.inspect(tmp_path / f"{number}.h5")["plugins"][0]["surrogate"]["trained"] for number in (1, 10)]
    assert ranges[0] != ranges[1]


def test_layers_that_share_a_plugin_share_a_table_and_others_have_their_own(tmp_path, alone):
    layers = [{"units": 4, "activation": {"type": "snake", "a": a}} for a in (1.0, 2.0, 1.0)] + [{"units": 1}]
    model = mlpkit.train(spec(network={"layers": layers}), X, Y)
    model.save(tmp_path / "model.h5")
    assert sorted(reader.read(tmp_path / "model.h5").surrogates) == ["0", "1"]
    alone()
    np.testing.assert_allclose(load(tmp_path / "model.h5").predict(X), model.predict(X), rtol=0, atol=1e-5)


ROW = """
import numpy as np
import mlpkit
class Plugin(mlpkit.Activation):
    def forward(self, z, out):
        np.subtract(z, z.mean(axis=1, keepdims=True), out)
    def backward(self, z, out, grad):
        grad -= grad.mean(axis=1, keepdims=True)
"""


def test_an_activation_of_whole_rows_has_no_lookup_table(install, tmp_path, alone):
    install("dist-row", "centred", ROW)
    mlpkit.train(spec("centred"), X, Y).save(tmp_path / "model.h5")
    assert reader.read(tmp_path / "model.h5").surrogates == {}
    alone()
    with pytest.raises(errors.MissingPlugin, match="the file has no lookup table of it"):
        mlpkit.load(tmp_path / "model.h5", allow_surrogate=True)


OTHERS = {
    "loss": (
        "losses",
        "class Plugin(mlpkit.Loss):\n    def value_and_grad(self, outputs, targets, losses, grad):\n"
        "        grad[:] = outputs - targets\n        losses[:] = 0.5 * (grad**2).sum(1)\n",
    ),
    "optimizer": (
        "optimizers",
        "class Plugin(mlpkit.Optimizer):\n    state = ('m',)\n    def step(self, w, grad, *state, lr, t):\n        w -= lr * grad\n",
    ),
    "metrics": (
        "metrics",
        "class Plugin(mlpkit.Metric):\n    higher_is_better, task = False, 'regression'\n"
        "    def compute(self, outputs, targets, weights):\n        return float(abs(outputs - targets).max())\n",
    ),
    "weight_initializer": (
        "initializers",
        "class Plugin(mlpkit.Initializer):\n    def fill(self, array, rng):\n        array[...] = rng.normal(size=array.shape)\n",
    ),
    "learning_rate": (
        "schedules",
        "class Plugin(mlpkit.Schedule):\n    start: float = 0.1\n    def at(self, progress):\n        return self.start\n",
    ),
}


@pytest.mark.parametrize("place", OTHERS)
def test_no_prediction_needs_another_plugin(install, tmp_path, alone, place):
    kind, code = OTHERS[place]
    install("dist-odd", "odd", "import mlpkit\n" + code, group=kind)
    made = spec("tanh")
    if place == "weight_initializer":
        made["network"]["layers"][0][place] = "odd"
    elif place == "learning_rate":
        made["optimizer"] = {"type": "sgd", "learning_rate": {"type": "odd", "start": 0.05}}
    else:
        made[place] = ["odd"] if place == "metrics" else "odd"
    model = mlpkit.train(made, X, Y)
    model.save(tmp_path / "model.h5")
    alone()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = mlpkit.load(tmp_path / "model.h5")
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        pickle.loads(pickle.dumps(loaded)).predict(X)
        loaded.save(tmp_path / "again.h5")
    assert reader.read(tmp_path / "again.h5").spec == reader.read(tmp_path / "model.h5").spec
    assert reader.read(tmp_path / "again.h5").plugins == reader.read(tmp_path / "model.h5").plugins
    with pytest.raises(
        errors.MissingPlugin,
        match=r"'dist-odd:odd', which is not installed\nhelp: pip install dist-odd  \(if you trust it; trained with 1\.2\)",
    ):
        next(mlpkit.epochs(loaded, X, Y))
    if place in ("loss", "metrics"):
        with pytest.raises(errors.MissingPlugin, match="pip install dist-odd"):
            loaded.evaluate(X, Y)
    else:
        loaded.evaluate(X, Y)


def test_a_run_does_not_go_on_without_its_optimizer(install, tmp_path, alone):
    kind, code = OTHERS["optimizer"]
    install("dist-odd", "odd", "import mlpkit\n" + code, group=kind)
    model = mlpkit.Model(spec("tanh", optimizer="odd"), inputs=1, outputs=1)
    for _ in mlpkit.epochs(model, X, Y):
        break
    model.save(tmp_path / "part.h5", training_state=True)
    alone()
    loaded = mlpkit.load(tmp_path / "part.h5")
    with pytest.raises(errors.MissingPlugin, match="pip install dist-odd"):
        next(mlpkit.epochs(loaded, X, Y, resume=True))
    loaded.save(tmp_path / "finished.h5")


@pytest.mark.parametrize(
    ("distribution", "version"),
    [
        ("x --index-url http://evil", "1.0"),
        ("x\nrm -rf", "1.0"),
        ("x; rm", "1.0"),
        ("-r", "1.0"),
        ("x" * 200, "1.0"),
        ("fine", "1 && rm"),
        ("fine", None),
    ],
)
def test_a_stranger_puts_nothing_into_the_line_to_copy(tmp_path, alone, distribution, version):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    plugins = [
        {**record, "name": "far:away", "distribution": distribution, "version": version} if "surrogate" in record else record
        for record in contents.plugins
    ]
    writer.write(tmp_path / "other.h5", replace(contents, plugins=plugins))
    with pytest.raises(errors.MissingPlugin) as caught:
        mlpkit.load(tmp_path / "other.h5")
    assert "pip install" not in caught.value.help
    assert "has an invalid distribution name or version" in caught.value.help
    assert "\n" not in caught.value.help


def test_the_table_of_a_kink_is_as_good_as_it_says():
    class Angle(mlpkit.Elementwise):
        def function(self, z):
            return np.abs(z - 0.3337)

        def derivative(self, z, y):
            return np.sign(z - 0.3337)

    sampled = Sampled.of(Angle(), (-2.0, 2.0))
    z = np.linspace(-2, 2, 100_003)
    assert np.abs(sampled.table(z) - np.abs(z - 0.3337)).max() <= 2 * sampled.error
    assert 1e-6 < sampled.error < 1e-3


@pytest.mark.parametrize("a", [0.5, 5.0, 50.0])
def test_the_error_is_what_was_measured(a):
    sampled = Sampled.of(Snake(a=a), (-3.0, 3.0))
    z = np.random.default_rng(0).uniform(-3, 3, 20_000)
    assert np.abs(sampled.table(z) - Snake(a=a).function(z)).max() <= 1.1 * sampled.error
    assert np.isnan(sampled.table(np.array([np.nan])))


NOT_ELEMENTWISE = {"softmax", "log_softmax", "continuation_ratio", "prelu", "glu", "swiglu", "geglu", "reglu"}


def test_elementwise_activations():
    for name in REGISTRIES["activations"].builtins:
        assert is_elementwise(REGISTRIES["activations"].get(name)()) == (name not in NOT_ELEMENTWISE)
    assert is_elementwise(Snake())


def test_the_switch_that_shuts_a_plugin_out_is_named(tmp_path, monkeypatch):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    with monkeypatch.context() as switched:
        switched.setenv("MLPKIT_PLUGINS", "0")
        mlpkit.refresh_plugins()
        with pytest.raises(errors.MissingPlugin, match="MLPKIT_PLUGINS excludes it: unset it, or add mlpkit-snake to it"):
            mlpkit.load(tmp_path / "model.h5")
    mlpkit.refresh_plugins()


def test_a_package_that_has_the_plugin_no_more_is_named_with_its_version(install, tmp_path):
    install("dist-row", "centred", ROW)
    mlpkit.train(spec("centred"), X, Y).save(tmp_path / "model.h5")
    (install.site / "dist_row-1.2.dist-info" / "entry_points.txt").write_text("[mlpkit.activations]\nother = dist_row:Plugin\n")
    mlpkit.refresh_plugins()
    with pytest.raises(
        errors.MissingPlugin, match=r"pip install dist-row==1\.2  \(if you trust it; the installed version 1\.2 has no 'dist-row:centred'\)"
    ):
        mlpkit.load(tmp_path / "model.h5")


OWN_SNAKE = """
import numpy as np
import mlpkit
class Snake(mlpkit.Elementwise):
    a: float = 1.0
    def function(self, z):
        return {factor} * (z + np.sin(self.a * z) ** 2 / self.a)
    def derivative(self, z, y):
        return {factor} * (1 + np.sin(2 * self.a * z))
"""


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_the_file_that_a_package_was_made_of_takes_its_place_where_it_computes_the_same(tmp_path, alone, factor):
    model = mlpkit.train(spec(), X, Y)
    model.save(tmp_path / "model.h5")
    alone()
    (tmp_path / "snake.py").write_text(OWN_SNAKE.format(factor=factor))
    mlpkit.register_file(tmp_path / "snake.py")
    try:
        if factor == 1.0:
            np.testing.assert_allclose(mlpkit.load(tmp_path / "model.h5").predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
        else:
            with pytest.raises(errors.MissingPlugin, match="pip install mlpkit-snake"):
                mlpkit.load(tmp_path / "model.h5")
    finally:
        REGISTRIES["activations"]._own.pop("snake")


SPOILT = {
    "it does not import": lambda code: "import nothing_of_this_name\n" + code,
    "an option has another name": lambda code: code.replace("a: float", "b: float").replace("self.a", "self.b"),
    "it computes something else": lambda code: code.replace("self.a * z", "1.1 * self.a * z"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_table_takes_the_place_of_a_plugin_that_is_spoilt(install, tmp_path, how):
    code = OWN_SNAKE.format(factor=1.0).replace("class Snake", "class Plugin")
    name = install("dist-wave", "wave", code)
    model = mlpkit.train(spec({"type": "wave", "a": 2.0}), X, Y)
    model.save(tmp_path / "model.h5")
    expected = model.predict(X)
    (install.site / f"{name}.py").write_text(SPOILT[how](code))
    sys.modules.pop(name)
    for cached in install.site.glob("__pycache__/*"):
        cached.unlink()
    mlpkit.refresh_plugins()
    np.testing.assert_allclose(load(tmp_path / "model.h5").predict(X), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("rows", [2, 300, 4096, 4097, 30_000])
def test_the_range_is_that_of_a_sample_of_the_training_rows(rows, tmp_path, monkeypatch):
    """It costs a run the same however many rows there are, and has the first and the last of them."""
    x = np.sort(np.random.default_rng(0).normal(size=(rows, 1)), axis=0)
    model = mlpkit.Model(spec(training={"epochs": 1}, preprocessing="none"), inputs=1, outputs=1)
    seen, measured = [], Network.by_layer
    monkeypatch.setattr(Network, "by_layer", lambda self, inputs: seen.append(len(inputs)) or measured(self, inputs))
    list(mlpkit.epochs(model, x, np.tanh(x[:, 0])))
    assert sum(seen) == min(rows, 4096)
    model.save(tmp_path / "model.h5")
    (told,) = [record["surrogate"] for record in mlpkit.inspect(tmp_path / "model.h5")["plugins"] if "surrogate" in record]
    scores, _ = next(measured(model.network, x.astype("float32")))
    assert told["trained"] == [float(scores.min()), float(scores.max())]


def test_a_plugin_of_the_spec_that_the_list_of_plugins_lacks_is_an_error(tmp_path, alone):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    for a, fits in ((2, True), (3.0, False)):
        contents.spec["network"]["layers"][0]["activation"] = {"type": "mlpkit-snake:snake", "a": a}
        writer.write(tmp_path / "other.h5", contents)
        alone()
        if fits:
            load(tmp_path / "other.h5").predict(X)
        else:
            with pytest.raises(errors.ModelFileError, match=r"options that the file.s list of plugins does not contain"):
                mlpkit.load(tmp_path / "other.h5", allow_surrogate=True)


def test_a_pickled_model_has_an_equal_spec(tmp_path, alone):
    mlpkit.train(spec(), X, Y).save(tmp_path / "model.h5")
    alone()
    model = load(tmp_path / "model.h5")
    assert pickle.loads(pickle.dumps(model)).spec == model.spec
