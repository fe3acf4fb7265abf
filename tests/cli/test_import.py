"""`mlpkit import`: files of other libraries become model files, and other files are errors that say what to do."""

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import mlpkit

ROOT = Path(__file__).parents[2]
KERAS = ROOT / "tests" / "reference" / "keras"


def safetensors(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        array = np.asarray(array, np.float32)
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


ARRAYS = {"hidden.weight": [[1.0, 0.0], [0.0, 1.0]], "hidden.bias": [0.5, -0.5], "out.weight": [[1.0, -1.0]]}


def test_weights_of_torch(run, folder):
    safetensors(folder / "net.safetensors", ARRAYS)
    options = ["--activations", "relu", "--order", "hidden,out", "--inputs", 'a,"b, c"', "--center", "1", "--scale", "2,4", "--target", "y"]
    done = run(
        "import", "net.safetensors", "-o", "net.h5", *options, "--target-scale", "10", "--set", "optimizer=sgd", "--set", "name=mine"
    )
    assert done.code == 0, done.err
    assert "relu" in done.out
    assert "saved net.h5; next: mlpkit predict net.h5 DATA" in done.err
    model = mlpkit.load("net.h5")
    assert model.predict([{"a": 3, "b, c": 1}]).tolist() == [15.0]
    assert (model.spec.name, model.spec.data.target) == ("mine", ("y",))
    assert run("import", "net.safetensors", "-o", "net.h5", *options).code == 2  # it exists
    assert run("import", "net.safetensors", "-o", "net.h5", *options, "--force").code == 0


def test_weights_of_keras(run, folder):
    done = run("import", str(KERAS / "whole.keras"), "--classes", "0,1,2", "--inputs", "a,b,c,d")
    assert done.code == 0, done.err
    assert mlpkit.load("model.h5").predict([{"a": 1, "b": 2, "c": 3, "d": 4}]).dtype == np.int64
    assert run("predict", "model.h5", "-").code != 0


WRONG = {
    "a pickle can run code": ("model.pkl", []),
    "mlpkit.from_sklearn(joblib.load('model.joblib'))": ("model.joblib", []),
    "safetensors.torch.save_file": ("model.pt", []),
    "its suffix is that of no known weights": ("model.onnx", []),
    "it is a pickle, which can run code": ("model.safetensors", []),
    "it is no model of Keras": ("xor.h5", []),
    "has the activations": (str(KERAS / "whole.keras"), ["--activations", "relu"]),
    "activations has 0, but there are weights of 2 layers": ("net.safetensors", ["--order", "hidden,out"]),
    "the names do not give the order": ("net.safetensors", ["--activations", "relu"]),
    "is not a list of numbers": ("net.safetensors", ["--center", "a"]),
    "unknown key 'optimzer'": ("net.safetensors", ["--activations", "relu", "--order", "hidden,out", "--set", "optimzer=sgd"]),
    "is an input of the command": ("net.h5", ["-o", "net.h5"]),
    "a model is written to a file, not to stdout": ("net.safetensors", ["-o", "-"]),
    "has several lines": ("net.safetensors", ["--inputs", "a\rb"]),
    "has several lines, not": ("net.safetensors", ["--classes", "a\nb"]),
    "has the suffix of CSV": ("net.safetensors", ["-o", "net.csv"]),
}


def test_a_model_that_cannot_be_written_is_the_error_of_an_output(run, folder, monkeypatch):
    def save(*_, **__):
        raise mlpkit.ModelFileError("net.h5: it cannot be written: no space left on device")

    monkeypatch.setattr("mlpkit.model.model.Model.save", save)
    safetensors(folder / "net.safetensors", ARRAYS)
    done = run("import", "net.safetensors", "--activations", "relu", "--order", "hidden,out")
    assert (done.code, done.out) == (1, "")


@pytest.mark.parametrize("message", WRONG)
def test_another_file_or_option_is_an_error_and_nothing_is_written(message, run, folder):
    safetensors(folder / "net.safetensors", ARRAYS)
    for name in ("model.pkl", "model.joblib", "model.pt", "model.onnx", "model.safetensors", "model.keras", "net.h5"):
        (folder / name).write_bytes(pickle.dumps({"a": [1, 2, 3]}))
    (folder / "xor.h5").write_bytes((ROOT / "models" / "xor" / "model.h5").read_bytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    file, options = WRONG[message]
    done = run("import", file, *(options if "-o" in options else ["-o", "new.h5", *options]))
    assert done.code in (1, 2)
    assert message in done.err.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in done.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
