"""Options that came later: a file leaves them out at their default, of third-party plugins too."""

import json
import sys
import warnings
from typing import Annotated, ClassVar

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit import Since
from mlpkit.plugin import REGISTRIES
from mlpkit.plugin.since import stored_entry, stored_form

X = np.random.default_rng(2).normal(size=(30, 2))
LEAN = """
from typing import Annotated
from mlpkit import Elementwise{imports}

class Plugin(Elementwise):
    \"\"\"A line with a slope.\"\"\"

    slope: float = 2.0{option}

    def function(self, z):
        return z * z.dtype.type(self.slope) + z.dtype.type({shift})

    def derivative(self, z, y):
        return z.dtype.type(self.slope) + 0 * z
"""
OLD = LEAN.format(imports="", option="", shift="0.0")
NEW = LEAN.format(imports=", Since", option='\n    shift: Annotated[float, Since("0.2")] = 0.0', shift="self.shift")


def train(activation, path):
    layers = [{"units": 3, "activation": activation}, {"activation": "linear"}]
    model = mlpkit.train({"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 2}}, X, X.sum(axis=1))
    model.save(path)
    return model


def told(path):
    """The entry of the activation in the spec of a file, and the options in its list of plugins."""
    with h5py.File(path) as file:
        spec, manifest = (json.loads(bytes(file[name][()])) for name in ("spec", "manifest"))
    record = next(record for record in manifest["plugins"] if record["name"] == "dist-lean:lean")
    return spec["network"]["layers"][0]["activation"], record["options"], manifest["spec_schema"]


def test_a_later_option_of_a_third_party_plugin_is_stored_only_where_it_is_used(install, tmp_path):
    install("dist-lean", "lean", NEW, version="0.2")
    train("lean", tmp_path / "plain.h5")
    train({"type": "lean", "shift": 1.0}, tmp_path / "shifted.h5")
    assert told(tmp_path / "plain.h5") == ({"type": "dist-lean:lean", "slope": 2.0}, {"slope": 2.0}, 3)
    assert told(tmp_path / "shifted.h5") == ({"type": "dist-lean:lean", "slope": 2.0, "shift": 1.0}, {"slope": 2.0, "shift": 1.0}, 3)
    assert mlpkit.load(tmp_path / "plain.h5").spec.network.layers[0].activation.shift == 0.0


def replace_installed(install, code, version):
    """Put another version in the place of the one that is installed."""
    for path in install.site.glob("*.dist-info/*"):
        path.unlink()
    for path in install.site.glob("*.dist-info"):
        path.rmdir()
    sys.modules.pop("dist_lean", None)
    install("dist-lean", "lean", code, version=version)


def test_an_older_version_of_the_plugin_reads_a_model_that_does_not_use_the_option(install, tmp_path):
    install("dist-lean", "lean", NEW, version="0.2")
    model = train("lean", tmp_path / "plain.h5")
    train({"type": "lean", "shift": 1.0}, tmp_path / "shifted.h5")
    expected = model.predict(X)
    replace_installed(install, OLD, "0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(mlpkit.load(tmp_path / "plain.h5").predict(X), expected)
    with pytest.raises(mlpkit.DriftedPlugin, match=r"does not accept its options: unknown option 'shift'"):
        mlpkit.load(tmp_path / "shifted.h5")


def test_a_plugin_that_changed_is_noticed_although_it_has_a_new_option(install, tmp_path):
    """The records of a file are held to the plugins of its spec, whether a later option is in them or not."""
    install("dist-lean", "lean", OLD, version="0.1")
    train("lean", tmp_path / "model.h5")
    replace_installed(install, NEW.replace("self.shift", "self.shift + 0.5"), "0.2")
    with pytest.warns(mlpkit.PluginDriftWarning, match="dist-lean:lean"):
        mlpkit.load(tmp_path / "model.h5")


def test_a_table_stands_for_a_plugin_with_a_later_option(install, tmp_path):
    install("dist-lean", "lean", NEW, version="0.2")
    expected = train("lean", tmp_path / "model.h5").predict(X)
    for path in [*install.site.glob("*.dist-info/*")]:
        path.unlink()
    mlpkit.refresh_plugins()
    with pytest.raises(mlpkit.MissingPlugin):
        mlpkit.load(tmp_path / "model.h5")
    with pytest.warns(mlpkit.SurrogateWarning):
        model = mlpkit.load(tmp_path / "model.h5", allow_surrogate=True)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-4)


class Halved(mlpkit.Elementwise):
    """Half of its input, to a power that mlpkit got later."""

    factor: float = 0.5
    power: Annotated[int, Since(5)] = 1
    inner: Annotated[mlpkit.Activation, Since("0.3")] = "tanh"
    sign: Annotated[float, Since("0.4")] = 0.0
    since: ClassVar[int] = 99  # of a class that mlpkit does not bring it means nothing

    def function(self, z):
        return z * self.factor

    def derivative(self, z, y):
        return self.factor + 0 * z


@pytest.fixture
def halved():
    REGISTRIES["activations"].add(Halved)
    yield Halved
    REGISTRIES["activations"]._own.pop("halved", None)


def entry_of(**options):
    plugin = Halved(**options)
    return stored_form(plugin, {"type": "halved", **plugin.model_dump(mode="json")})


def test_an_option_is_left_out_if_the_same_object_is_made_without_it(halved):
    assert entry_of() == ({"type": "halved", "factor": 0.5}, 3)
    assert stored_entry(Halved(inner="tanh", power=1)) == {"type": "halved", "factor": 0.5}
    assert entry_of(power=2) == ({"type": "halved", "factor": 0.5, "power": 2}, 5)
    assert entry_of(inner="relu") == ({"type": "halved", "factor": 0.5, "inner": "relu"}, 3)
    assert entry_of(sign=-0.0) == ({"type": "halved", "factor": 0.5, "sign": -0.0}, 3)  # is not 0.0
    assert entry_of(inner={"type": "halved", "power": 3})[1] == 5
