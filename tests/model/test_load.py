"""Loading: by copy, by memory map, verified now or later, the arrays alone; the probe; earlier versions of the container."""

import copy
import hashlib
import json
import pickle
import tracemalloc
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.engine.network import Network
from mlpkit.errors import Corrupt, ModelFileError, NonFinite
from mlpkit.modelfile.reader import read
from mlpkit.modelfile.writer import write
from mlpkit.plugin import REGISTRIES

SPEC = {
    "dtype": "float64",
    "network": {
        "layers": [
            {"units": 6, "activation": "tanh", "normalization": "batch"},
            {"units": 5, "activation": "relu"},
            {"activation": "linear"},
        ]
    },
    "loss": "mse",
    "training": {"epochs": 3, "batch_size": 16},
}
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(50, 4)), RNG.normal(size=50)


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(SPEC, X, Y)


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


WAYS = [{}, {"mmap": True}, {"mmap": True, "verify": "lazy"}]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_of_loading_gives_the_same_model(way, model, path):
    loaded = mlpkit.load(path, **way)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    assert np.array_equal(loaded.network.parameters.vector, model.network.parameters.vector)
    assert np.array_equal(loaded.network.parameters.trained, model.network.parameters.trained)
    assert repr(loaded) == repr(model)
    again = path.with_name("again.h5")
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("way", WAYS[1:], ids=str)
def test_a_mapped_model_is_trained_copied_and_pickled_like_any_other(way, model, path):
    here, mapped = mlpkit.load(path), mlpkit.load(path, **way)
    for copied in (copy.deepcopy(mapped), pickle.loads(pickle.dumps(mapped))):
        assert np.array_equal(copied.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="read-only"):
        mapped.network.parameters.views["layers.0.weight"][0, 0] = 1.0
    for one in (here, mapped):
        list(mlpkit.epochs(one, X, Y))
    assert np.array_equal(here.network.parameters.vector, mapped.network.parameters.vector)
    assert not np.array_equal(mapped.predict(X), model.predict(X))


def test_a_mapped_model_uses_the_bytes_of_the_file(path):
    views = mlpkit.load(path, mmap=True).network.parameters.views
    assert not any(view.flags.owndata or view.flags.writeable for view in views.values())


def test_a_mapped_file_that_is_replaced_stays_the_old_model(model, path):
    mapped, before = mlpkit.load(path, mmap=True, verify="lazy"), model.predict(X)
    other = mlpkit.train({**SPEC, "seed": 5}, X, Y)
    other.save(path)
    assert np.array_equal(mapped.predict(X), before)
    assert np.array_equal(mlpkit.load(path).predict(X), other.predict(X))


def damage(path, name):
    """Change one number of a dataset in place."""
    with h5py.File(path) as file:
        offset = file[name].id.get_offset()
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def test_a_damaged_tensor_is_found_now_or_at_first_use(path):
    damage(path, "tensors/layers.1/weight")
    for way in WAYS[:2]:
        with pytest.raises(Corrupt, match=r"model\.h5: /tensors/layers\.1/weight differs from what was saved"):
            mlpkit.load(path, **way)
    lazy = mlpkit.load(path, mmap=True, verify="lazy")
    for use in (lambda: lazy.predict(X), lambda: lazy.network, lambda: lazy.save(path), lambda: list(mlpkit.epochs(lazy, X, Y))):
        with pytest.raises(Corrupt, match=r"model\.h5: /tensors/layers\.1/weight differs from what was saved"):
            use()


def test_a_damaged_array_beside_the_tensors_is_always_found_when_loading(path):
    damage(path, "preprocess/inputs/center")
    for way in WAYS:
        with pytest.raises(Corrupt, match="center differs from what was saved"):
            mlpkit.load(path, **way)


@pytest.mark.parametrize(
    ("way", "message"), [({"verify": "lazy"}, "needs mmap"), ({"verify": "none", "mmap": True}, "give 'full' or 'lazy'")]
)
def test_another_way_of_verifying_is_an_error(way, message, path):
    for function in (mlpkit.load, mlpkit.load_arrays):
        with pytest.raises(ValueError, match=message):
            function(path, **way)


# -- the arrays alone


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_arrays_are_loaded_by_name(way, model, path):
    arrays = mlpkit.load_arrays(path, **way)
    with h5py.File(path) as file:
        expected = {}
        file.visititems(lambda name, item: expected.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    for name in ("manifest", "spec"):
        del expected[name]
    named = {
        name.removeprefix("tensors/").replace("/", ".") if name.startswith("tensors/") else name: array for name, array in expected.items()
    }
    assert arrays.keys() == named.keys()
    assert len(arrays) == len(named)
    for name, array in named.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(arrays[name], array, equal_nan=True)
        assert arrays[name].flags.writeable == (way == {})
    assert np.array_equal(arrays["layers.0.weight"], model.network.parameters.views["layers.0.weight"])
    with pytest.raises(KeyError):
        arrays["layers.9.weight"]


def test_lazy_arrays_are_verified_one_by_one(path):
    damage(path, "tensors/layers.1/weight")
    arrays = mlpkit.load_arrays(path, mmap=True, verify="lazy")
    assert arrays["layers.0.weight"] is arrays["layers.0.weight"]
    for _ in range(2):
        with pytest.raises(Corrupt, match=r"model\.h5: /tensors/layers\.1/weight"):
            arrays["layers.1.weight"]
    with pytest.raises(Corrupt, match=r"model\.h5: /tensors/layers\.1/weight"):
        mlpkit.load_arrays(path, mmap=True)


def test_arrays_of_every_dtype_come_back_through_the_mapping(path, tmp_path):
    contents = read(path)
    made = {f"inputs/{dtype}": np.arange(3).astype(dtype) for dtype in ("bool", "int8", "uint64", "float16", "float32")}
    made |= {"inputs/none": np.zeros((0, 3)), "inputs/one": np.array(7.5)}
    contents.arrays.update(made)
    write(tmp_path / "model.h5", contents)
    for way in WAYS:
        arrays = mlpkit.load_arrays(tmp_path / "model.h5", **way)
        for name, array in made.items():
            found = arrays[f"preprocess/{name}"]
            assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_non_finite_tensors_are_refused_in_every_way(path):
    with h5py.File(path, "r+", libver=("v108", "v108")) as file:
        file["tensors/layers.1/bias"][0] = np.inf
        manifest = json.loads(bytes(file["manifest"][()]))
        entry = next(entry for entry in manifest["objects"] if entry["path"] == "/tensors/layers.1/bias")
        entry["sha256"] = hashlib.sha256(file["tensors/layers.1/bias"][()].tobytes()).hexdigest()
        text = json.dumps(manifest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        file["manifest"][...] = np.frombuffer(text, np.uint8)
        file.attrs.modify("manifest_sha256", np.bytes_(hashlib.sha256(text).hexdigest()))
    for function in (mlpkit.load, mlpkit.load_arrays):
        for way in WAYS[:2]:
            with pytest.raises(NonFinite, match=r"layers\.1/bias holds NaN or infinity"):
                function(path, **way)


# -- the probe


def test_the_self_test_has_the_outputs_of_the_network(model, path):
    probe = read(path).probe
    assert probe["inputs"].shape == (4, 4)
    assert np.array_equal(probe["outputs"], model.network.predict(probe["inputs"]))


class Curved(mlpkit.Elementwise):
    """An activation that computes something else when its version does."""

    def function(self, z):
        return np.tanh(z) * FACTOR[0]

    def derivative(self, z, y):
        return FACTOR[0] * (1 - np.tanh(z) ** 2)


FACTOR = [1.0]


@pytest.fixture
def bent(tmp_path):
    layers = [{"units": 3, "activation": Curved()}, {"activation": "linear"}]
    mlpkit.train({**SPEC, "network": {"layers": layers}}, X, Y).save(tmp_path / "bent.h5")
    yield tmp_path / "bent.h5"
    FACTOR[0] = 1.0
    REGISTRIES["activations"]._own.pop("curved", None)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_plugin_that_changed_is_noticed(way, bent):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlpkit.load(bent, **way).predict(X)
    FACTOR[0] = 1.001
    with pytest.warns(mlpkit.PluginDriftWarning, match=r"bent\.h5: plugins compute other values .* curved by 0\.001 .*has changed"):
        mlpkit.load(bent, **way).predict(X)


def test_numbers_that_are_finite_on_one_side_alone_are_a_difference(bent):
    FACTOR[0] = np.inf
    with pytest.warns(mlpkit.ProbeWarning, match="by inf"):
        mlpkit.load(bent)


BAD_PROBES = {
    "outputs missing": lambda probe: probe.pop("outputs"),
    "other width": lambda probe: probe.update(inputs=np.zeros((4, 5))),
    "other rows": lambda probe: probe.update(outputs=np.zeros((3, 1))),
    "other dtype": lambda probe: probe.update(outputs=np.zeros((4, 1), np.float32)),
    "one dimension": lambda probe: probe.update(inputs=np.zeros(4)),
    "no dimension": lambda probe: probe.update(inputs=np.array(1.0)),
}


@pytest.mark.parametrize("change", BAD_PROBES.values(), ids=BAD_PROBES)
def test_a_probe_of_another_network_is_refused(change, path):
    contents = read(path)
    change(contents.probe)
    write(path, contents)
    with pytest.raises(Corrupt, match=r"model\.h5: its self-test does not fit its network") as caught:
        mlpkit.load(path)
    assert caught.value.rule == 25


def test_a_file_without_a_probe_is_loaded(model, path):
    contents = read(path)
    contents.probe.clear()
    write(path, contents)
    assert np.array_equal(mlpkit.load(path).predict(X), model.predict(X))


# -- earlier versions


@pytest.mark.parametrize("version", ["1.0", "1.3", "1.4", "2.0", ""])
def test_no_version_is_written_on_request(version, model, tmp_path):
    with pytest.raises(ModelFileError, match=r"no longer supports compat.*\n.*0\.3 reads every model without newer features.*mlpkit 0\.4"):
        model.save(tmp_path / "model.h5", compat=version)
    assert list(tmp_path.iterdir()) == []


def test_a_preprocessing_of_another_width_is_refused(path):
    contents = read(path)
    contents.preprocessing["inputs"]["columns"] *= 2
    write(path, contents)
    with pytest.raises(ModelFileError) as caught:
        mlpkit.load(path)
    assert caught.value.rule == 23


def test_a_mapped_network_has_the_names_of_a_copied_one():
    network = Network(mlpkit.Spec.model_validate(SPEC).with_widths(4, 1).network, "float64")
    mapped = Network.mapped(network.spec, "float64", dict(reversed(network.parameters.views.items())))
    assert list(mapped.parameters.views) == list(network.parameters.views)
    assert len(mapped.parameters) == len(network.parameters)
    assert mapped.writable() is not mapped
    assert network.writable() is network


def test_the_self_test_of_a_wide_network_takes_one_layer_of_memory_per_row(tmp_path):
    """Not one for each of its rows: a file chooses how many of both there are."""
    units = 300_000
    model = mlpkit.Model({"network": {"layers": [{"units": units, "activation": "tanh"}, {"units": 1}]}, "loss": "mse"}, inputs=1)
    model.save(tmp_path / "wide.h5")
    contents = read(tmp_path / "wide.h5")
    inputs = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    write(tmp_path / "wide.h5", replace(contents, probe={"inputs": inputs, "outputs": model.network.predict(inputs)}))
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlpkit.load(tmp_path / "wide.h5")
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory < 6 * 4 * units + 2 * 4 * 3 * units + 2**22


@pytest.mark.parametrize("outputs", [-1.7e308, 1.7e308])
def test_a_difference_that_is_too_large_for_a_number_is_infinite(outputs, tmp_path):
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "dtype": "float64"}
    model = mlpkit.Model(spec, inputs=1)
    model.network.parameters.vector[:] = [-np.sign(outputs) * 1e308, 0]
    model.save(tmp_path / "model.h5")
    contents = read(tmp_path / "model.h5")
    write(tmp_path / "model.h5", replace(contents, probe={"inputs": np.full((1, 1), 1.5), "outputs": np.full((1, 1), outputs)}))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", mlpkit.ProbeWarning)
        mlpkit.load(tmp_path / "model.h5")
