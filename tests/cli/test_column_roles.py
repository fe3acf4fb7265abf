"""The columns that people have: `mlpkit init` says what it makes of each, and --task and --metric override it."""

from __future__ import annotations

import csv
import json
from itertools import product

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.cli.category_treatment import category_treatment
from mlpkit.cli.draft import draft
from mlpkit.data.readers import read_table
from mlpkit.spec.presets import expanded

from ..sampling import one_in

RNG = np.random.default_rng(1)
ROWS = 300
PRICE, KILOS = RNG.uniform(50, 9e4, ROWS).round(2), RNG.uniform(1, 90, ROWS).round(1)
DAYS = [f"2021-{1 + row % 12:02d}-{1 + int(RNG.integers(28)):02d}" for row in range(ROWS)]


def of(pattern):
    return [pattern(row) for row in range(ROWS)]


COLUMNS = {  # values, what the column becomes, and a part of the reason
    "customer_id": ([1000 + int(number) for number in RNG.permutation(5 * ROWS)[:ROWS]], "left out", "its name is that of ids"),
    "KundenNr": (of(lambda row: 10000 + 7 * row), "left out", "its name is that of ids"),
    "row": (of(lambda row: row + 1), "left out", "it numbers the rows"),
    "shuffled": ((RNG.permutation(ROWS) + 1).tolist(), "left out", "each whole number from 1 to 300 once"),
    "zip": (of(lambda row: ["02139", "10115", "00501", "90210", "33101"][row % 5]), "one_hot", "leading zeros, such as '02139': 5"),
    "account": (of(lambda row: f"{row * 7919 % 99991:05d}"), "left out", "each row has another one"),
    "price": (of(lambda row: f"${PRICE[row]:,.2f}"), "number", "in '$'"),
    "weight": (of(lambda row: f"{KILOS[row]} kg" if row % 37 else "n/a"), "number", "in 'kg'"),
    "mixed": (of(lambda row: f"{KILOS[row]} kg" if row % 2 else f"{KILOS[row] * 1000:.0f} g"), "left out", "which are different units"),
    "pack": (of(lambda row: ["1 kg", "2 kg", "5 kg", "250 g", "500 g", "750 g"][row % 6]), "one_hot", "its 6 texts are categories"),
    "rate": (of(lambda row: f"{KILOS[row] / 3:.1f}%"), "number", "in '%'"),
    "fee": (of(lambda row: f"CHF {row % 17}.-"), "number", "in 'CHF'"),
    "worth": (of(lambda row: "free" if row % 31 == 1 else f"€{PRICE[row] / 1e3:.1f}{'KM'[row % 2]}"), "number", "in '€'"),
    "balance": (of(lambda row: f"({PRICE[row]:,.0f})" if row % 3 == 0 else f"{PRICE[row]:,.0f}"), "number", " is -"),
    "smoker": (of(lambda row: ["yes", "No", " YES", "no"][row % 4]), "boolean", "words for true and false: "),
    "member": (of(lambda row: ["ja", "nein", ""][int(RNG.integers(3))]), "boolean", "'ja', 'nein'"),
    "active": (of(lambda row: ["true", "False"][int(RNG.integers(2))]), "boolean", "true and false"),
    "sex": (of(lambda row: "mf"[int(RNG.integers(2))]), "one_hot", "2 different texts"),
    "rating": (of(lambda row: 1 + int(RNG.integers(5))), "number", "5 whole numbers from 1 to 5"),
    "pclass": (of(lambda row: 1 + int(RNG.integers(3))), "one_hot", "codes, by the name: 3 categories"),
    "year": (of(lambda row: 1990 + int(RNG.integers(30))), "number", "years from 1990 to 2019"),
    "signup": (DAYS, "date", "year, month"),
    "halfdate": (of(lambda row: DAYS[row] if row % 2 else f"x{row}"), "left out", "it has dates and other texts, such as 'x0'"),
    "halfserial": (of(lambda row: DAYS[row] if row % 2 else 45000 + row), "left out", "it has dates and other texts, such as '45000'"),
    "halfnumber": (of(lambda row: row * 1.5 if row % 2 else f"t{row}"), "left out", "it has numbers and other texts, such as 't0'"),
    "age": (RNG.uniform(18, 90, ROWS).round(1).tolist(), "number", "from 1"),
    "city": (of(lambda row: ["Rome", "Oslo", "Bern"][int(RNG.integers(3))]), "one_hot", "3 different texts"),
    "income": (of(lambda row: ["$10K-$20K", "$20K-$50K", "under $10K", "$50K+"][row % 4]), "one_hot", "ranges of numbers, such as"),
    "span": (of(lambda row: f"{row}-{row + 5} kg"), "left out", "it has ranges of numbers, such as '0-5 kg'"),
    "note": (of(lambda row: f"note {row}"), "left out", "300 different texts in 300 rows"),
    "constant": (["same"] * ROWS, "left out", "it has only one value"),
}  # fmt: skip
TARGET = [f"${value:,.0f}" for value in (2 * PRICE + 100 * KILOS).round()]


def write(path, columns):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def test_a_table_of_many_kinds_of_columns(folder, run):
    columns = {name: values for name, (values, _, _) in COLUMNS.items()}
    write(folder / "t.csv", columns | {"sold": TARGET})
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0, done.err
    lines = {line.split()[0]: line for line in reversed(done.err.splitlines())}
    assert lines["column"].split() == ["column", "becomes", "because"]
    for name, (_, becomes, reason) in COLUMNS.items():
        shown = lines[name].removeprefix(name).strip()
        assert shown.startswith(becomes), lines[name]
        assert reason in shown, lines[name]
    assert (
        lines["target"]
        == f"target sold (the last column): numbers, such as {TARGET[0]!r}, read as {float(TARGET[0][1:].replace(',', '')):g}"
    )
    assert 'to override: "preprocessing": {"columns": {"NAME": ...}} with "standardize", "one_hot", ' in done.err
    spec = json.loads((folder / "spec.json").read_text())
    units = {
        "price": "$",
        "weight": "kg",
        "rate": "%",
        "fee": "CHF",
        "worth": {"unit": "€", "magnitudes": True},
        "balance": "",
        "sold": "$",
    }
    assert (spec["data"]["units"], spec["data"]["missing"]) == (units, ["free"])
    treatments = {name: becomes.replace("left out", "ignore") for name, (_, becomes, _) in COLUMNS.items() if becomes != "number"}
    plain = {"active", "sex", "city", "income"}  # what they are without a word in the spec
    assert spec["preprocessing"]["columns"] == {name: how for name, how in treatments.items() if name not in plain}
    trained = run("train", "spec.json", "--epochs", 2, "-o", "model.h5")
    assert trained.code == 0, trained.err
    assert run("check", "spec.json").code == 0
    predicted = run("predict", "model.h5", "t.csv")
    assert (predicted.code, len(predicted.out.splitlines())) == (0, ROWS + 1)
    model = mlpkit.load("model.h5")
    np.testing.assert_array_equal(
        [float(line) for line in predicted.out.splitlines()[1:]], model.predict(pd.DataFrame(columns).astype(str))
    )
    encoder = model.input_encoder
    matrix = encoder.encode(read_table("t.csv"), "float64")
    mean, deviation = encoder.numbers.center[0], encoder.numbers.scale[0]
    scaled = (pd.to_numeric(pd.Series(columns["price"]).str.replace("[$,]", "", regex=True)) - mean) / deviation
    np.testing.assert_allclose(matrix[:, 0], scaled / np.hypot(1, scaled / 3), rtol=1e-12)


@pytest.mark.slow
def test_of_300_columns_only_the_special_ones_are_listed(folder, run):
    numbers = {f"x{index}": RNG.normal(size=ROWS).round(3) for index in range(290)}
    special = {name: COLUMNS[name][0] for name in ("zip", "price", "smoker", "signup", "note", "sex", "row")}
    write(folder / "t.csv", numbers | special | {"y": RNG.normal(size=ROWS).round(3)})
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert len(lines) < 20
    assert {line.split()[0] for line in lines} >= {"zip", "smoker", "signup", "note", "row"}
    assert any(line.startswith("291 numbers: x0, x1, ") for line in lines)
    assert "1 category: sex" in lines


def test_many_columns_that_are_left_out_are_counted(folder, run):
    constants = {f"c{index}": ["same"] * ROWS for index in range(60)}
    write(folder / "t.csv", constants | {"x": RNG.normal(size=ROWS), "y": RNG.normal(size=ROWS)})
    done = run("init", "t.csv", "--quality", "fast")
    assert "20 more left out: c40, c41" in done.err
    assert "1 number: x" in done.err


CODES = {  # name and number of different codes: what they become
    ("region_code", 15): "one_hot",
    ("region_code", 30): "one_hot",
    ("region_code", 200): "number",
    ("customer_id", 15): "left out  it decides the split by group",
    ("customer_id", 250): "left out  ids, by the name, with 250 different ones in 400 rows",
    ("house_id", 4): "one_hot",
    ("rooms", 15): "number",
}


@pytest.mark.parametrize(("name", "levels"), one_in(2, CODES))
def test_whole_numbers_are_codes_by_name_and_number(name, levels, folder, run):
    codes = [*range(levels), *RNG.integers(0, levels, 400 - levels).tolist()]
    write(folder / "t.csv", {name: [7 * code + 1 for code in codes], "x": RNG.normal(size=400), "y": RNG.normal(size=400)})
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line for line in done.err.splitlines()}
    found = rows[name].removeprefix(name).strip() if name in rows else ""
    assert found.startswith(CODES[name, levels]), done.err
    assert run("train", "spec.json", "--epochs", 1).code == 0


def test_one_function_decides_on_categories_by_their_number():
    few, many, most = [(20, 30), (30, 75)], [(31, 78), (400, 1000), (10**5, 10**6)], [(21, 30), (401, 1000), (10**5 + 1, 10**6)]
    assert [category_treatment(*case) for case in few] == ["one_hot"] * 2
    assert [category_treatment(*case) for case in many] == ["embed"] * 3
    assert [category_treatment(*case) for case in most] == [""] * 3


MIXED = {
    "half dates": lambda row: DAYS[row] if row % 2 else f"x{row}",
    "half numbers": lambda row: str(row) if row % 2 else f"x{row}",
    "dates and numbers": lambda row: DAYS[row] if row % 2 else str(row),
    "dates in two orders": lambda row: DAYS[row] if row % 2 else f"{1 + row % 28}.1.2021",
    "units and texts": lambda row: f"{row} kg" if row % 2 else f"x{row}",
    "money and dates": lambda row: f"${row}" if row % 2 else DAYS[row],
}


@pytest.mark.parametrize(("name", "treatment"), one_in(5, [*product(MIXED, [None, "date", "standardize", "boolean"])]))
def test_half_a_column_is_an_error_before_training(name, treatment, folder, run):
    write(folder / "t.csv", {"odd": of(MIXED[name]), "x": KILOS, "y": PRICE})
    spec = {"data": {"path": "t.csv", "target": "y"}, "network": {"layers": [{}]}, "loss": "mse", "training": {"epochs": 1}}
    spec["preprocessing"] = {"columns": {"odd": treatment} if treatment else {}}
    (folder / "spec.json").write_text(json.dumps(spec))
    done = run("train", "spec.json")
    assert done.code == 2
    assert "'odd'" in done.err
    assert "help: " in done.err
    started = run("init", "t.csv", "--force")
    assert started.code == 0
    assert any(line.startswith("odd ") and "left out" in line for line in started.err.splitlines())


def test_a_file_with_decimal_commas(folder, run):
    def written(value, digits=2):
        return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))

    rows = [
        f"{written(PRICE[row])} €;{written(KILOS[row], 1)} kg;{written(-1e3 * KILOS[row])};{row % 28 + 1:02d}.03.2024"
        for row in range(ROWS)
    ]
    lines = [f"{line};{written(KILOS[row] / 90, 3)};{['Ja', 'Nein'][row % 2]}" for row, line in enumerate(rows)]
    (folder / "t.csv").write_text("\n".join(["preis;gewicht;saldo;datum;anteil;kauf", *lines]) + "\n", encoding="utf-8")
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0, done.err
    data = json.loads((folder / "spec.json").read_text())["data"]
    assert (data["decimal"], data["positive"]) == (",", "Ja")
    assert data["units"] == {"preis": "€", "gewicht": "kg", "saldo": ""}
    assert "datum    left out  it has dates or times, such as '01.03.2024', which is no date of the form 2024-03-31" in done.err
    assert run("train", "spec.json", "--epochs", 1, "-o", "model.h5").code == 0
    model = mlpkit.load("model.h5")
    texts = [{"preis": "1.234,5 €", "gewicht": "2,5 kg", "saldo": "-1.000,00", "anteil": 0.5}]
    numbers = [{"preis": 1234.5, "gewicht": 2.5, "saldo": -1000.0, "anteil": 0.5}]
    np.testing.assert_array_equal(model.predict_proba(texts), model.predict_proba(numbers))


# -- the target, --task and --metric


def drafted(tmp_path, y, **options):
    write(tmp_path / "t.csv", {"x": RNG.normal(size=len(y)), "y": y})
    return expanded(draft(read_table(tmp_path / "t.csv"), "y", "t.csv", "m", quality="fast", **options).spec)


@pytest.mark.parametrize(
    ("true", "false", "positive"), [("ja", "nein", "ja"), ("yes", "no", None), ("T", "F", None), ("Si", "no", "Si"), ("a", "b", None)]
)
def test_the_positive_class_is_the_word_for_true_and_labels_stay_as_written(true, false, positive, tmp_path):
    spec = drafted(tmp_path, [true, false] * 50)
    assert spec["data"].get("positive") == positive
    model = mlpkit.train({**spec, "training": {"epochs": 1}, "data": {**spec["data"], "path": str(tmp_path / "t.csv")}})
    assert model.classes.tolist() == [false, true] if true != "a" else ["a", "b"]


def test_numbers_are_classes_and_classes_numbers_if_asked(tmp_path):
    whole = [row % 4 for row in range(100)]
    assert drafted(tmp_path, whole)["loss"] == "categorical_crossentropy"
    assert drafted(tmp_path, whole, task="regression")["loss"] == "mean_squared_error"
    many = [row % 15 for row in range(100)]
    assert drafted(tmp_path, many)["loss"] == "mean_squared_error"
    assert drafted(tmp_path, many, task="classification")["loss"] == "categorical_crossentropy"
    halves = [row % 3 / 2 for row in range(100)]
    spec = drafted(tmp_path, halves, task="classification")
    assert (spec["loss"], spec["data"]["target_type"]) == ("categorical_crossentropy", "class")
    flags = drafted(tmp_path, ["true", "false"] * 50, task="regression")
    assert (flags["loss"], flags["data"]["target_type"]) == ("mean_squared_error", "number")
    for found in (spec, flags):
        values = halves if found is spec else ["true", "false"] * 50
        write(tmp_path / "t.csv", {"x": RNG.normal(size=100), "y": values})
        mlpkit.train({**found, "training": {**found["training"], "epochs": 1}, "data": {**found["data"], "path": str(tmp_path / "t.csv")}})


REFUSED = {
    "texts as numbers": (["a", "b"] * 50, ["--task", "regression"], "has texts such as 'a', which are no numbers"),
    "too many classes": (RNG.normal(size=100).tolist(), ["--task", "classification"], "too many to be classes"),
    "a metric of numbers": (["a", "b"] * 50, ["--metric", "rmse"], "is one of regression, but the task is classification"),
    "a metric of classes": (
        RNG.normal(size=100).tolist(),
        ["--metric", "accuracy"],
        "is one of classification, but the task is regression",
    ),
    "no metric": (["a", "b"] * 50, ["--metric", "acuracy"], "there is no metric 'acuracy'"),
    "no task": (["a", "b"] * 50, ["--task", "ranking"], "ranking"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_task_or_metric_that_does_not_fit_is_refused(name, folder, run):
    y, options, message = REFUSED[name]
    write(folder / "t.csv", {"x": RNG.normal(size=100), "y": y})
    done = run("init", "t.csv", *options)
    assert done.code == 2
    assert message in done.err
    assert not (folder / "spec.json").exists()
    if "metric" in name:
        assert ("balanced_accuracy" in done.err, "median_absolute_error" in done.err) == (y[0] == "a", y[0] != "a")


@pytest.mark.parametrize(
    ("y", "metric"), [(["a", "b", "c"] * 100, "balanced_accuracy"), (PRICE.tolist(), "mae"), (["u", "v"] * 150, "roc_auc")]
)
def test_the_metric_is_the_first_and_the_one_of_early_stopping(y, metric, folder, run):
    write(folder / "t.csv", {"x": RNG.normal(size=ROWS), "y": y})
    assert run("init", "t.csv", "--metric", metric, "--quality", "fast").code == 0
    spec = json.loads((folder / "spec.json").read_text())
    name = spec["metrics"][0]
    assert spec["training"]["early_stopping"]["monitor"] == name
    assert len(set(spec["metrics"])) == len(spec["metrics"])
    done = run("train", "spec.json", "--epochs", 2)
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1].startswith(f"{name} ")


def test_task_and_metric_need_data(folder, run):
    for option in (("--task", "regression"), ("--metric", "rmse"), ("--quality", "good"), ("--time-budget", "60s")):
        done = run("init", *option)
        assert (done.code, f"{option[0]} needs DATA" in done.err) == (2, True)
