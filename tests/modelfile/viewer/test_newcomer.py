"""The viewer for a newcomer: an example, a drawing, the best epoch, values under the pointer, explanations, tables, files to save."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re

import h5py
import numpy as np
import pytest

import mlpkit

from .conftest import MODELS
from .test_viewer import assert_predicted, lines_of, model_file

DOWNLOADS = """window.saved = [];
URL.createObjectURL = (blob) => { saved.push(blob); return 'blob:none' };
HTMLAnchorElement.prototype.click = () => {};"""
MOVES = """Array.from(document.querySelectorAll('#why tbody tr'),
    (row) => [row.cells[0].textContent, Number(row.querySelector('data').value)])"""


def saved(page, button):
    """The text of the file that a button saves."""
    page.js(DOWNLOADS)
    page.js(f"document.getElementById({json.dumps(button)}).click()")
    return page.js("saved[0].text()")


def test_it_begins_with_an_example_and_says_what_it_is(page):
    assert page.text("#message") == "An example, the species of penguins, is shown below."
    assert page.text("#summary h2") == "penguins"
    assert "A model of mlpkit, a multi-layer perceptron, is one file." in page.text("h1 + p")
    page.js("document.querySelector('#row button').click()")
    assert page.text("#answer strong") in ("Adelie", "Chinstrap", "Gentoo")


def test_the_example_is_a_model_that_mlpkit_loads(tmp_path):
    text = (MODELS / "viewer.html").read_text(encoding="utf-8")
    packed = re.search(r'id="example">(.*?)</script>', text, re.DOTALL)[1]
    (tmp_path / "example.h5").write_bytes(gzip.decompress(base64.b64decode(packed)))
    assert mlpkit.load(tmp_path / "example.h5").classes.tolist() == ["Adelie", "Chinstrap", "Gentoo"]


def test_a_file_takes_the_place_of_the_example(page):
    page.show(model_file("iris"))
    assert page.text("#message") == "model.h5 is shown below."
    assert page.text("#summary h2") == "iris"


def test_the_network_is_drawn_with_a_line_for_each_weight(page):
    page.show(model_file("xor"))
    weights = [mlpkit.load(model_file("xor")).get_weights()[f"layers.{layer}.weight"] for layer in (0, 1)]
    drawn = page.js(
        "Array.from(document.querySelectorAll('#drawing line'), (line) => [line.getAttribute('class'), line.getAttribute('stroke-width')])"
    )
    assert len(drawn) == sum(weight.size for weight in weights)
    assert sum(style == "edge less" for style, _ in drawn) == sum(int((weight < 0).sum()) for weight in weights)
    largest = [np.abs(weight) / np.abs(weight).max() for weight in weights]
    widths = sorted(0.3 + 2.2 * size for layer in largest for size in layer.ravel())
    np.testing.assert_allclose(sorted(float(width) for _, width in drawn), widths, atol=0.006)
    titles = page.texts("#drawing title")
    assert titles[:2] == ["a", "b"]
    assert titles[-1] == "xor=1"


@pytest.mark.slow
def test_a_wide_or_deep_network_is_drawn_in_part_or_not(page, tmp_path):
    columns = {f"x{index}": np.arange(20.0) * (index + 1) for index in range(40)} | {"y": np.arange(20.0)}
    for name, layers in {"wide": [{"units": 50}, {}], "deep": [{"units": 3, "activation": "tanh"}] * 9 + [{}]}.items():
        model = mlpkit.train({"data": {"target": "y"}, "network": {"layers": layers}, "loss": "mse", "training": {"epochs": 1}}, columns)
        model.save(tmp_path / f"{name}.h5")
    page.show(tmp_path / "wide.h5")
    assert page.js("document.querySelectorAll('#drawing circle').length") == 16 + 16 + 1
    assert "the first and last units are shown" in page.text("#layers")
    page.show(tmp_path / "deep.h5")
    assert "10 layers, too many to draw" in page.text("#layers")


@pytest.mark.parametrize("monitor", ["validation_loss", "training_loss", "accuracy", None])
@pytest.mark.slow
def test_the_best_epoch_is_marked(monitor, page, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    columns = {"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] + rng.normal(size=80) > 0, "yes", "no")}
    spec = {
        "data": {"target": "y", "split": {"validation": 0.3}},
        "network": {"layers": [{"units": 16, "activation": "tanh"}, {"activation": "softmax"}]},
    }
    stop = {"early_stopping": {"monitor": monitor, "patience": 60}} if monitor else {}
    model = mlpkit.train({**spec, "loss": "categorical_crossentropy", "metrics": ["accuracy"], "training": {"epochs": 60, **stop}}, columns)
    model.save(tmp_path / "model.h5")
    page.show(tmp_path / "model.h5")
    history = model.history.columns()
    values = history["loss" if monitor == "training_loss" else monitor or "validation_loss"]
    best = int(values.argmax() if monitor == "accuracy" else values.argmin())
    assert page.text("#readout").startswith(f"best epoch: {best + 1}, ")
    place = page.js("Number(document.querySelector('#history .best').getAttribute('x1'))")
    first, last = 64, 780
    assert place == pytest.approx(first + best / (len(values) - 1) * (last - first))


def test_values_are_shown_under_the_pointer_and_by_keys(page):
    page.show(model_file("penguins"))
    with h5py.File(model_file("penguins")) as file:
        loss, validation = file["history/loss"][()], file["history/validation_loss"][()]
    shown = "Array.from(document.querySelectorAll('#readout data'), (cell) => Number(cell.value))"
    move = "(() => {{ const plot = document.querySelector('.plot'), box = plot.getBoundingClientRect(); "
    move += "plot.dispatchEvent(new PointerEvent('pointermove', {{clientX: box.left + box.width * {0} / 800}})); }})()"
    page.js(move.format(64))
    assert page.js(shown) == [loss[0], validation[0]]
    page.js(move.format(780))
    assert page.js(shown) == [loss[-1], validation[-1]]
    press = "document.querySelector('.plot').dispatchEvent(new KeyboardEvent('keydown', {{key: '{0}', cancelable: true}}))"
    for key, place in {"Home": 0, "ArrowRight": 1, "PageDown": 11, "ArrowLeft": 10, "End": len(loss) - 1}.items():
        page.js(press.format(key))
        assert page.js(shown) == [loss[place], validation[place]]
        assert page.text("#readout").startswith(f"epoch {place + 1}: ")


def test_a_prediction_is_explained_column_by_column(page):
    page.show(model_file("penguins"))
    model = mlpkit.load(model_file("penguins"))
    row = {"island": "Biscoe", "bill_length_mm": "50.5", "bill_depth_mm": "", "flipper_length_mm": "220", "body_mass_g": "5000"}
    row |= {"sex": "male", "year": "2008"}
    for name, value in row.items():
        page.type_in(name, value)
    page.js("document.querySelector('#row button').click()")
    found = page.js(MOVES)
    given = {name: value or None for name, value in row.items()}
    best = model.predict([given])[0]
    label = model.classes.tolist().index(best)
    own = model.predict_proba([given])[0, label]
    fill = dict(zip([column.name for column in model.input_encoder.numbers.columns], model.input_encoder.numbers.fill, strict=True))
    expected = {}
    for column in model.input_encoder.columns:
        others = [given | {column.name: value} for value in (column.categories or [fill.get(column.name)])]
        expected[column.name] = own - np.mean([model.predict_proba([other])[0, label] for other in others])
    assert {name for name, _ in found} == set(expected)
    # a missing number has the median too, and an indicator of its own: both are replaced by the median in the page
    np.testing.assert_allclose([value for _, value in found], [expected[name] for name, _ in found], atol=1e-6)
    assert [abs(value) for _, value in found] == sorted((abs(value) for _, value in found), reverse=True)
    assert f"species={best}" in page.text("#why th:nth-child(2)")


@pytest.mark.slow
def test_a_file_of_many_rows_is_predicted_and_saved(page, tmp_path):
    page.show(model_file("iris"))
    rng = np.random.default_rng(0)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    rows = rng.uniform(1, 6, (2345, 4))
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    root = page.send("DOM.getDocument")["root"]["nodeId"]
    node = page.send("DOM.querySelector", nodeId=root, selector="#table")["nodeId"]
    page.send("DOM.setFileInputFiles", nodeId=node, files=[str(tmp_path / "rows.csv")])
    page.until("document.querySelector('#save-rows') !== null")
    assert "2,345 rows; all of them are in the file to save." in page.text("#answers")
    assert len(page.cells("#answers")) == 500
    table = list(csv.reader(io.StringIO(saved(page, "save-rows"))))
    assert table[0] == [*names, "predicted_species", "species=setosa", "species=versicolor", "species=virginica"]
    np.testing.assert_array_equal(np.array([row[:4] for row in table[1:]], float), rows)
    assert_predicted([row[4:] for row in table[1:]], mlpkit.load(model_file("iris")), dict(zip(names, rows.T, strict=True)))


@pytest.mark.slow
def test_a_table_that_is_dropped_is_predicted(page, tmp_path):
    page.show(model_file("iris"))
    (tmp_path / "rows.csv").write_text(lines_of("iris", 5))
    drop = {"x": 100, "y": 100, "data": {"items": [], "files": [str(tmp_path / "rows.csv")], "dragOperationsMask": 1}}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, **drop)
    page.until("document.querySelector('#save-rows') !== null")
    assert len(page.cells("#answers")) == 5
    (tmp_path / "rows.csv").write_text("sepal_length\n1\n")
    for kind in ("dragEnter", "dragOver", "drop"):
        page.send("Input.dispatchDragEvent", type=kind, **drop)
    page.until("document.querySelector('#answers [role=alert]') !== null")
    assert "there is no column sepal_width" in page.text("#answers")


@pytest.mark.slow
def test_history_plot_and_spec_are_saved(page):
    page.show(model_file("penguins"))
    table = list(csv.reader(io.StringIO(saved(page, "save-history"))))
    with h5py.File(model_file("penguins")) as file:
        expected = {name: file[f"history/{name}"][()] for name in table[0]}
    for column, name in enumerate(table[0]):
        np.testing.assert_array_equal(np.array([row[column] for row in table[1:]], float), expected[name])
    assert json.loads(saved(page, "save-spec"))["name"] == "penguins"
    drawing = saved(page, "save-plot")
    assert drawing.startswith("<svg")
    assert "polyline { fill: none" in drawing
    assert "--text: #" in drawing


def test_a_cell_that_a_spreadsheet_would_split_is_quoted(page):
    assert page.js("toCsv([['a,b', 'c\"d', 1.5, null], ['e\\nf', 'g']])") == '"a,b","c""d",1.5,\r\n"e\nf",g\r\n'


def test_plugins_are_folded(page):
    page.show(model_file("iris"))
    assert page.js("document.querySelector('#plugins details').open") is False
    assert len(page.cells("#plugins")) > 2


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_is_no_wider_than_its_window(width, page):
    page.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    try:
        page.show(model_file("digits"))
        page.js("document.querySelector('#row button').click()")
        assert page.js("document.documentElement.scrollWidth <= innerWidth")
    finally:
        page.send("Emulation.clearDeviceMetricsOverride")
