"""Test models from files of Keras against its outputs; other networks and hostile files are errors, and nothing of a file is executed."""

import contextlib
import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.importing import keras_file
from mlpkit.importing.keras import _read

HERE = Path(__file__).parents[1] / "reference" / "keras"
with np.load(HERE / "answers.npz") as file:
    ANSWERS = dict(file)
CHILD = "mlpkit.importing.keras._in_another_process"


@pytest.fixture
def here(monkeypatch):
    """Read files in this process, without its limits: for tests of many files."""
    monkeypatch.setattr(keras_file, "_limit", lambda size: None)

    def read(name, data):
        try:
            return keras_file.read({}, data, None)
        except mlpkit.ModelFileError as error:
            raise type(error)(f"{name}: {error.message}", help=error.help) from error

    monkeypatch.setattr(CHILD, read)


def outputs(model, x):
    return model.network.predict(model.encode(x.reshape(len(x), -1)))


@pytest.mark.parametrize("name", ["whole.keras", "whole.h5", "functional.keras", "functional.h5", "activations.keras"])
def test_outputs_are_those_of_keras_to_rounding(name, here, tmp_path):
    model = mlpkit.from_keras(HERE / name)
    x, wanted = (ANSWERS[f"{name.partition('.')[0]}/{part}"] for part in "xy")
    assert model.spec.dtype == "float32"
    assert np.abs(outputs(model, x) - wanted).max() <= 4e-7 * np.abs(wanted).max()
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(outputs(mlpkit.load(tmp_path / "model.h5"), x), outputs(model, x))


def test_a_file_is_read_in_a_process_of_its_own_and_errors_come_back(tmp_path):
    kinds = [layer.kind for layer in _read(HERE / "functional.h5")]
    assert kinds == ["InputLayer", "Rescaling", "Flatten", "Dense", "Dense", "ELU", "Dense"]
    archive(tmp_path / "m.keras", OK, declared((2, 1), external="/etc/passwd"))
    with pytest.raises(mlpkit.ModelFileError, match="has its data in other files"):
        mlpkit.from_keras(tmp_path / "m.keras")


def test_normalization_of_inputs_and_dropout_are_kept_and_columns_have_names(here):
    model = mlpkit.from_keras(HERE / "whole.keras", inputs=list("abcd"), classes=["x", "y", "z"], target="t")
    assert model.input_encoder.numbers.center.min() > 2
    assert model.spec.network.layers[0].dropout == 0.2
    x, wanted = ANSWERS["whole/x"], ANSWERS["whole/y"]
    table = dict(zip("abcd", x.T, strict=True))
    np.testing.assert_array_equal(model.predict(table), np.array(list("xyz"))[wanted.argmax(axis=1)])
    assert len(list(mlpkit.epochs(model, {**table, "t": list("xyzxyzxy")}))) == 100


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("branches.keras", "branches at the layer 'add'"),
        ("unknown.keras", "the layer 'plus', Lambda, has no counterpart"),
        ("convolution.keras", "the layer 'conv', Conv1D, has no counterpart"),
    ],
)
def test_another_network_is_an_error_that_names_the_layer(name, message, here):
    with pytest.raises(mlpkit.DataError, match=message):
        mlpkit.from_keras(HERE / name)


# -- files made here


def layer(kind, name=None, **config):
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name or kind.lower(), **config}, "registered_name": None}


def dense(name="dense", **config):
    return layer("Dense", name, **{"units": 1, "activation": "linear", "use_bias": True, **config})


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}


def weights(arrays):
    """Return the HDF5 part of a .keras file with the arrays of each group."""
    with h5py.File(stream := io.BytesIO(), "w") as file:
        for name, own in arrays.items():
            group = file.create_group(f"layers/{name}/vars")
            for index, array in enumerate(own):
                group[str(index)] = array
    return stream.getvalue()


ONE = {"dense": [np.array([[1.0], [2.0]], np.float32), np.array([0.5], np.float32)]}


def archive(path, config, part, compression=zipfile.ZIP_STORED, **more):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        file.writestr("config.json", config if isinstance(config, (bytes, str)) else json.dumps(config))
        file.writestr("model.weights.h5", part)
        for name, data in more.items():
            file.writestr(name, data)
    return path


def made(path, *layers, arrays=ONE):
    return mlpkit.from_keras(archive(path / "m.keras", sequential(*layers), weights(arrays)))


def test_logits_become_probabilities_of_classes(here, tmp_path):
    model = made(tmp_path, dense())
    assert model.predict([[1.0, 1.0]]).tolist() == [3.5]
    archive(tmp_path / "m.keras", sequential(dense()), weights(ONE))
    found = mlpkit.from_keras(tmp_path / "m.keras", classes=["no", "yes"]).predict_proba([[1.0, 1.0]])
    np.testing.assert_allclose(found[0, 1], 1 / (1 + np.exp(-3.5)), rtol=1e-6)


def test_layers_of_noise_and_input_dropout(here, tmp_path):
    model = made(tmp_path, layer("Dropout", rate=0.25), layer("GaussianNoise", stddev=1.0), dense(), layer("Dropout", "d", rate=0.5))
    assert (model.spec.network.input_dropout, model.spec.network.layers[0].dropout) == (0.25, 0.0)
    relu = made(tmp_path, dense(activation={"module": "keras.layers", "class_name": "ReLU", "config": {"name": "r", "max_value": 6.0}}))
    assert relu.predict([[1.0, 9.0]]).tolist() == [6.0]
    again = made(tmp_path, layer("Rescaling", scale=[2.0, 0.5], offset=[1.0, 0.0]), dense())
    assert again.predict([[1.0, 4.0]]).tolist() == [7.5]


def test_a_normalization_that_is_given_in_the_description(here, tmp_path):
    model = made(tmp_path, layer("Normalization", axis=[-1], mean=[[1.0, 2.0]], variance=[[4.0, 0.25]]), dense())
    assert model.predict([[3.0, 3.0]]).tolist() == [5.5]


@pytest.mark.parametrize(
    "scaling", [layer("Normalization", axis=None, mean=1.0, variance=4.0), layer("Rescaling", scale=[0.5], offset=-0.5)]
)
def test_a_scaling_by_one_number_is_that_of_all_columns(scaling, here, tmp_path):
    assert made(tmp_path, scaling, dense()).predict([[3.0, 5.0]]).tolist() == [5.5]


def test_a_scaling_after_a_last_layer_without_bias(here, tmp_path):
    last = layer("Rescaling", scale=2.0, offset=1.0)
    assert made(tmp_path, dense(use_bias=False), last, arrays={"dense": ONE["dense"][:1]}).predict([[1.0, 1.0]]).tolist() == [7.0]


@pytest.mark.parametrize("last", ["scope/out", "hidden"])
def test_a_file_of_keras_2(last, here, tmp_path):
    nodes = [[], [[["in", 0, 0, {}]]], [[["hidden", 0, 0, {}]]]]
    layers = [
        {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 2]}},
        {"class_name": "Dense", "config": {"name": "hidden", "units": 1, "activation": "swish"}},
        {"class_name": "Dense", "config": {"name": "scope/out", "units": 1, "activation": "linear", "use_bias": False}},
    ]
    layers = [{**each, "name": each["config"]["name"], "inbound_nodes": node} for each, node in zip(layers, nodes, strict=True)]
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["keras_version"] = np.bytes_("2.15.0")
        file.attrs["model_config"] = json.dumps(
            {"class_name": "Functional", "config": {"layers": layers[::-1], "output_layers": [[last, 0, 0]]}}
        )
        for name, own in (("hidden", ONE["dense"]), ("scope/out", [np.array([[2.0]], np.float32)])):
            group = file.create_group(f"model_weights/{name}")
            names = [f"{name}/{each}:0" for each in ("kernel", "bias")[: len(own)]]
            group.attrs["weight_names"] = [np.bytes_(each) for each in names]
            for each, array in zip(names, own, strict=True):
                group[each] = array
    if last == "hidden":
        with pytest.raises(mlpkit.DataError, match="the outputs of the model are those of 'hidden'"):
            mlpkit.from_keras(tmp_path / "old.h5")
        return
    model = mlpkit.from_keras(tmp_path / "old.h5")
    np.testing.assert_allclose(model.predict([[1.0, 1.0]]), 2 * 3.5 / (1 + np.exp(-3.5)), rtol=1e-6)


WRONG = {
    "'dense', Dense, has the activation 'hard_swoosh'": [dense(activation="hard_swoosh")],
    "the activation 'mine, a function of the user'": [dense(activation={"module": "builtins", "class_name": "function", "config": "mine"})],
    "'dense', my>Dense of the user, has no counterpart": [{**dense(), "registered_name": "my>Dense"}],
    "'dense', Dense of the user, has no counterpart": [{**dense(), "module": "evil"}],
    "has 2 arrays, not 1": [dense(use_bias=False)],
    "has 0 arrays, not 2": [dense(), dense("other")],
    "'dense' has 2 inputs, but the layer before has 1 output": [dense("other"), dense()],
    "has rows of 2 axes": [layer("InputLayer", batch_shape=[None, 3, 2]), dense()],
    "flattens in another order": [layer("Flatten", data_format="channels_first"), dense()],
    "the activations 'dense' and 'relu' follow each other": [dense(activation="tanh"), layer("ReLU")],
    "the activation 'relu' is before the first layer": [layer("ReLU"), dense()],
    "has options that no activation": [dense(), layer("ReLU", max_value=5.0)],
    "not a number": [dense(), layer("Dropout", rate="much")],
    "has another axis": [dense(), layer("Softmax", axis=0)],
    "has no mean and no variance": [layer("Normalization", axis=[-1]), dense()],
    "has 'x' as its scale, not numbers": [layer("Rescaling", scale="x"), dense()],
    "has a scale or an offset": [layer("Rescaling", scale=[1.0, 2.0], offset=[1.0, 2.0, 3.0]), dense()],
    "has 'x' as its mean, not numbers": [layer("Normalization", mean="x", variance=1.0), dense()],
    "has [[1], [1, 2]] as its variance": [layer("Normalization", mean=1.0, variance=[[1], [1, 2]]), dense()],
    "'rescaling' has 2 values, but the layer before has 1 output": [dense(), layer("Rescaling", scale=[1.0, 2.0])],
    "'wide' has 3 values, but the layer before has 2 outputs": [
        layer("Rescaling", scale=[1.0, 2.0]),
        layer("Rescaling", "wide", scale=[1.0, 2.0, 3.0]),
        dense(),
    ],
    "scale has a value that is not finite": [layer("Rescaling", scale=1e200), layer("Rescaling", "more", scale=1e200), dense()],
    "has a LoRA": [dense(lora_rank=4)],
    "there is no linear layer": [layer("Flatten")],
    "scales values where mlpkit does not": [dense(activation="tanh"), layer("Rescaling", scale=2.0)],
}


@pytest.mark.parametrize("message", WRONG)
def test_an_error_names_the_layer(message, here, tmp_path):
    arrays = ONE if "has 2 inputs" not in message else {"dense": ONE["dense"], "dense_1": ONE["dense"]}
    with pytest.raises(mlpkit.DataError) as found:
        made(tmp_path, *WRONG[message], arrays=arrays)
    assert message in str(found.value)


def linked(kind, target):
    """Return an HDF5 part whose first weight is a link."""
    with h5py.File(stream := io.BytesIO(), "w") as file:
        group = file.create_group("layers/dense/vars")
        group["1"] = ONE["dense"][1]
        group["0"] = h5py.SoftLink("/layers/dense/vars/1") if kind == "soft" else h5py.ExternalLink(str(target), "/x")
    return stream.getvalue()


def declared(shape, **options):
    """Return an HDF5 part whose first weight has a shape, but no data."""
    with h5py.File(stream := io.BytesIO(), "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", shape, "f4", **options)
        group["1"] = ONE["dense"][1]
    return stream.getvalue()


def texts():
    with h5py.File(stream := io.BytesIO(), "w") as file:
        file.create_group("layers/dense/vars")["0"] = ["a", "b"]
    return stream.getvalue()


def virtual(path):
    with h5py.File(stream := io.BytesIO(), "w") as file:
        layout = h5py.VirtualLayout((2, 1), "f4")
        layout[:] = h5py.VirtualSource(str(path), "x", (2, 1))
        file.create_group("layers/dense/vars").create_virtual_dataset("0", layout)
    return stream.getvalue()


OK = sequential(dense())
HOSTILE = {
    "neither a .keras file nor HDF5": lambda path: path.write_bytes(b"\x80\x04K\x01."),
    "it cannot be read": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)),
    "Unable to": lambda path: path.write_bytes(keras_file.SIGNATURE + bytes(2000)),
    "it has 0 parts 'model.weights.h5'": lambda path: zipped(path, {"config.json": "{}"}),
    "of the class 'Mine', not Sequential": lambda path: archive(path, {"class_name": "Mine"}, weights(ONE)),
    "a layer without a class and a name": lambda path: archive(path, sequential({"class_name": 5}), weights(ONE)),
    "has no list of layers": lambda path: archive(path, {"class_name": "Sequential", "config": 3}, weights(ONE)),
    "its description has no list of": lambda path: archive(path, {"class_name": "Functional", "config": [dense()]}, weights(ONE)),
    "the model has 2 inputs": lambda path: archive(path, functional({"class_name": "__keras_tensor__", "config": [1]}), weights(ONE)),
    "not strict JSON": lambda path: archive(path, '{"class_name": NaN}', weights(ONE)),
    "has more than 400000 values": lambda path: archive(path, "[" + "[]," * 450_000 + "0]", weights(ONE), zipfile.ZIP_DEFLATED),
    "'config.json' has more than": lambda path: archive(path, " " * (17 * 2**20), weights(ONE), zipfile.ZIP_DEFLATED),
    "'model.weights.h5' has more than": lambda path: archive(path, OK, bytes(8 * 2**20), zipfile.ZIP_DEFLATED),
    "encrypted or compressed in an unusual way": lambda path: archive(path, OK, weights(ONE), zipfile.ZIP_BZIP2),
    "'0' is a link": lambda path: archive(path, OK, linked("soft", path)),
    "is a link, which": lambda path: archive(path, OK, linked("external", "/etc/passwd")),
    "far larger than the file": lambda path: archive(path, OK, declared((10**6, 10**6), chunks=(1000, 1000), compression="gzip")),
    "larger than the file": lambda path: archive(path, OK, declared((10**5, 10**3), chunks=(10, 10))),
    "or chunks, far larger": lambda path: archive(path, OK, declared((2, 1), chunks=(10**4, 10**4), maxshape=(None, None))),
    "has its data in other files": lambda path: archive(path, OK, declared((2, 1), external="/etc/passwd")),
    "its data in other": lambda path: archive(path, OK, virtual(path)),
    "compressed by an unusual filter": lambda path: archive(path, OK, declared((2, 1), chunks=(2, 1), compression="lzf")),
    "not numbers": lambda path: archive(path, OK, texts()),
    "not numbered from 0": lambda path: archive(path, OK, renumbered()),
    "has nan at [0, 0]": lambda path: archive(path, OK, weights({"dense": [ONE["dense"][0] * np.nan, ONE["dense"][1]]})),
    "has shape (1, 2, 1), not": lambda path: archive(path, OK, weights({"dense": [ONE["dense"][0][None], ONE["dense"][1]]})),
    "a bias of shape (2,), but 1 outputs": lambda path: archive(path, OK, weights({"dense": [ONE["dense"][0], np.ones(2, np.float32)]})),
    "it is a folder": lambda path: path.mkdir(),
    "there is no such file": lambda path: None,
    "not a regular file": lambda path: os.mkfifo(path),
    "it has weights, but no description": lambda path: path.write_bytes(weights(ONE)),
    "it is no model of Keras": lambda path: path.write_bytes((HERE.parents[1] / "modelfile" / "golden" / "1.4-xor.h5").read_bytes()),
}


def functional(node):
    layers = [{**layer("InputLayer", "in", batch_shape=[None, 2]), "inbound_nodes": []}, {**dense(), "inbound_nodes": [{"args": [node]}]}]
    return {"class_name": "Functional", "config": {"layers": layers, "output_layers": ["dense", 0, 0]}}


def renumbered():
    with h5py.File(stream := io.BytesIO(), "w") as file:
        file.create_group("layers/dense/vars")["7"] = ONE["dense"][0]
    return stream.getvalue()


def zipped(path, parts):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)


@pytest.mark.parametrize("message", HOSTILE)
def test_a_hostile_file_is_refused(message, here, tmp_path):
    HOSTILE[message](path := tmp_path / "m.keras")
    before = sorted(tmp_path.iterdir())
    with pytest.raises((mlpkit.ModelFileError, mlpkit.DataError)) as found:
        mlpkit.from_keras(path)
    assert message in str(found.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_process_that_dies_is_an_error(monkeypatch):
    from mlpkit.errors import WorkerError

    class Dying:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def run(self, tasks):
            raise WorkerError("m.keras: its worker process ended with signal 24")

    monkeypatch.setattr("mlpkit.importing.keras.Pool", Dying)
    with pytest.raises(mlpkit.ModelFileError, match="signal 24"):
        mlpkit.from_keras(HERE / "whole.keras")


@pytest.mark.slow
def test_changed_bytes_of_an_archive_are_errors(here, tmp_path):
    """The checksum of each part is checked before libhdf5 sees it."""
    whole = (HERE / "functional.keras").read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "m.keras"
    for place in rng.integers(0, len(whole), 400).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :])
        with contextlib.suppress(mlpkit.MLPKitError):
            mlpkit.from_keras(path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_changed_bytes_of_an_hdf5_file_are_errors_or_other_models(seed, tmp_path):
    whole = bytearray((HERE / "functional.h5").read_bytes())
    rng, path = np.random.default_rng(seed), tmp_path / "m.h5"
    for place in rng.integers(0, len(whole), 20).tolist():
        whole[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(whole)
    with contextlib.suppress(mlpkit.MLPKitError):
        mlpkit.from_keras(path)
