"""Drawings: learning curves and decision boundaries, as SVG that stands alone."""

from __future__ import annotations

import re
import shutil
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.charts.axis import Axis
from mlpkit.charts.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Series, chart
from mlpkit.report import boundary
from mlpkit.report.boundary import CELLS

MODELS = Path(__file__).parents[2] / "models"
SVG = "{http://www.w3.org/2000/svg}"


def load(name):
    return mlpkit.load(MODELS / name / "model.h5")


def read(drawing):
    """The root of the drawing, which asks for nothing else."""
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg\")|<script|url\(|@import", drawing.svg)
    return ET.fromstring(drawing.svg)


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def lines(root):
    return [path.get("d") for path in root.iter(f"{SVG}path") if (path.get("class") or "").startswith("line")]


def test_learning_curves_have_both_losses_and_the_best_epoch(tmp_path):
    model = load("penguins")
    drawing = model.plot()
    root = read(drawing)
    assert texts(root)[0] == "penguins: loss by epoch"
    assert {"training", "validation", "best: 100", "epoch", "loss"} <= set(texts(root))
    assert len(lines(root)) == 4  # two curves, and their marks in the legend
    drawing.save(tmp_path / "loss.svg")
    assert (tmp_path / "loss.svg").read_text(encoding="utf-8") == drawing.svg == load("penguins").plot().svg
    with pytest.raises(mlpkit.ModelFileError, match="exists"):
        drawing.save(tmp_path / "loss.svg", replace=False)


def test_an_ensemble_has_the_curves_of_its_members():
    model = mlpkit.load(Path(__file__).parents[1] / "modelfile" / "golden" / "1.5-ensemble.h5")
    root = read(model.plot())
    assert {"members", "training"} <= set(texts(root))
    assert "mean of the members" in root.find(f"{SVG}title").text


def test_a_notebook_shows_the_drawing_and_its_rules_stay_in_it():
    drawing = load("iris").plot()
    html = drawing._repr_html_()
    assert drawing.svg in html
    style = ET.fromstring(drawing.svg).find(f"{SVG}style").text
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", style) for part in rule.split(",") if not part.strip().startswith("@")]
    assert selectors
    assert all(selector.startswith(".mlpkit-drawing") for selector in selectors)


def test_a_model_without_a_history_has_no_curve():
    model = mlpkit.from_arrays([np.ones((2, 1))], [np.zeros(1)], [])
    with pytest.raises(mlpkit.DataError, match="no history"):
        model.plot()


# -- boundaries


def regions(root):
    """By color, the cells that are filled, as (columns, rows) of the plane with row 0 at the bottom."""
    found = {}
    for path in root.iter(f"{SVG}path"):
        if not path.get("fill"):
            continue
        filled = found.setdefault(path.get("fill"), np.zeros((CELLS, CELLS), bool))
        for x0, y0, x1, _ in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H[\d.]+z", path.get("d")):
            columns = [round((float(x) - LEFT) / (WIDTH - RIGHT - LEFT) * CELLS) for x in (x0, x1)]
            row = round((HEIGHT - BOTTOM - float(y0)) / (HEIGHT - BOTTOM - TOP) * CELLS)
            filled[row, columns[0] : columns[1]] = True
    return found


def points(root):
    """Classes of the points, in the drawing and in its legend."""
    return sorted(each.get("class") for each in root.iter() if (each.get("class") or "").startswith("dot"))


def test_a_class_that_is_nowhere_predicted_is_in_the_legend():
    rows = {"a": [0.0, 0.1, 0.1], "b": [1.0, 1.0, 0.9], "xor": [1, 1, 0]}
    root = read(mlpkit.plot_boundary(load("xor"), "a", "b", rows))
    assert list(regions(root)) == ["var(--c1)"]
    assert texts(root.findall(f"{SVG}g")[-1]) == ["0", "1"]


def test_regions_are_the_predicted_classes():
    model = load("xor")
    rows = {"a": [0.0, 0.0, 1.0, 1.0], "b": [0.0, 1.0, 0.0, 1.0], "xor": [0, 1, 1, 0]}
    root = read(mlpkit.plot_boundary(model, "a", "b", rows))
    edges = np.linspace(-0.06, 1.06, CELLS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    a, b = np.meshgrid(middles, middles)
    predicted = model.predict({"a": a.ravel(), "b": b.ravel()}).reshape(CELLS, CELLS)
    found = regions(root)
    np.testing.assert_array_equal(found["var(--c1)"], predicted == 1)
    np.testing.assert_array_equal(found["var(--c0)"], predicted == 0)
    assert points(root) == ["dot c0"] * 3 + ["dot shape c1"] * 3  # two rows of each class, and the legend
    assert {"a", "b", "0", "1"} <= set(texts(root))


def test_other_columns_have_typical_values():
    model = load("penguins")
    path = MODELS / "penguins" / "penguins.csv"
    root = read(mlpkit.plot_boundary(model, "bill_length_mm", "bill_depth_mm", path))
    assert {"Adelie", "Chinstrap", "Gentoo"} <= set(texts(root))
    covered = sum(filled.astype(int) for filled in regions(root).values())
    assert (covered == 1).all()
    assert 300 < len(points(root)) - 3 <= 400
    assert len({path.get("d") for path in root.iter(f"{SVG}path") if "shape" in (path.get("class") or "")}) == 2


def test_typical_values_are_the_same_in_memory_and_in_text(tmp_path, monkeypatch):
    """Numbers, dates and booleans of text files are texts until they are encoded."""
    rows = np.arange(41)
    columns = {
        "a": rows / 40,
        "b": rows % 7 / 7,
        "mass": np.where(rows < 3, 2.0, 100.0 + rows),
        "day": np.datetime64("2024-01-01") + np.where(rows < 3, 0, 100 + rows),
        "flag": rows == 1,
        "island": np.array(["x", "y", "y"], object)[rows % 3],
        "y": rows * 1.0,
    }
    preprocessing = {"columns": {"day": "date", "flag": "boolean"}}
    spec = {"data": {"target": "y"}, "preprocessing": preprocessing, "network": {"layers": [{}]}, "loss": "mse"}
    model = mlpkit.train({**spec, "training": {"epochs": 1}}, columns)
    lines = [",".join(columns), *(",".join(map(str, line)) for line in zip(*columns.values(), strict=True))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    planes, plane = [], boundary._plane
    monkeypatch.setattr(boundary, "_plane", lambda *given: planes.append(plane(*given)) or planes[-1])
    for given in (columns, tmp_path / "rows.csv"):
        mlpkit.plot_boundary(model, "a", "b", given)
    for table in planes:
        assert {name: str(table[name][0]) for name in ("mass", "day", "flag", "island")} == {
            "mass": "120.0",
            "day": "2024-04-30T00:00:00.000000",
            "flag": "False",
            "island": "y",
        }


def test_predictions_that_overflow_leave_their_cells_empty():
    model = mlpkit.from_arrays([np.full((2, 1), 3e38, np.float32)], [np.zeros(1, np.float32)], "linear", dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        some = read(mlpkit.plot_boundary(model, "x0", "x1", np.array([[0.0, 0.0], [5.0, 5.0]])))
        none = read(mlpkit.plot_boundary(model, "x0", "x1", np.array([[4.0, 4.0], [5.0, 5.0]])))
    assert "3.275e+38" in texts(some)
    assert texts(none)[-2:] == ["undefined", "undefined"]
    assert not regions(none)


@pytest.mark.parametrize(("low", "high"), [(2e-15, 4e-15), (0.69311, 0.69319), (1013.2, 1013.9), (-1e300, 1e300), (1e7, 1e7 + 3)])
def test_ticks_are_different_texts_at_their_values(low, high):
    ticks = Axis("", low, high, 0.0, 100.0).ticks
    assert 2 < len({text for _, text in ticks}) == len(ticks)
    values = [float(text.replace(",", "").replace("−", "-")) for _, text in ticks]
    np.testing.assert_allclose(
        [place for place, _ in ticks], [100 * (value / 2 - low / 2) / (high / 2 - low / 2) for value in values], atol=1
    )


def test_values_at_the_end_of_the_range_of_floats_are_left_out():
    values = np.array([-1.7e308, 1.0, 2.0, 1.7e308, np.nan])
    drawing = chart("all", [Series("", values, values, "points")], "x", "y")
    assert drawing.count("h0") == 2
    assert "1.5" in drawing


def test_numbers_are_shades_and_rows_need_no_target():
    model = load("diabetes")
    root = read(mlpkit.plot_boundary(model, "bmi", "bp", MODELS / "diabetes" / "diabetes.csv"))
    shades = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "var(--c0)"]
    assert len({path.get("opacity") for path in shades}) > 5
    assert sum(regions(root)["var(--c0)"].ravel()) == CELLS**2
    assert points(root) == ["dot c5 small"]


def test_without_rows_the_range_is_that_of_the_training_rows():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(10, 2, 60), rng.normal(-3, 1, 60)])
    layers = [{"units": 4, "activation": "tanh"}, {"activation": "sigmoid"}]
    spec = {"network": {"layers": layers}, "loss": "binary_crossentropy", "training": {"epochs": 5}}
    model = mlpkit.train(spec, x, (x[:, 0] > 10).astype(int))
    root = read(mlpkit.plot_boundary(model, "x0", "x1"))
    assert {"x0", "x1", "10"} <= set(texts(root))
    assert not points(root)


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (("island", "year"), None, "'island' is no single number per row"),
        (("length", "year"), None, "'length' is no column of the model"),
        (("bill_length_mm", "bill_length_mm"), None, "both columns are 'bill_length_mm'"),
        (("bill_length_mm", "bill_depth_mm"), None, "more columns than these two, such as 'island'"),
        (("bill_length_mm", "bill_depth_mm"), [], "no rows"),
        (("bill_length_mm", "bill_depth_mm"), {"island": ["Dream"]}, "bill_length_mm"),
        (("bill_length_mm", "bill_depth_mm"), "wrong.csv", "inf in line 2 of wrong.csv"),
        (("bill_length_mm", "bill_depth_mm"), "huge.csv", "in line 2 of huge.csv that is too large"),
        (("bill_length_mm", "bill_depth_mm"), "crow.csv", "has the class 'Crow' in line 2 of crow.csv"),
    ],
)
def test_wrong_columns_and_rows(names, rows, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head, first, *others = (MODELS / "penguins" / "penguins.csv").read_text().splitlines()
    for name, line in {
        "wrong": first.replace("39.1", "inf"),
        "huge": first.replace("39.1", "1e300"),
        "crow": first.replace("Adelie", "Crow"),
    }.items():
        Path(f"{name}.csv").write_text("\n".join([head, line, *others]))
    with pytest.raises(mlpkit.DataError, match=message):
        mlpkit.plot_boundary(load("penguins"), *names, rows)


def test_names_from_a_stranger_stay_text():
    evil = "</text><script>alert(1)</script>"
    columns = {evil: np.arange(20.0), "b&b": np.arange(20.0) ** 2, "y": ["<i>", "&amp;"] * 10}
    layers = [{"units": 3, "activation": "tanh"}, {"activation": "softmax"}]
    spec = {"name": evil, "data": {"target": "y"}, "network": {"layers": layers}, "loss": "categorical_crossentropy"}
    model = mlpkit.train({**spec, "training": {"epochs": 2}}, columns)
    for drawing in (model.plot(), mlpkit.plot_boundary(model, evil, "b&b", columns)):
        read(drawing)
    assert "<i>" in texts(read(mlpkit.plot_boundary(model, evil, "b&b", columns)))


def test_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(MODELS / "penguins", tmp_path / "models" / "penguins")
    section = (MODELS / "README.md").read_text("utf-8").partition("## Draw a model")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", section, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    read(mlpkit.plot_boundary(load("penguins"), "bill_length_mm", "bill_depth_mm", MODELS / "penguins" / "penguins.csv"))
    assert (tmp_path / "boundary.svg").read_text("utf-8").startswith("<svg")


def test_numbers_that_are_too_far_apart_are_refused():
    columns = {"a": np.linspace(-1, 1, 20), "b": np.linspace(0, 1, 20), "y": np.arange(20.0)}
    spec = {"dtype": "float64", "data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 2}}
    model = mlpkit.train(spec, columns)
    with pytest.raises(mlpkit.DataError, match="the values of 'a' are too large to draw"):
        mlpkit.plot_boundary(model, "a", "b", {"a": [-1e308, 1e308], "b": [0.0, 1.0]})
