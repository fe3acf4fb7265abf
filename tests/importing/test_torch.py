"""Test models from weights of PyTorch, in memory and in safetensors files, against its outputs; and the module that a model becomes."""

import contextlib
import json
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.modelfile import constants

with np.load(Path(__file__).parents[1] / "reference" / "weights.npz") as file:
    DATA = dict(file)
ACTIVATIONS = {
    **{"plain": ["relu", "tanh"], "long": ["tanh"] * 12, "no_bias": "silu", "norm_before": "relu", "norm_after": "relu"},
    **{"norm_first": "gelu", "prelu": "prelu"},
}


def state(name):
    prefix = f"{name}/state/"
    return {key.removeprefix(prefix): value for key, value in DATA.items() if key.startswith(prefix)}


def write(path, arrays, codes=None):
    """Write a safetensors file of arrays in the order of their names, as the library does."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        code = (codes or {}).get(name, {"f": "F", "i": "I"}.get(array.dtype.kind, "U") + str(8 * array.itemsize))
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    return raw(path, header, data)


def raw(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "limit"), [("float32", 4e-7), ("float64", 1e-15)])
def test_outputs_are_those_of_torch_to_rounding(name, dtype, limit, tmp_path):
    model = mlpkit.from_torch(state(name), ACTIVATIONS[name], dtype=dtype)
    wanted = DATA[f"{name}/{dtype}"]
    found = model.predict(DATA[f"{name}/x"]).reshape(wanted.shape)
    assert np.abs(found - wanted).max() <= limit * np.abs(wanted).max()
    path = write(tmp_path / "model.safetensors", state(name))
    np.testing.assert_array_equal(
        mlpkit.from_torch(path, ACTIVATIONS[name], dtype=dtype).predict(DATA[f"{name}/x"]).reshape(found.shape), found
    )
    model.save(tmp_path / "model.h5")
    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5").predict(DATA[f"{name}/x"]).reshape(found.shape), found)


def test_the_dtype_is_that_of_the_weights():
    assert {mlpkit.from_torch(state(name), ACTIVATIONS[name]).spec.dtype for name in ACTIVATIONS} == {"float32"}


def test_logits_become_probabilities_of_classes_and_columns_have_names():
    model = mlpkit.from_torch(state("plain"), ["relu", "tanh"], classes=["a", "b", "c"], inputs=["p", "q", "r", "s"], center=1, scale=2)
    x = DATA["plain/x"]
    logits = DATA["plain/float64"]
    rows = dict(zip("pqrs", (2.0 * x + 1).T, strict=True))
    np.testing.assert_array_equal(model.predict(rows), np.array(list("abc"))[logits.argmax(axis=1)])
    assert len(list(mlpkit.epochs(model, rows, ["a", "b", "c"] * 4))) == 100


def test_normalization_before_an_activation_is_that_of_the_layer():
    before, after = (mlpkit.from_torch(state(name), "relu").spec.network.layers for name in ("norm_before", "norm_after"))
    assert before[0].normalization.type == "batch"
    assert [layer.normalization for layer in after] == [None, None]
    assert after[1].bias  # the shift of the normalization


class Sequential:
    """A module of modules, which tells their order."""

    def __init__(self, kinds, arrays):
        self.kinds, self.arrays = kinds, arrays

    def named_modules(self):
        yield "", self
        for number, kind in enumerate(self.kinds):
            yield str(number), type(kind, (), {"parameters": lambda self, recurse: iter(())})()

    def parameters(self, recurse):
        return iter(())

    def state_dict(self):
        return self.arrays


@pytest.mark.parametrize(("activation", "place"), [(1, "after"), (3, "before"), (4, "before")])
def test_dropout_beside_a_normalization_does_not_change_its_place(activation, place):
    """The same numbers of layers with weights belong to either place: the module tells, its state_dict does not."""
    arrays = {"0.weight": np.array([[1.0], [-1.0]]), **normalized("2", 2), "2.bias": np.array([1.0, -3.0]), "5.weight": np.ones((1, 2))}
    kinds = ["Linear", "Dropout", "BatchNorm1d", "Dropout", "Dropout", "Linear"]
    kinds[activation] = "ReLU"
    model = mlpkit.from_torch(Sequential(kinds, arrays), "relu", epsilon=1e-12)
    wanted = {"before": [3.0, 0.0], "after": [0.0, 0.0]}  # relu([3, -5]) and relu([-1, -1]); relu([2, -2]) + [1, -3], whose sum is 0
    np.testing.assert_allclose(model.predict([[2.0], [-2.0]]), wanted[place], rtol=1e-9, atol=1e-9)
    with pytest.raises(mlpkit.DataError, match=r"do not tell if the normalization '2' .*\nhelp: pass the module itself"):
        mlpkit.from_torch(arrays, "relu")


def normalized(name, width):
    return {f"{name}.running_mean": np.zeros(width), f"{name}.running_var": np.ones(width)}


def test_a_gated_activation_has_half_as_many_outputs():
    model = mlpkit.from_torch({"0.weight": np.ones((6, 2)), "2.weight": np.ones((1, 3))}, "glu")
    np.testing.assert_allclose(model.predict([[1.0, 1.0]]), 6 / (1 + np.exp(-2)), rtol=1e-14)
    scaled = mlpkit.from_torch({"0.weight": np.ones((6, 2)), **normalized("2", 3), "3.weight": np.ones((1, 3))}, "glu")
    np.testing.assert_allclose(scaled.predict([[1.0, 1.0]]), model.predict([[1.0, 1.0]]), rtol=1e-4)


@pytest.mark.parametrize("activation", [{"type": "prelu"}, [{"type": "prelu"}, "linear"]])
def test_slopes_of_a_prelu_that_is_given_as_a_dictionary(activation):
    arrays = {"0.weight": np.ones((2, 1)), "1.weight": np.array([0.5]), "2.weight": np.ones((1, 2))}
    assert mlpkit.from_torch(arrays, activation).predict([[-3.0]]).tolist() == [-3.0]


@pytest.mark.parametrize("epsilon", ["x", None, -3, 0, np.nan, True])
def test_an_epsilon_that_is_no_positive_number_is_an_error(epsilon):
    arrays = {"0.weight": ONE, **normalized("2", 2), "3.weight": np.ones((1, 2))}
    with pytest.raises(mlpkit.DataError, match=r"the normalization '2' has .* as its epsilon"):
        mlpkit.from_torch(arrays, "relu", epsilon=epsilon)


def test_normalizations_that_do_not_fit_each_other_are_an_error():
    arrays = {"0.weight": ONE, **normalized("2", 4), **normalized("3", 3), "4.weight": np.ones((1, 2))}
    with pytest.raises(mlpkit.DataError, match="'3' has 3 values, but the layer before has 4 outputs"):
        mlpkit.from_torch(arrays, "relu")


class Tensor:
    """An array with the methods of a tensor."""

    def __init__(self, array, dtype="torch.float32"):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.array)

    def numpy(self):
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


class Module:
    def state_dict(self):
        return {key: Tensor(value, "torch.bfloat16") for key, value in state("plain").items()}


def test_tensors_and_modules_are_taken_by_their_methods():
    found = mlpkit.from_torch(Module(), ["relu", "tanh"]).predict(DATA["plain/x"])
    np.testing.assert_array_equal(found, mlpkit.from_torch(state("plain"), ["relu", "tanh"]).predict(DATA["plain/x"]))


def test_the_order_of_modules():
    names = {"0": "hidden", "2": "more", "4": "out"}
    named = {f"{names[key.partition('.')[0]]}.{key.partition('.')[2]}": value for key, value in state("plain").items()}
    wanted = mlpkit.from_torch(state("plain"), ["relu", "tanh"]).predict(DATA["plain/x"])
    np.testing.assert_array_equal(mlpkit.from_torch(named, ["relu", "tanh"]).predict(DATA["plain/x"]), wanted)
    turned = dict(reversed(named.items()))
    given = mlpkit.from_torch(turned, ["relu", "tanh"], order=["hidden", "more", "out"])
    np.testing.assert_array_equal(given.predict(DATA["plain/x"]), wanted)
    with pytest.raises(mlpkit.DataError, match="'more' has 8 inputs, but the layer before has 3"):
        mlpkit.from_torch(turned, ["relu", "tanh"])
    with pytest.raises(mlpkit.DataError, match="order does not have"):
        mlpkit.from_torch(named, ["relu", "tanh"], order=["hidden", "out"])
    with pytest.raises(mlpkit.DataError, match="order does not have"):
        mlpkit.from_torch(named, ["relu", "tanh"], order=3)
    unsorted = dict(sorted(state("long").items()))  # "10" before "2"
    np.testing.assert_array_equal(
        mlpkit.from_torch(unsorted, ["tanh"] * 12).predict(DATA["long/x"]),
        mlpkit.from_torch(state("long"), ["tanh"] * 12).predict(DATA["long/x"]),
    )


def test_a_file_without_numbers_in_its_names_needs_the_order(tmp_path):
    arrays = {"out.weight": np.ones((1, 2), np.float32), "hidden.weight": np.ones((2, 3), np.float32)}
    path = write(tmp_path / "m.safetensors", arrays)
    assert mlpkit.from_torch(path, "relu", order=["hidden", "out"]).predict([[1.0, 1.0, 1.0]]).tolist() == [6.0]
    with pytest.raises(mlpkit.DataError, match="give order="):
        mlpkit.from_torch(path, "relu")


def test_half_precision_in_files(tmp_path):
    weight = np.array([[1.5, -2.0, 0.25]], np.float32)
    half = write(tmp_path / "half.safetensors", {"0.weight": weight.astype(np.float16)})
    brain = write(tmp_path / "brain.safetensors", {"0.weight": (weight.view(np.uint32) >> 16).astype(np.uint16)}, {"0.weight": "BF16"})
    for path in (half, brain):
        model = mlpkit.from_torch(path, [])
        assert (model.spec.dtype, model.predict([[1.0, 1.0, 4.0]]).tolist()) == ("float32", [0.5])


ONE = np.ones((2, 3), np.float32)
WRONG = {
    "has a weight of shape (4, 3, 5), and is no linear layer": {"0.weight": np.ones((4, 3, 5))},
    "'weight_ih_l0', which is of no layer": {"weight_ih_l0": ONE},
    "and is no Linear and no BatchNorm1d": {"0.weight": ONE, "1.weight": np.ones(2), "1.bias": np.ones(2)},
    "there is no linear layer": {},
    "0.weight has nan": {"0.weight": ONE * np.nan},
    "the layer '1' has 4 inputs, but the layer before has 2 outputs": {"0.weight": ONE, "1.weight": np.ones((1, 4))},
    "'0' has a bias of shape (3,), but 2 outputs": {"0.weight": ONE, "0.bias": np.ones(3)},
    "'0' has no weight": {"0.bias": np.ones(3)},
    "differ in length": {"0.weight": ONE, "1.running_mean": np.ones(2), "1.running_var": np.ones(3)},
    "has 3 values, but the layer before has 2": {"0.weight": ONE, "1.running_mean": np.ones(3), "1.running_var": np.ones(3)},
    "a negative variance": {"0.weight": ONE, "1.running_mean": np.ones(2), "1.running_var": -np.ones(2)},
    "values of type object": {"0.weight": np.array([[object()]])},
    "not a state_dict": 5,
}


@pytest.mark.parametrize("message", WRONG)
def test_an_error_names_the_module(message):
    with pytest.raises(mlpkit.DataError) as found:
        mlpkit.from_torch(WRONG[message], ["relu"] if "the layer before has 2 outputs" in message else [])
    assert message in str(found.value)


def entry(shape=(1, 2), offsets=(0, 8), dtype="F32", **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


FILES = {
    "has 5 bytes, and is no": lambda path: path.write_bytes(b"12345"),
    "no JSON after its first 8 bytes": lambda path: path.write_bytes(bytes(100)),
    "more than 16777216": lambda path: path.write_bytes(struct.pack("<Q", 2**62) + b"{}"),
    "its header has 1000 bytes, but there are 2": lambda path: path.write_bytes(struct.pack("<Q", 1000) + b"{}"),
    "is not strict JSON": lambda path: raw(path, b'{"a": NaN}', b""),
    "is written twice": lambda path: raw(path, b'{"a": 1, "a": 1}', b""),
    "nested": lambda path: raw(path, b'{"a":' * 100_000, b""),
    "does not have dtype, shape and data_offsets": lambda path: raw(path, {"a": []}, b""),
    "not lists of integers": lambda path: raw(path, {"a": entry(shape=(-1, -2))}, bytes(8)),
    "are not lists of integers": lambda path: raw(path, {"a": entry(offsets=(0, 8.0))}, bytes(8)),
    "has 40 axes": lambda path: raw(path, {"a": entry(shape=[1] * 40)}, bytes(8)),
    "has the type F8_E4M3": lambda path: raw(path, {"a": entry(dtype="F8_E4M3")}, bytes(8)),
    "but its shape [1000000000, 1000000000]": lambda path: raw(path, {"a": entry(shape=(10**9, 10**9))}, bytes(8)),
    "which is too large": lambda path: raw(path, {"a": entry(shape=(0, 2**62), offsets=(0, 0))}, b""),
    "its arrays have 4000000000000000000 bytes": lambda path: raw(
        path, {"a": entry(shape=(10**9, 10**9), offsets=(0, 4 * 10**18))}, bytes(8)
    ),
    "which overlaps the array before": lambda path: raw(path, {"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "which leaves a gap": lambda path: raw(path, {"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
    "has 3 bytes after its arrays": lambda path: raw(path, {"a": entry()}, bytes(11)),
    "its arrays have 8 bytes, but there are 7": lambda path: raw(path, {"a": entry()}, bytes(7)),
    "which can run code": lambda path: path.write_bytes(b"\x80\x02}q\x00X\x06\x00\x00\x00" + bytes(100)),
    "PyTorch model, which is a pickle": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(26) + b"archive/data.pkl" + bytes(99)),
    "it is a folder": lambda path: path.mkdir(),
    "there is no such file": lambda path: None,
}


@pytest.mark.parametrize("message", FILES)
def test_a_file_that_is_no_valid_safetensors_file_is_refused(message, tmp_path):
    FILES[message](path := tmp_path / "model.safetensors")
    with pytest.raises(mlpkit.ModelFileError) as found:
        mlpkit.from_torch(path, [])
    assert message in str(found.value)
    assert str(found.value).startswith(str(path))


@pytest.mark.slow
def test_every_cut_and_every_changed_byte_of_the_header_is_an_error_or_another_model(tmp_path):
    whole = write(tmp_path / "whole.safetensors", {"0.weight": ONE, "0.bias": np.ones(2, np.float32)}).read_bytes()
    path, length = tmp_path / "model.safetensors", 8 + struct.unpack("<Q", whole[:8])[0]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(mlpkit.ModelFileError):
            mlpkit.from_torch(path, [])
    for place in range(length):
        for flip in (1, 16, 128):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            with contextlib.suppress(mlpkit.ModelFileError, mlpkit.DataError):
                mlpkit.from_torch(path, [])


def test_weights_that_are_too_large_for_the_limit(tmp_path, monkeypatch):
    path = write(tmp_path / "model.safetensors", {"0.weight": ONE})
    monkeypatch.setattr("mlpkit.modelfile.hdf5.source.MAX_FILE_BYTES", 20)
    with pytest.raises(mlpkit.ModelFileError, match="more than 20"):
        mlpkit.from_torch(path, [])
    assert constants.MAX_FILE_BYTES > 20


class Parameter:
    def __init__(self, shape):
        self.shape, self.array = shape, None

    def copy_(self, array):
        assert array.shape == self.shape
        self.array = array


class Part:
    """A module that keeps its arguments, with the parameters that `make` gives it."""

    def __init__(self, name, make):
        self.name, self.make = name, make

    def __call__(self, *given, **options):
        part = types.SimpleNamespace(name=self.name, given=given, options=options)
        part.__dict__.update(self.make(*given, **options))
        return part


def fake_torch():
    """The few functions of PyTorch that are called, which keep what they get."""
    flat = lambda units, **_: {role: Parameter((units,)) for role in ("weight", "bias", "running_mean", "running_var")}  # noqa: E731
    made = {name: Part(name, flat) for name in ("BatchNorm1d", "LayerNorm", "RMSNorm", "PReLU")}
    made["Linear"] = Part("Linear", lambda rows, units, **_: {"weight": Parameter((units, rows)), "bias": Parameter((units,))})
    names = ("Tanh", "ReLU", "Softmax", "Dropout", "AlphaDropout", "GELU", "LeakyReLU", "Softplus")
    made |= {name: Part(name, lambda *_, **__: {}) for name in names}
    made["Sequential"] = lambda *parts: types.SimpleNamespace(parts=parts, eval=lambda: parts)
    torch = types.ModuleType("torch")
    torch.nn, torch.float32, torch.float64 = types.SimpleNamespace(**made), "float32", "float64"
    torch.from_numpy = lambda array: array
    torch.no_grad = lambda: pytest.MonkeyPatch.context()
    return torch


def test_a_model_becomes_a_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    layers = [
        {"units": 5, "activation": {"type": "leaky_relu", "negative_slope": 0.2}, "normalization": "batch", "dropout": 0.1},
        {"units": 4, "activation": "prelu", "normalization": "layer"},
        {"units": 3, "activation": "softmax"},
    ]
    spec = {"network": {"layers": layers, "input_dropout": 0.3, "input_scale": True}, "loss": "categorical_crossentropy"}
    model = mlpkit.Model(spec, inputs=2)
    model.set_weights({"layers.0.input_scale": [2.0, 3.0], "layers.0.normalization.mean": np.arange(5)})
    parts, weights = model.to_torch(), model.get_weights()
    assert [part.name for part in parts] == [
        *("Dropout", "Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear", "LayerNorm", "PReLU", "Linear", "Softmax")
    ]
    np.testing.assert_allclose(parts[1].weight.array, (weights["layers.0.weight"] * [[2.0], [3.0]]).T)
    np.testing.assert_array_equal(parts[2].running_mean.array, np.arange(5))
    assert parts[2].options == {"eps": 1e-5, "momentum": pytest.approx(0.1), "dtype": "float32"}
    assert (parts[3].options, parts[9].options) == ({"negative_slope": 0.2}, {"dim": 1})
    np.testing.assert_array_equal(parts[7].weight.array, weights["layers.1.activation.slope"])
    np.testing.assert_array_equal(parts[8].bias.array, weights["layers.2.bias"])


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"activation": "gaussian"}, "network.layers[0]: the activation 'gaussian' has no module"),
        ({"residual": 1}, "network.layers[0]: a residual connection"),
        ({"dropout": {"type": "gaussian", "rate": 0.1}}, "gaussian dropout"),
    ],
)
def test_a_part_without_a_counterpart_in_torch_is_named(layer, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    model = mlpkit.Model({"network": {"layers": [{"units": 2, **layer}, {"units": 1}]}, "loss": "mse"}, inputs=2)
    with pytest.raises(mlpkit.DataError) as found:
        model.to_torch()
    assert message in str(found.value)


def test_a_module_needs_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(mlpkit.DataError, match="pip install torch"):
        mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse"}, inputs=2).to_torch()


def test_encode_returns_what_a_module_takes():
    model = mlpkit.from_arrays([[[1.0], [2.0], [3.0]]], None, [], inputs={"a": None, "b": ["x", "y"]}, center=1, scale=2)
    assert model.encode([{"a": 5, "b": "y"}]).tolist() == [[2.0, 0.0, 1.0]]
    assert model.input_encoder.feature_names == ("a", "b=x", "b=y")
