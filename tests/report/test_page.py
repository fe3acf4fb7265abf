"""The page of a report: well-formed, accessible, alone, the same for the same rows, and small."""

import hashlib
import json
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest

import mlpkit
from mlpkit.engine.network import Network
from mlpkit.report import bootstrap
from tests.report.kinds import KINDS, trained

VOID = {"meta"}
QUICK = {"two classes", "folds", "several numbers", "labels"}
EACH = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
ALL = ["scores", "history", "calibration", "wrong", "columns", "slices", "drift", "layers", "facts"]


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    """The pages of these tests have wide intervals, and are made in less time."""
    monkeypatch.setitem(bootstrap.replicates.__kwdefaults__, "count", 20)


class Page(HTMLParser):
    """Elements of a page, which must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.text, self.cells = [], [], [], {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes, _ in self.found if name == tag]

    @property
    def sections(self):
        return [attributes["id"] for attributes in self.all("h2")]


def checked(text):
    """A page that is well-formed and accessible, and loads nothing."""
    page = Page(text)
    assert not page.all("script")
    assert not re.search(r"(?i)\b(src|srcset|action|on\w+)=", text)
    assert not re.search(r"(?i)url\(|@import|https?:", text)
    assert all(link["href"].startswith("#") for link in page.all("a"))
    assert {link["href"][1:] for link in page.all("a")} == set(page.sections)
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in attributes for attributes in page.all("th"))
    drawn = [attributes for attributes in page.all("svg") if attributes.get("aria-hidden") != "true"]
    titles = [1 for name, _, above in page.found if name == "title" and above[-1] == "svg"]
    assert len(titles) == len(drawn)
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in drawn)
    assert [attributes["lang"] for attributes in page.all("html")] == ["en"]
    assert "nan" not in re.sub(r"\w{4,}", "", text.lower())
    return page


def without_target(model, table):
    return {name: column for name, column in table.items() if name not in model.spec.data.target}


@pytest.mark.parametrize("kind", EACH)
def test_every_kind_of_model_has_its_sections(kind):
    model, table = trained(kind, 60, seed=3)
    page = checked(mlpkit.html_report(model, table))
    numbers = model.encoders[1].task == "regression"
    own = ["errors"] if numbers else ["classes", "decisions"]
    expected = [
        name
        for name in [*ALL[:2], *own, *ALL[2:]]
        if name != "calibration" or not numbers or kind in ("a number", "quantiles", "a deviation")
    ]
    assert page.sections == expected


@pytest.mark.parametrize("kind", ["folds", pytest.param("several numbers", marks=pytest.mark.slow), "labels"])
def test_rows_without_targets_and_no_rows_have_fewer_sections(kind):
    model, table = trained(kind, 60, seed=3)
    without = ["scores", "history", "predictions", "columns", "drift", "layers", "facts"]
    assert checked(mlpkit.html_report(model, without_target(model, table))).sections == without
    assert checked(mlpkit.html_report(model)).sections == ["scores", "history", "layers", "facts"]


@pytest.mark.parametrize("kind", ["two classes", "folds", pytest.param("a deviation", marks=pytest.mark.slow)])
def test_training_rows_are_scored_too(kind):
    model, table = trained(kind, 60, seed=3)
    training = trained(kind)[1]
    page = checked(mlpkit.html_report(model, table, training=training))
    text = "".join(page.text)
    assert "Validation and training rows are those of the given training data" in text
    assert ("validation, by the members that held them out" in text) == (kind == "folds")
    assert "and a linear model, fitted on the training rows." in text


def test_the_scores_are_those_of_evaluate():
    model, table = trained("three classes", 60, seed=3)
    text = "".join(checked(mlpkit.html_report(model, table)).text)
    for name, value in model.evaluate(table, metrics=["accuracy", "matthews", "log_loss", "roc_auc"]).items():
        assert f"{name}{value:.4g}".replace("-", "−") in text


def test_weights_count():
    model, table = trained("a number", 60, seed=3)
    weights = np.linspace(0.1, 2, 60)
    text = "".join(checked(mlpkit.html_report(model, table, weights=weights)).text)
    assert f"rmse{model.evaluate(table, weights=weights)['rmse']:.4g}" in text


def test_a_file_has_its_digest_and_is_the_same_each_time(tmp_path):
    model, table = trained("an ensemble", 60, seed=3)
    model.metadata["made"] = "on a Tuesday"
    model.save(tmp_path / "m.h5")
    del model.metadata["made"]
    np.savez(
        tmp_path / "t.npz",
        **{name: column.astype(str) if column.dtype == object else column for name, column in table.items()}
        | {
            "colour": np.where(table["colour"] == None, "", table["colour"]).astype(str)  # noqa: E711
        },
    )
    first, second = (mlpkit.html_report(tmp_path / "m.h5", tmp_path / "t.npz") for _ in range(2))
    assert first == second
    text = "".join(checked(first).text)
    assert hashlib.sha256((tmp_path / "t.npz").read_bytes()).hexdigest() in text
    assert mlpkit.inspect(tmp_path / "m.h5")["manifest_sha256"] in text
    assert "metadata: madeon a Tuesday" in text
    assert f"mlpkit {mlpkit.__version__}, numpy" in text


def test_a_folder_of_files_has_a_digest_too(tmp_path):
    rows = tmp_path / "rows"
    rows.mkdir()
    for part in range(2):
        (rows / f"{part}.csv").write_text("x,y\n" + "".join(f"{row},{row * row % 7}\n" for row in range(part, 40, 2)))
    spec = {"data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1, "batch_size": 8}}
    model = mlpkit.train(spec, rows)
    digests = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(rows.iterdir()))
    text = "".join(checked(mlpkit.html_report(model, rows)).text)
    assert hashlib.sha256(digests.encode()).hexdigest() in text
    assert "of rows" in text


def test_hostile_texts_are_escaped():
    evil = "<script>alert(1)</script>\"'&\u202e\x1b[31m"
    rng = np.random.default_rng(0)
    table = {
        evil: rng.standard_normal(40),
        "c": np.resize(np.array([evil, "b"], object), 40),
        "y": np.resize(np.array([evil + "1", "z"], object), 40),
    }
    spec = {
        "name": evil.replace("\x1b", ""),
        "data": {"target": "y"},
        "network": {"layers": [{"activation": "softmax"}]},
        "loss": "cross_entropy",
    }
    model = mlpkit.train({**spec, "training": {"epochs": 2}, "metrics": ["accuracy"]}, table)
    model.metadata[evil] = {"x": evil}
    for rows in (table, without_target(model, table), None):
        text = mlpkit.html_report(model, rows)
        checked(text)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "\u202e" not in text
        assert "\x1b" not in text


def test_a_page_of_5_classes_and_20_columns_is_small_and_costs_few_predictions(monkeypatch):
    rng = np.random.default_rng(0)
    count = 2000
    x = rng.standard_normal((count, 16))
    table = {f"number {index}": column for index, column in enumerate(x.T)}
    table |= {f"category {index}": np.array([f"level {n}" for n in rng.integers(0, 12, count)], object) for index in range(4)}
    table["y"] = np.array(list("abcde"), object)[(x[:, :5] + 0.5 * rng.standard_normal((count, 5))).argmax(axis=1)]
    spec = {"data": {"target": "y", "split": {"validation": 0.2}}, "network": {"layers": [{"units": 8}, {"activation": "softmax"}]}}
    model = mlpkit.train({**spec, "loss": "cross_entropy", "training": {"epochs": 30}, "metrics": ["accuracy"]}, table)
    predicted = []
    fill = Network._fill_block
    monkeypatch.setattr(
        Network, "_fill_block", lambda self, inputs, z, outputs: predicted.append(len(inputs)) or fill(self, inputs, z, outputs)
    )
    text = mlpkit.html_report(model, table)
    checked(text)
    assert len(text.encode()) <= 100_000
    assert sum(predicted) <= 30 * count  # the rest of the time of 40 predictions is for intervals and baselines


# -- odd rows


def few(table, rows):
    return {name: column[rows] for name, column in table.items()}


def test_no_rows_are_an_error():
    model, table = trained("three classes", 10)
    for rows in (few(table, []), without_target(model, few(table, [])), []):
        with pytest.raises(mlpkit.DataError, match="no rows"):
            mlpkit.html_report(model, rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 12])
def test_few_rows_have_a_page(kind, rows):
    few_rows_have_a_page(kind, rows)


@pytest.mark.parametrize(("kind", "rows"), [("three classes", 1), ("a number", 2)])
def test_a_row_has_a_page(kind, rows):
    few_rows_have_a_page(kind, rows)


def few_rows_have_a_page(kind, rows):
    model, table = trained(kind, rows, seed=3)
    text = "".join(checked(mlpkit.html_report(model, table)).text)
    assert f"on {rows} row" in text


def test_rows_of_one_class_have_no_curves():
    model, table = trained("three classes", 60, seed=3)
    one = few(table, table["kind"] == "low")
    text = "".join(checked(mlpkit.html_report(model, one)).text)
    assert "All rows have the same class, so there are no curves." in text
    assert "No row has the class" in text
    assert "roc_aucundefined" in text


def test_a_constant_target_has_no_r2():
    model, table = trained("a number", 30, seed=3)
    text = "".join(checked(mlpkit.html_report(model, {**table, "price": np.full(30, 1.5)})).text)
    assert "r2undefined" in text


def test_constant_and_missing_columns_have_a_page():
    model, table = trained("a number", 30, seed=3)
    table = {**table, "size": np.full(30, np.nan), "steps": np.zeros(30), "colour": np.full(30, None)}
    text = "".join(checked(mlpkit.html_report(model, table)).text)
    assert "100.0 %" in text


def test_rows_without_a_target_are_left_out_and_counted():
    model, table = trained("a number", 40, seed=3)
    with pytest.warns(mlpkit.LeftOutWarning):
        text = mlpkit.html_report(model, {**table, "price": np.where(np.arange(40) < 7, np.nan, table["price"])})
    assert "33 rows, 7 rows without a target left out" in "".join(checked(text).text)
    with pytest.raises(mlpkit.DataError, match="no row has a target"):
        mlpkit.html_report(model, {**table, "price": np.full(40, np.nan)})


def test_an_unknown_class_is_an_error():
    model, table = trained("three classes", 40, seed=3)
    with pytest.raises(mlpkit.DataError, match="not in the training rows"):
        mlpkit.html_report(model, {**table, "kind": np.full(40, "other", object)})


def test_an_untrained_model_is_an_error():
    with pytest.raises(mlpkit.DataError, match="not been trained"):
        mlpkit.html_report(mlpkit.Model({"network": {"layers": [{}]}, "loss": "mse"}, 2, 1))


def test_imported_models_and_arrays_on_disk_have_a_page(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 3)).astype(np.float32)
    model = mlpkit.from_arrays([rng.standard_normal((3, 2))], [np.zeros(2)], "softmax", classes=["a", "b"])
    np.save(tmp_path / "x.npy", x)
    pages = [mlpkit.html_report(model, rows, np.resize(["a", "b"], 50)) for rows in (x, tmp_path / "x.npy")]
    assert [checked(page).sections for page in pages] == [["scores", "classes", "decisions", *ALL[2:]]] * 2
    assert "x2" in pages[0]
    assert checked(mlpkit.html_report(model, x)).sections[1] == "predictions"


def test_many_rows_are_drawn(monkeypatch):
    model, table = trained("three classes", 150, seed=3)
    for name, most in (
        ("subject.WIDE", 60),
        ("subject.EXPLAINED", 40),
        ("bootstrap.MOST", 50),
        ("layers.ROWS", 20),
        ("baselines.MOST", 30),
    ):
        monkeypatch.setattr(f"mlpkit.report.{name}", most)
    text = "".join(checked(mlpkit.html_report(model, table)).text)
    assert "on 40 of 150 rows" in text
    assert "all of 20 rows" in text


@pytest.mark.slow
def test_many_classes_and_columns_are_shown_in_part():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 120)), np.resize(np.arange(70), 300)
    spec = {"network": {"layers": [{"activation": "softmax"}]}, "loss": "cross_entropy", "training": {"epochs": 1}}
    model = mlpkit.train(spec, x, y)
    text = mlpkit.html_report(model, x, y)
    assert "The first 50 of 70." in "".join(checked(text).text)
    assert "Classes that are mistaken most often" in text
    assert len(text) < 150_000


def test_of_very_many_columns_those_that_matter_are_measured(monkeypatch):
    monkeypatch.setattr("mlpkit.report.subject.PASSES", 3)  # as many as with 7 times as many columns
    x = np.random.default_rng(0).standard_normal((200, 60))
    w = np.zeros((60, 1))
    w[[7, 33]] = 1.0
    model = mlpkit.from_arrays([w], None, "linear")
    text = "".join(checked(mlpkit.html_report(model, x, x[:, 7])).text)
    assert "23 columns were measured, which change the predictions of a few rows the most." in text
    (_, bars) = text.split("Permutation importance of the columns")
    assert bars.index("x7") < 60
    assert bars.index("x33") < 60


def test_flags_in_arrays_and_blocks_have_a_page():
    rng = np.random.default_rng(0)
    flags, y = rng.random((60, 3)) < 0.5, rng.standard_normal(60)
    spec = {"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 2}}
    for rows in (flags, {"flags": flags, "other": rng.standard_normal(60)}):
        model = mlpkit.train(spec, rows, y)
        text = "".join(checked(mlpkit.html_report(model, rows, y)).text)
        assert ("x2" in text) == (rows is flags)


def test_rows_on_disk_without_targets_stay_there(tmp_path, monkeypatch):
    x = np.random.default_rng(0).standard_normal((90, 3)).astype(np.float32)
    model = mlpkit.train({"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 2}}, x, x[:, 0])
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr("mlpkit.report.rows.AT_ONCE", 40)
    pages = [mlpkit.html_report(model, rows) for rows in (x, tmp_path / "x.npy")]
    assert checked(pages[1]).sections[2] == "predictions"
    figures = [page.partition("Quantiles of the predictions")[2].partition("Layers")[0] for page in pages]
    assert figures[0] == figures[1]


def test_a_metric_that_is_not_installed_is_left_out(tmp_path, install):
    code = (
        "import mlpkit\n\nclass Plugin(mlpkit.Metric):\n    task = 'regression'\n    higher_is_better = True\n"
        "    def compute(self, outputs, targets, weights):\n        return 0.25\n"
    )
    install("dist-quarter", "quarter", code, group="metrics")
    x = np.random.default_rng(0).standard_normal((30, 2))
    spec = {"network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 2}, "metrics": ["quarter", "mae"]}
    mlpkit.train(spec, x, x[:, 0]).save(tmp_path / "m.h5")
    assert "quarter0.25" in "".join(checked(mlpkit.html_report(tmp_path / "m.h5", x, x[:, 0])).text)
    for path in install.site.glob("dist_quarter-*/entry_points.txt"):
        path.unlink()
    mlpkit.refresh_plugins()
    text = "".join(checked(mlpkit.html_report(tmp_path / "m.h5", x, x[:, 0])).text)
    assert re.search("quarter–+0.25", text)  # of the history
    assert "median_absolute_error" in text


def test_a_model_without_history_and_rows():
    model = mlpkit.from_arrays([np.ones((2, 1))], None, "linear")
    assert "The file has no scores" in "".join(checked(mlpkit.html_report(model)).text)


def test_single_rows_can_be_left_out():
    model, table = trained("three classes", 60, seed=3)
    page = checked(mlpkit.html_report(model, table, raw=False))
    assert "wrong" not in page.sections
    assert "values of single rows" not in "".join(page.text)


def test_predictions_that_overflow_have_a_page():
    model = mlpkit.from_arrays([np.full((1, 1), 3e38, np.float32)], [np.zeros(1, np.float32)], "linear", dtype="float32")
    x = np.linspace(1, 9, 30, dtype=np.float32)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = mlpkit.html_report(model, x, x[:, 0])
    assert "∞" in "".join(Page(text).text)


def test_the_spec_is_shown_without_its_defaults():
    model, _ = trained("two classes")
    text = "".join(Page(mlpkit.html_report(model)).text)
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert found["decision"] == {"threshold": 0.3}
    assert "seed" not in found
