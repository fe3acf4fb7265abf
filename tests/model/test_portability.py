"""Models without a path: in bytes, in file objects, pickled, in a frozen application, with classes that are passed."""

import io
import os
import pickle
import pickletools
import resource
import subprocess
import sys

import numpy as np
import pytest

import mlpkit
from mlpkit import errors

X = np.linspace(-2, 2, 40)[:, None]
SPEC = {
    "network": {"layers": [{"units": 3, "activation": "tanh"}, {"units": 1}]},
    "loss": "mse",
    "training": {"epochs": 2, "checkpoint": None},
}


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(SPEC, X, np.sin(X[:, 0]))


@pytest.fixture(scope="module")
def data(model):
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


def test_a_file_object_has_the_bytes_of_a_file(model, data, tmp_path):
    model.save(tmp_path / "model.h5")
    assert (tmp_path / "model.h5").read_bytes() == data
    with open(tmp_path / "model.h5", "rb") as stream:
        np.testing.assert_array_equal(mlpkit.load(stream).predict(X), model.predict(X))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
@pytest.mark.parametrize("way", [{}, {"mmap": True}, {"mmap": True, "verify": "lazy"}], ids=str)
def test_a_model_is_loaded_from_bytes(kind, way, model, data):
    np.testing.assert_array_equal(mlpkit.load(kind(data), **way).predict(X), model.predict(X))
    assert mlpkit.inspect(kind(data))["parameters"] == len(model.network.parameters)
    assert set(mlpkit.load_arrays(kind(data), **way)) >= {"layers.0.weight"}


def test_a_file_object_is_read_and_written_at_its_position(model, data):
    file = io.BytesIO(b"before")
    file.seek(0, io.SEEK_END)
    model.save(file)
    assert file.getvalue() == b"before" + data
    file.seek(6)
    np.testing.assert_array_equal(mlpkit.load(file).predict(X), model.predict(X))


class Slow(io.RawIOBase):
    """A raw file that takes and gives at most 100 bytes at a time, as a pipe or a socket does."""

    def __init__(self, data=b"", full=10**9):
        self.file, self.full = io.BytesIO(data), full

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        return self.file.readinto(memoryview(buffer)[:100])

    def write(self, data):
        return self.file.write(bytes(data[: min(100, self.full - self.file.tell())]))


def test_a_file_object_that_takes_and_gives_a_part_at_a_time(model, data):
    slow = Slow()
    model.save(slow)
    assert slow.file.getvalue() == data
    np.testing.assert_array_equal(mlpkit.load(Slow(data)).predict(X), model.predict(X))
    with pytest.raises(errors.ModelFileError, match=r"cannot write the file object: it accepted 0 of [\d,]+ bytes"):
        model.save(Slow(full=1000))


def test_errors_name_the_source_and_show_no_bytes(model, data, tmp_path):
    for given, words in (
        (b"", "the bytes: "),
        (data[:-100], "the bytes: "),
        (io.BytesIO(b"\0" * 100), "the file object: "),
        (io.StringIO("text"), "the file object: its read() returns str, not bytes\nhelp: open it in binary mode"),
    ):
        with pytest.raises(errors.ModelFileError) as caught:
            mlpkit.load(given)
        assert str(caught.value).startswith(words)
        assert len(str(caught.value)) < 300
    closed = io.BytesIO(data)
    closed.close()
    with pytest.raises(errors.ModelFileError, match="the file object: it cannot be read"):
        mlpkit.load(closed)
    with pytest.raises(errors.ModelFileError, match="cannot write the file object: it does not accept bytes"):
        model.save(io.StringIO())
    (tmp_path / "read.h5").touch()
    with open(tmp_path / "read.h5", "rb") as stream, pytest.raises(errors.ModelFileError, match=r"read\.h5: it is not open for wr"):
        model.save(stream)
    with pytest.raises(errors.ModelFileError, match="is given as bytes, which is not a path"):
        model.save(b"model.h5")


def test_a_pickled_model_has_no_object_of_another_pythons_library(tmp_path):
    """A path that is pickled on Python 3.13 is not loaded on 3.11."""
    (tmp_path / "spec.json").write_text('{"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}')
    for model in (mlpkit.train(tmp_path / "spec.json", X, X[:, 0]), mlpkit.Model(tmp_path / "spec.json", inputs=1)):
        names = {str(argument) for _, argument, _ in pickletools.genops(pickle.dumps(model)) if argument is not None}
        assert not [name for name in names if "pathlib" in name or "Path" in name]


@pytest.mark.slow
def test_many_mapped_models_keep_no_descriptors_open(model, tmp_path):
    model.save(tmp_path / "model.h5")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before + 60, limit[0]), limit[1]))
    try:
        models = [mlpkit.load(tmp_path / "model.h5", mmap=True) for _ in range(250)]
        arrays = [mlpkit.load_arrays(tmp_path / "model.h5", mmap=True) for _ in range(250)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert len(os.listdir("/dev/fd")) <= before + 2
    for each in models[::50]:
        np.testing.assert_array_equal(each.predict(X), model.predict(X))
    kept = arrays[7]["layers.0.weight"]
    del arrays, models
    np.testing.assert_array_equal(kept, model.network.parameters.views["layers.0.weight"])
    assert not kept.flags.writeable


def test_a_class_that_is_passed_is_taken_whatever_its_distribution_was(install, tmp_path):
    code = (
        "import numpy as np\nimport mlpkit\nclass Plugin(mlpkit.Elementwise):\n    factor: float = 1.0\n"
        "    def function(self, z):\n        return self.factor * np.sin(z)\n"
        "    def derivative(self, z, y):\n        return self.factor * np.cos(z)\n"
    )
    module = install("acme-waves", "swell", code)
    spec = {**SPEC, "network": {"layers": [{"units": 3, "activation": {"type": "acme-waves:swell", "factor": 2.0}}, {"units": 1}]}}
    model = mlpkit.train(spec, X, np.sin(X[:, 0]))
    model.save(tmp_path / "model.h5")
    for file in [*install.site.glob(f"{module}*/*"), install.site / f"{module}.py"]:
        file.unlink()
    sys.modules.pop(module)
    mlpkit.refresh_plugins()
    with pytest.raises(errors.MissingPlugin):
        mlpkit.load(tmp_path / "model.h5")

    class Swell(mlpkit.Elementwise):
        factor: float = 1.0

        def function(self, z):
            return self.factor * np.sin(z)

        def derivative(self, z, y):
            return self.factor * np.cos(z)

    np.testing.assert_array_equal(mlpkit.load(tmp_path / "model.h5", plugins=[Swell]).predict(X), model.predict(X))

    class Other(Swell):
        def function(self, z):
            return self.factor * np.sin(z + 0.01)

    Other.__name__ = Other.__qualname__ = "Swell"
    Swell.__qualname__ = Other.__qualname__ = "Swell"
    with pytest.warns(errors.PluginDriftWarning, match="acme-waves:swell"):
        mlpkit.load(tmp_path / "model.h5", plugins=[Other])


PROGRAM = """
import sys, numpy as np, mlpkit
x = np.linspace(-2, 2, 40)[:, None]
for path in sys.argv[1:]:
    print(mlpkit.load(path).predict(x).astype("float64").sum().hex())
"""


@pytest.mark.slow
def test_a_frozen_application_predicts_with_builtins_and_a_plugin(tmp_path):
    layers = [{"units": 3, "activation": "tanh"}, {"units": 3, "activation": "leaky_relu"}, {"units": 1}]
    expected = []
    for name, hidden in (("builtin", layers), ("plugin", [{"units": 3, "activation": "mlpkit-snake:snake"}, {"units": 1}])):
        model = mlpkit.train({**SPEC, "network": {"layers": hidden}}, X, np.sin(X[:, 0]))
        model.save(tmp_path / f"{name}.h5")
        expected.append(model.predict(X).astype("float64").sum().hex())
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "PyInstaller", "--onedir", "--noconfirm", "--log-level", "ERROR", "program.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    program = [str(tmp_path / "dist" / "program" / "program"), "builtin.h5", "plugin.h5"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.stdout.split() == expected, done.stderr
