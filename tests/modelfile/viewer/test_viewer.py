"""The viewer shows the facts of mlpkit.inspect, and predicts as the model does."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import mlpkit

from ...data.test_written_numbers import READ, REFUSED
from ...sampling import one_in
from ..models import CHOICES, UNITS, written_price
from ..scalings import BINS, QUANTILE, ROBUST, TREE

MODELS = Path(__file__).parents[3] / "models"
SHIPPED = ("iris", "penguins", "digits", "diabetes", "xor", "xor-classic")
MOST_POINTS = 2001  # that it draws of a long history


def model_file(name):
    return MODELS / name / "model.h5"


def lines_of(name, rows=60):
    (path,) = (MODELS / name).glob("*.csv")
    return "".join(path.read_text().splitlines(keepends=True)[: rows + 1])


# -- what it shows


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_is_shown(name, page):
    told = mlpkit.inspect(model_file(name))
    assert page.show(model_file(name)) == "model.h5 is shown below."
    assert page.text("#summary h2") == told["spec"]["name"]
    assert page.text("#summary code") == told["manifest_sha256"]
    layers, rows = told["spec"]["network"]["layers"], page.cells("#layers")
    assert [(row[2], row[3]) for row in rows] == [(str(layer["units"]), str(layer["activation"])) for layer in layers]
    assert sum(int(row[6]) for row in rows) == told["parameters"]
    with h5py.File(model_file(name)) as file:  # mlpkit.inspect tells a spec of today's schema
        assert json.loads(page.text("#spec pre")) == json.loads(bytes(file["spec"][()]))
    assert [row[1] for row in page.cells("#plugins")] == [plugin["name"] for plugin in told["plugins"]]
    epochs = told["history"]["epochs"]
    assert page.js("document.querySelector('#history polyline').points.length") == min(epochs, MOST_POINTS)


def test_a_file_can_be_dropped(page):
    drop = {"x": 100, "y": 100, "data": {"items": [], "files": [str(model_file("iris"))], "dragOperationsMask": 1}}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, **drop)
    assert page.done() == "model.h5 is shown below."
    assert page.text("#summary h2") == "iris"


def test_the_plot_follows_its_switches(page):
    page.show(model_file("penguins"))
    heights = "Array.from(document.querySelectorAll('#history polyline'), (line) => Array.from(line.points, (point) => point.y))"
    straight, _ = page.js(heights)
    page.js("document.getElementById('log').click()")
    bent, _ = page.js(heights)
    with h5py.File(model_file("penguins")) as file:
        loss = file["history/loss"][()]
    for values, drawn in ((loss, straight), (np.log10(loss), bent)):  # down the page is up the scale
        assert np.corrcoef(values, drawn)[0, 1] == pytest.approx(-1, abs=1e-3)
    for box in ("loss", "validation_loss"):
        page.js(f"document.querySelector('[name={box}]').click()")
    assert page.js(heights) == []
    assert "choose a column" in page.text("#history")


def test_numbers_are_shown_as_they_are_written(page, changed):
    path = changed("iris", lambda file, manifest, spec: spec.update(seed=2**63 - 1) or manifest["metadata"].update(note="é 日本"))
    page.show(path)
    assert json.loads(page.text("#spec pre"))["seed"] == 2**63 - 1
    assert json.loads(page.text("#metadata pre")) == {"note": "é 日本"}


@pytest.mark.parametrize(("error", "told"), [(0, "agrees to "), (0.25, "differs by 0.2")])
def test_the_probe_is_computed_anew(error, told, page, changed):
    rows = {"sepal_length": [5.0, 6.5], "sepal_width": [3.0, 2.5], "petal_length": [1.5, 5.0], "petal_width": [0.2, 2.0]}

    def add_probe(file, manifest, spec):
        fitted = file["preprocess/inputs"]
        inputs = (np.array([*rows.values()]).T - fitted["center"][()]) / fitted["scale"][()]
        for name in ("probe/inputs", "probe/outputs"):
            if name in file:
                del file[name]
        file["probe/inputs"] = inputs.astype(np.float32)
        file["probe/outputs"] = (mlpkit.load(model_file("iris")).predict_proba(rows) + error).astype(np.float32)

    page.show(changed("iris", add_probe))
    assert told in page.text("#summary")


def test_an_ensemble_is_shown(page):
    path = Path(__file__).parents[1] / "golden" / "1.5-ensemble.h5"
    told = mlpkit.inspect(path)
    assert page.show(path) == "1.5-ensemble.h5 is shown below."
    assert "3 members, whose predictions are averaged" in page.text("#summary")
    assert "agrees to" in page.text("#summary")
    assert sum(int(row[6]) for row in page.cells("#layers")) == told["parameters"]
    assert "3 epochs, from left to right" in page.text("#history")
    loss = mlpkit.load(path).history.columns()["loss"]
    heights = page.js("Array.from(document.querySelector('#history polyline').points, (point) => point.y)")
    assert np.corrcoef(loss, heights)[0, 1] == pytest.approx(-1, abs=1e-3)


# -- what it predicts


def assert_predicted(found, model, rows):
    """Rows as the page shows them, and mlpkit's: labels equal, numbers to the rounding of float32."""
    expected, tolerance = model.predict(rows), {"float32": 1e-6, "float64": 1e-10}[model.spec.dtype]
    if model.classes is not None or expected.dtype.kind in "bi":
        known = [[str(label) for label in np.atleast_1d(row).astype(object if model.classes is not None else int)] for row in expected]
        width = len(known[0])
        assert [[shown.lower() for shown in row[:width]] for row in found] == [[label.lower() for label in row] for row in known]
        chances = [[float(value) for value in row[width:]] for row in found]
        np.testing.assert_allclose(chances, model.predict_proba(rows), rtol=tolerance, atol=tolerance)
    else:
        np.testing.assert_allclose(np.array(found, float), expected.reshape(len(expected), -1), rtol=tolerance)


@pytest.mark.parametrize("name", SHIPPED)
def test_pasted_rows_are_predicted_as_mlpkit_does(name, page, tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text(lines_of(name))
    page.show(model_file(name))
    assert_predicted(page.predict_rows(lines_of(name)), mlpkit.load(model_file(name)), table)


def test_a_typed_in_row_is_predicted(page):
    page.show(model_file("penguins"))
    row = {"island": "Biscoe", "bill_length_mm": "50.5", "bill_depth_mm": "", "flipper_length_mm": "220", "body_mass_g": "5e3"}
    row |= {"sex": "", "year": "2008"}
    for name, value in row.items():
        page.type_in(name, value)
    page.js("document.querySelector('#row button').click()")
    found = page.js("Array.from(document.querySelectorAll('#answer data'), (cell) => cell.value)")
    given = {name: [value or None] for name, value in row.items()}
    assert_predicted([found], mlpkit.load(model_file("penguins")), given)


TARGETS = {
    "numbers": (["mass", "depth"], "linear", "mean_squared_error"),
    "labels": (["large", "spotted"], "sigmoid", "binary_crossentropy"),
    "truth": ("large", "sigmoid", "binary_crossentropy"),
    "decided": ("large", "sigmoid", "binary_crossentropy"),
    "codes": ("code", "softmax", "mean_squared_error"),
    "ordered": ("code", "continuation_ratio", "ordinal"),
    "means": (["mass", "depth"], "linear", "gaussian_nll"),
    "quantiles": (["mass", "depth"], "linear", {"type": "quantile", "quantiles": [0.1, 0.4, 0.6, 0.9]}),
    "counts": (["depth", "spotted"], "linear", "poisson"),
    "averaged numbers": (["mass", "depth"], "linear", "mean_squared_error"),
    "averaged truth": ("large", "sigmoid", "binary_crossentropy"),
    "averaged codes": ("code", "softmax", "categorical_crossentropy"),
}
SCALED = {"truth": ROBUST, "means": QUANTILE, "quantiles": BINS, "counts": TREE}  # preprocessing of some of them
LAYERS = [
    {"units": 5, "activation": {"type": "leaky_relu", "negative_slope": 0.2}, "normalization": "batch"},
    {"units": 4, "activation": "glu", "normalization": "layer"},
    {"units": 4, "activation": "prelu", "normalization": "rms", "residual": 1},
    {"units": 4, "activation": "tanh", "residual": 2},
    *[{"units": 4, "activation": "tanh", "normalization": "layer", "bias": False}] * 10,  # more links than a header holds
]


@pytest.mark.parametrize("name", one_in(3, TARGETS))
@pytest.mark.slow
def test_every_kind_of_column_and_target(name, page, tmp_path):
    rng, rows, (target, activation, loss) = np.random.default_rng(5), np.arange(60), TARGETS[name]
    columns = {
        "length": [None if row % 7 == 0 else float(value) for row, value in enumerate(rng.normal(3, 2, 60))],
        "wet": rows % 3 == 0,
        "island": [None if row % 9 == 0 else ["Dream", "Biscoe", 'Ünst, "far"'][row % 3] for row in rows],
        "pixels": rng.integers(0, 16, (60, 3)),
        "seen": [None if row % 13 == 5 else str(np.datetime64("1967-11-30") + 97 * int(row)) for row in rows],
        "called": [f"2024/0{1 + row % 3}/1{row % 10} {row % 24}:30:{row % 60:02d}.25{'Z' if row % 2 else ' -0330'}" for row in rows],
        "price": [None if row == 7 else written_price(row) for row in rows.tolist()],
        "value": [["€ 1.234,50", "€110,5M", "565K €", "(3,5)", "€ 5,-", "2 mn EUR", "−1 234,5"][row % 7] for row in rows],
        "member": [[" Yes", "no", "TRUE", "f", None, "Nein", "sí"][row % 7] for row in rows],
        "mass": rng.normal(4000, 300, 60),
        "depth": rng.normal(17, 2, 60),
        "large": rows % 4 == 0,
        "spotted": rng.integers(0, 2, 60),
        "code": rng.integers(-1, 2, 60),
    }
    inputs = ["length", "wet", "island", "pixels", "seen", "called", "price", "value", "member"]
    data = {"target": target, "inputs": inputs, "units": UNITS}
    network = {"layers": [*LAYERS, {"activation": activation}]}
    spec = {"data": data, "dtype": "float64", "network": network, "loss": loss, "training": {"epochs": 20}}
    options = SCALED.get(name, {})
    others = {"seen": "date", "called": {"type": "date", "clip": "smooth"}, "member": "boolean", "price": {"type": "robust", "clip": 2}}
    spec["preprocessing"] = options | {"columns": options.get("columns", {}) | others}
    spec |= {"decision": {"threshold": 0.2}} if name in ("decided", "averaged truth") else {}
    spec |= {"ensemble": {"members": 3, "folds": "rotate"}} if name.startswith("averaged") else {}
    model = mlpkit.train(spec, columns)
    model.save(tmp_path / "model.h5")
    shown = page.show(tmp_path / "model.h5")
    assert "below" in shown, shown
    lines = ["island;pixels0;length;called;pixels1;wet;pixels2;seen;price;value;member"]  # in another order
    for row, (island, pixels) in enumerate(zip(columns["island"], columns["pixels"].tolist(), strict=True)):
        quoted = '"{}"'.format((island or "").replace('"', '""'))
        length = "NA" if columns["length"][row] is None else repr(columns["length"][row])
        wet, seen, called = "TRUE" if columns["wet"][row] else "false", columns["seen"][row] or "", columns["called"][row]
        written = ";".join(columns[name][row] or "" for name in ("price", "value", "member"))
        lines.append(f"{quoted};{pixels[0]};{length};{called};{pixels[1]};{wet};{pixels[2]};{seen};{written}")
    assert_predicted(page.predict_rows("\n".join(lines)), model, columns)


@pytest.fixture
def dated(page, tmp_path):
    """A model of one column of dates and times, which the page shows."""
    days = [str(np.datetime64("2020-01-15T18:00") + 2500 * hour) for hour in range(40)]
    layers = [{"units": 4, "activation": "tanh"}, {}]
    spec = {"dtype": "float64", "network": {"layers": layers}, "loss": "mse", "preprocessing": {"columns": {"day": "date"}}}
    model = mlpkit.train(spec | {"training": {"epochs": 5}}, {"day": days}, np.arange(40.0))
    model.save(tmp_path / "model.h5")
    page.show(tmp_path / "model.h5")
    return model


DATES = [
    "2024-03-01",
    "2024/2/29 5:06",
    "2023-04",
    "1969-12-31T23:59:59.75Z",
    "2000-12-31 23:30-00:45",
    "0001-01-01",
    "9999-12-31T23:59:59+00",
]


def test_dates_are_read_as_mlpkit_reads_them(dated, page):
    for text in DATES:
        assert_predicted(page.predict_rows(f"day\n{text}\n"), dated, {"day": [text]})
    page.type_in("day", "2022-02-03T04:05:06")
    page.js("document.querySelector('#row button').click()")
    found = page.js("Array.from(document.querySelectorAll('#answer data'), (cell) => cell.value)")
    assert_predicted([found], dated, {"day": ["2022-02-03T04:05:06"]})


WRONG_DATES = ["2023-02-29", "1.3.2024", "2024-03-01T24:00", "2024.03", "20240301", "0000-01-01", "9999-12-31T23:59-01", "soon"]


@pytest.mark.parametrize("text", WRONG_DATES)
@pytest.mark.slow
def test_a_text_that_is_no_date_is_refused_as_mlpkit_does(dated, page, text):
    assert page.predict_rows(f"day\n{text}\n") == []
    assert f'line 2: day must be a date such as 2024-03-01 or 2024-03-01T12:30, not "{text}"' in page.text("#answers [role=alert]")
    with pytest.raises(mlpkit.DataError):
        dated.predict({"day": [text]})


def of_texts(page, folder, notation, texts):
    """Return a model of one column of texts, which the page shows."""
    units = {"a": {"unit": list(notation.unit), "decimal": notation.decimal, "magnitudes": notation.magnitudes}}
    spec = {"dtype": "float64", "network": {"layers": [{}]}, "loss": "mse", "data": {"units": units}, "training": {"epochs": 1}}
    model = mlpkit.train(spec, {"a": [*texts, "1", "2"]}, np.arange(len(texts) + 2.0))
    model.save(folder / "model.h5")
    page.show(folder / "model.h5")
    return model


NOTATIONS = list(dict.fromkeys([*(notation for notation, _, _ in READ), *REFUSED]))


@pytest.mark.parametrize("notation", one_in(3, NOTATIONS), ids=lambda notation: str(notation.unit))
@pytest.mark.slow
def test_numbers_with_units_are_read_and_refused_as_mlpkit_does(notation, page, tmp_path):
    texts = [text for own, text, _ in READ if own == notation]
    model = of_texts(page, tmp_path, notation, texts)
    for text in texts:
        assert_predicted(page.predict_rows(f'a\n"{text}"\n'), model, {"a": [text]})
    for text in REFUSED.get(notation, []):
        if text in ("", "nan"):  # missing values
            continue
        assert page.predict_rows(f'a\n"{text}"\n') == [], text
        assert "line 2: a must be a number" in page.text("#answers [role=alert]")


@pytest.mark.parametrize("number", one_in(3, range(len(CHOICES))))
def test_every_activation(number, page, tmp_path):
    rng = np.random.default_rng(number)
    columns = {"x": rng.normal(0, 1, 40), "z": rng.normal(0, 1, 40), "y": rng.normal(0, 1, 40)}
    layers = [{"units": 6, "activation": choice, "normalization": "layer"} for choice in CHOICES[number]]
    spec = {"data": {"target": "y"}, "dtype": "float64", "network": {"layers": [*layers, {}]}, "loss": "mse", "training": {"epochs": 2}}
    model = mlpkit.train(spec, columns)
    model.save(tmp_path / "model.h5")
    page.show(tmp_path / "model.h5")
    lines = ["x,z", *(f"{x!r},{z!r}" for x, z in zip(columns["x"].tolist(), columns["z"].tolist(), strict=True))]
    assert_predicted(page.predict_rows("\n".join(lines)), model, columns)


WRONG = {
    "": "there are no rows",
    "sepal_length,sepal_width,petal_length\n1,2,3\n": "there is no column petal_width",
    "1,2,3\n": "line 1 has 3 values, not 4",
    "1,2,3,4\n1,2,x,4\n": 'line 2: petal_length must be a number, not "x"',
    "sepal_length,sepal_width,petal_length,petal_width\n": "there are no rows below",
    '1,2,3,"4\n': "a quote that is not closed",
    "1,2,3,1e999\n": "must be a number",
    "1,2,3,1e300\n1,0x10,3,4": "line 2: sepal_width must be a number",
}


@pytest.mark.parametrize("table", WRONG)
@pytest.mark.slow
def test_a_wrong_table_is_explained(table, page):
    page.show(model_file("iris"))
    assert page.predict_rows(table) == []
    assert WRONG[table] in page.text("#answers [role=alert]")


def test_a_category_that_training_lacked_is_named(page):
    page.show(model_file("penguins"))
    page.predict_rows(lines_of("penguins", 1).replace("Torgersen", "Atlantis"))
    assert 'line 2: island: "Atlantis" was not seen in training' in page.text("#answers")


def test_a_plugin_is_named_where_it_prevents_predictions(page, changed):
    path = changed("iris", lambda file, manifest, spec: spec["network"]["layers"][0].update(activation={"type": "snake:snake", "a": 1.0}))
    page.show(path)
    assert "the activation of layer 0, snake:snake, is that of a plugin" in page.text("#predict")
    assert page.cells("#layers")[0][3] == "snake:snake, a 1"
    assert page.js("document.querySelectorAll('#row, #rows').length") == 0
    assert page.js("document.querySelectorAll('#history polyline').length") == 2
