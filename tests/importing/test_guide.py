"""Test the code of the guide on weights of other libraries: its blocks and commands run in order."""

import io
import json
import re
import shlex
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main

GUIDE = Path(__file__).parents[2] / "models" / "README.md"
SECTION = GUIDE.read_text("utf-8").partition("## Bring weights from other libraries")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
COMMANDS = re.findall(r"^\$ mlpkit (.*)$", SECTION, re.M)


def write_files(folder):
    """Write the files of the guide: a network of two numbers and two classes."""
    arrays = {"0.weight": np.ones((4, 2), np.float32), "2.weight": np.ones((2, 4), np.float32)}
    header, data = {}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    (folder / "rent.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    with h5py.File(part := io.BytesIO(), "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2), np.float32)
    layer = {"class_name": "Dense", "config": {"name": "dense", "activation": "softmax", "use_bias": False}}
    with zipfile.ZipFile(folder / "rent.keras", "w") as file:
        file.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
        file.writestr("model.weights.h5", part.getvalue())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_blocks_and_commands_of_the_guide_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    names = {}
    for block in BLOCKS:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert len(BLOCKS) == 4
    assert capsys.readouterr().out
    assert mlpkit.load("rent.h5").classes.tolist() == ["cheap", "dear"]
    for command in COMMANDS:
        Path("rent.h5").unlink()
        assert main(shlex.split(command)) == 0
        assert mlpkit.load("rent.h5").predict([{"area": 71, "rooms": 3}]).tolist() == ["cheap"]
    assert len(COMMANDS) == 2
