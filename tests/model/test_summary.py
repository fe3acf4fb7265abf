"""Models, layers, plugins and histories print what they are."""

import numpy as np
import pandas as pd

import mlpkit
from mlpkit.losses import MeanSquaredError
from mlpkit.optimizers import Adam
from mlpkit.spec import Layer
from mlpkit.spec.embedding_text import embedding_text

RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((30, 3)), RNG.standard_normal(30)
SPEC = {
    "name": "deep",
    "network": {
        "layers": [
            {"units": 1000, "activation": "relu", "normalization": "batch", "dropout": 0.2, "l2": 0.001},
            {"units": 5, "activation": "glu", "bias": False, "trainable": False},
            {"units": 5, "activation": "prelu", "dropout": {"type": "alpha", "rate": 0.1}, "residual": 1, "weight_constraint": "unit_norm"},
            {"units": 1},
        ]
    },
    "loss": "mse",
    "training": {"epochs": 12},
    "data": {"split": {"validation": 0.2}},
}
LINES = """deep: 3 inputs, float32
layer  outputs  activation  options                                        parameters
0      1000     relu        batch normalization, dropout 0.2, l2 0.001          7,000
1      5        glu         no bias, not trained                               10,000
2      5        prelu       alpha dropout 0.1, residual 1, unit_norm               35
3      1        linear                                                              6
17,041 parameters, 5,041 of them trained
loss mean_squared_error, optimizer adam, """


def test_a_model_prints_its_layers_and_its_last_epoch():
    model = mlpkit.Model(SPEC, inputs=3, outputs=1)
    lines = [" ".join(line.split()) for line in LINES.splitlines()]
    assert [" ".join(line.split()) for line in str(model).splitlines()] == [*lines[:-1], f"{lines[-1]} not trained"]
    model = mlpkit.train(SPEC, X, Y)
    assert model.summary() == str(model)
    last = model.history[-1]
    assert str(model).endswith(f"12 epochs: loss {last.loss:.4g}, validation loss {last.validation_loss:.4g}")
    assert len({len(line) for line in str(model).splitlines()[1:6]}) == 1, "the table is aligned"


EMBEDDINGS = [
    {"type": "pbld"},
    {"type": "piecewise_linear", "inputs": [1], "bins": 12, "units": 1},
    {"type": "periodic", "inputs": [0, 1], "frequencies": 1},
    {"type": "category", "inputs": [2], "levels": [1200], "units": 4},
]
TEXTS = [
    "2 numbers: pbld, 16 frequencies, 3 units",
    "1 number: piecewise_linear, 12 bins, 1 unit",
    "2 numbers: periodic, 1 frequency, 8 units",
    "1 category: 1,200 levels, 4 units",
]


def test_embeddings_and_factors_of_the_inputs_have_a_line_each():
    spec = {**SPEC, "network": {"layers": [{"units": 1}], "input_scale": True, "embeddings": EMBEDDINGS}}
    spec["network"]["embeddings"][0]["inputs"] = [0, 1]
    lines = str(mlpkit.Model(spec, inputs=3, outputs=1)).splitlines()
    counts = ["166 parameters", "26 parameters", "50 parameters", "4,804 parameters"]
    assert lines[1:5] == [f"{text}, {count}" for text, count in zip(TEXTS, counts, strict=True)]
    assert lines[5] == "29 inputs of the first layer, with a trained factor each"
    assert embedding_text({"type": "pbld", "inputs": None, "units": 2}) == "all numbers: pbld, 2 units"


def test_plugins_and_layers_print_what_they_are():
    assert str(MeanSquaredError()) == "MeanSquaredError()"
    assert str(Adam(beta1=0.5)).startswith("Adam(learning_rate=0.001, beta1=0.5")
    layer = Layer.model_validate({"units": 64, "activation": "relu", "normalization": "rms", "dropout": 0.2})
    assert str(layer) == "64 units, relu, rms normalization, dropout 0.2"
    assert str(Layer.model_validate({})) == "the last layer, linear"
    assert f"{Layer.model_validate({'units': 1})}" == "1 unit, linear"


def test_a_history_is_a_table():
    history = mlpkit.train({**SPEC, "training": {"epochs": 12}}, X, Y).history
    frame = pd.DataFrame(history.columns())
    assert list(frame.columns) == ["epoch", "loss", "validation_loss", "learning_rate", "penalty"]
    assert len(frame) == 12
    page = history._repr_html_()
    assert page.count("<tr>") == 1 + 5 + 1 + 5
    assert "<td>12</td>" in page
    assert f"<td>{history[0].loss:.6g}</td>" in page
    assert "<td>...</td>" in page
    short = mlpkit.train({**SPEC, "training": {"epochs": 2}, "data": {}}, X, Y).history
    assert "validation_loss" not in short._repr_html_()
    assert short._repr_html_().count("<tr>") == 3
    assert mlpkit.Model(SPEC, inputs=3, outputs=1).history._repr_html_().startswith("<table>")
