"""Exported models in onnxruntime-web, the runtime of browsers, with numbers and texts as inputs: run by Node."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.export.comparison import Predictions, compare, own_predictions
from mlpkit.export.onnx.runtime import feeds

from ..modelfile.test_languages import node
from .random_models import random_model

WEB = Path(__file__).parent / "web"
NAMES = ["penguins", "averaged classes", "averaged labels", "decided", "ordered", "means", "learned float32", "learned float64"]
NAMES += [f"choices {number}" for number in range(6)]
SEEDS = range(300, 320)


@pytest.fixture(scope="module")
def web_folder(tmp_path_factory):
    """A folder with predict.mjs and the package that it imports."""
    node()
    folder = tmp_path_factory.mktemp("web")
    for name in ("predict.mjs", "package.json", "package-lock.json"):
        shutil.copy(WEB / name, folder)
    install = ["npm", "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def as_json(inputs):
    return {
        name: {
            "type": "string" if array.dtype == object else "float64",
            "shape": array.shape,
            "values": [None if value != value else value for value in array.reshape(-1).tolist()],
        }
        for name, array in inputs.items()
    }


@pytest.mark.slow
def test_the_runtime_of_browsers_predicts_as_the_model_does(web_folder, cases):
    models = {name.replace(" ", "-"): (mlpkit.load(cases[name][0]), as_table(cases[name][1])) for name in NAMES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in SEEDS:
            spec, data, rows = random_model(seed)
            models[f"random-{seed}"] = mlpkit.train(spec, data), as_table(rows)
    for name, (model, table) in models.items():
        mlpkit.to_onnx(model, web_folder / f"{name}.onnx")
        (web_folder / f"{name}.json").write_text(json.dumps(as_json(feeds(model, table))), encoding="utf-8")
    command = [node(), str(web_folder / "predict.mjs"), str(web_folder), *models]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    for (name, (model, table)), line in zip(models.items(), done.stdout.splitlines(), strict=True):
        outputs = [
            np.array([np.nan if value is None else value for value in each["values"]]).reshape(each["dims"])
            for each in json.loads(line).values()
        ]
        found = Predictions(None, np.hstack(outputs)) if model.target_encoder.task == "regression" else Predictions(*outputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
            compared = compare(model, own_predictions(model, table), found)
        assert compared.equal, (name, compared)
