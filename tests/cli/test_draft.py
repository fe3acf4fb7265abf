"""Specs drafted by `mlpkit init` can be trained, for any table that it accepts."""

import csv
import io
import json
import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.data.readers import read_table
from mlpkit.errors import DataError, DataWarning
from mlpkit.spec.presets import expanded

from ..sampling import one_in

NAMES = ("", "", " code", " id", " year")
ROWS = (2, 3, 5, 19, 20, 21, 30, 40, 50, 60, 120)


def column(rng, rows):
    """A column as people have them."""
    kind = rng.integers(0, 28)
    numbers = rng.normal(size=rows).round(int(rng.integers(0, 4)))
    dates = [f"2024-{1 + row % 12:02d}-{1 + row % 28:02d}" for row in range(rows)]
    made = {
        0: numbers,
        1: rng.integers(0, rng.integers(1, 9) + 1, rows),
        2: rng.choice(["p", "q", "r", "s"], rows),
        3: [f"name {row // 2}" for row in range(rows)],
        4: [f"name {rng.integers(0, max(1, rows // 3))}" for _ in range(rows)],
        5: ["unknown" if row == rows // 2 and rows % 3 else date for row, date in enumerate(dates)],
        6: [["no", "yes"][row == rows - 1] for row in range(rows)],
        7: [""] * rows,
        8: ["same"] * rows,
        9: [5] * rows,
        10: rng.choice(["true", "false"], rows),
        11: [f"{number}" if rng.random() < 0.8 else "unknown" for number in numbers],
        12: [f"{number} kg" for number in rng.integers(0, 90, rows)],
        13: [["0", "1", "true"][row % 3 if row % 11 == 0 else row % 2] for row in range(rows)],
        14: [f"{number}" if rng.random() < 0.1 else "" for number in numbers],
        15: [f"id{row}" for row in range(rows)],
        17: [f"${number * 1e4:,.2f}" for number in numbers],
        18: [f"{number} kg" if rng.random() < 0.9 else str(rng.choice(["?", "5 g", "7", "heavy"])) for number in numbers],
        19: [f"{abs(number)}%" if rng.random() < 0.97 else "0.5" for number in numbers],
        20: rng.choice(["yes", "No", " Y", "n"], rows),
        21: [["ja", "nein"][row == rows - 1] for row in range(rows)],
        22: [f"{number:04d}" for number in rng.integers(0, rng.integers(1, 500) + 1, rows)],
        23: rng.permutation(rows) + 7,
        24: [dates[row] if row % 2 else str(rng.integers(0, 60)) for row in range(rows)],
        25: [f"€{abs(number)}{rng.choice(['K', 'M', ''])}" for number in numbers],
        26: [f"({abs(number)})" if number < 0 else f"{number}" for number in numbers],
        27: [f"1.{abs(int(number * 100)) + 100},5" for number in numbers],
        16: [["rare", "1", "2", "3"][int(rng.choice(4, p=[0.03, 0.3, 0.3, 0.37]))] for _ in range(rows)],
    }[int(kind)]
    gaps = rng.random(rows) < rng.choice([0, 0, 0.1, 0.6])
    return ["" if gap else str(value) for gap, value in zip(gaps, made, strict=True)]


@pytest.mark.parametrize("start", [pytest.param(start, marks=pytest.mark.slow if start else ()) for start in range(0, 400, 50)])
def test_drafted_specs_train(tmp_path, start):
    accepted = 0
    for seed in range(start, start + 50):
        rng = np.random.default_rng(seed)
        rows = int(rng.choice(ROWS))
        columns = {f"c{index}{rng.choice(NAMES)}": column(rng, rows) for index in range(int(rng.integers(2, 6)))}
        text = io.StringIO()
        csv.writer(text).writerows([columns, *zip(*columns.values(), strict=True)])
        path = tmp_path / f"{seed}.csv"
        path.write_text(text.getvalue())
        try:
            quality = {4: "good", 9: "best"}.get(seed % 20, "fast")
            found = draft(read_table(path), list(columns)[-1], str(path), "m", quality=quality)
        except DataError:
            continue
        accepted += 1
        spec = json.loads(json.dumps(found.spec))
        spec["training"] = {**spec.get("training", {}), "epochs": 1}
        if "preset" in spec:  # a small network, to train quickly
            spec["network"] = {"layers": [{"units": 4, "activation": "relu"}, expanded(spec)["network"]["layers"][-1]]}
        for other in (0, 1, 2):  # and with a seed that draws other rows, as `mlpkit train --seed` does
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)
                try:
                    mlpkit.train({**spec, "seed": other})
                except DataError as error:
                    if other == 0 or "target" not in str(error):
                        raise AssertionError(f"table {seed}, seed {other}: {json.dumps(spec)}") from error
    assert accepted > 15


CASES = {
    "names that occur twice each": ([f"name {row // 2}" for row in range(50)], "ignore"),
    "one 'unknown' among dates": (["unknown", *(f"2024-01-{1 + row % 28:02d}" for row in range(59))], "ignore"),
    "texts that some rows share": ([f"t{row % 22}" for row in range(60)], "one_hot"),
    "few enough texts for one-hot columns": ([f"t{row % 30}" for row in range(90)], "one_hot"),
    "texts that are many, and shared": ([f"t{row % 31}" for row in range(90)], "embed"),
    "texts that might be numbers": ([["0", "1", "2", "x"][row % 4] for row in range(60)], "one_hot"),
    "dates": ([f"2024-{1 + row * 5 % 12:02d}-{1 + row * 11 % 28:02d}" for row in range(60)], "date"),
    "dates and times": ([f"2024-01-{1 + row * 11 % 28:02d} {row % 24:02d}:15" for row in range(60)], "date"),
    "a few dates": (["2024-01-31", "2024-01-01", "2024-01-02", *[""] * 57], "ignore"),
    "one date": (["2024-01-31"] * 60, "ignore"),
    "dates in two forms": ([f"2024-01-{1 + row % 28:02d}" if row % 2 else f"{1 + row % 28}.1.2024" for row in range(60)], "ignore"),
    "days first": ([f"{1 + row * 11 % 28}.1.2024" for row in range(60)], "ignore"),
    "zones of some": ([f"2024-01-{1 + row * 11 % 28:02d} 12:00{'Z' if row == 50 else ''}" for row in range(60)], "ignore"),
    "few values": (["1.5", "2.5", "3.5", *[""] * 57], "ignore"),
}


@pytest.mark.parametrize(("values", "treatment"), CASES.values(), ids=CASES)
def test_columns_on_the_edge_have_a_treatment(tmp_path, values, treatment):
    lines = [f"{value},{row * 7 % 11 + row / 100},{row % 13 + 0.5}" for row, value in enumerate(values)]
    (tmp_path / "t.csv").write_text("\n".join(["edge,a,y", *lines]) + "\n")
    found = draft(read_table(tmp_path / "t.csv"), "y", "t.csv", "m")
    assert found.spec["preprocessing"]["columns"] == {"edge": treatment}


@pytest.mark.parametrize("scale", [1e306, 1e-310])
def test_a_target_that_cannot_be_scaled_is_refused_by_init(tmp_path, scale):
    lines = [f"{row * 7 % 11},{(row % 13 + 0.5) * scale}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    with pytest.raises(DataError, match="too large or too small to standardize"):
        draft(read_table(tmp_path / "t.csv"), "y", "t.csv", "m")


def test_marks_between_numbers_are_missing_values(folder, run):
    lines = [f"{'unknown' if row % 7 == 0 else row},{'-' if row % 9 == 0 else 'pq'[row % 2]},{row % 17}.5" for row in range(91)]
    (folder / "t.csv").write_text("\n".join(["age,kind,y", *lines]) + "\n")
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0
    assert "counted as missing: 'unknown', as in age; it is in data.missing" in done.err
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["data"]["missing"] == ["unknown"]
    done = run("train", "spec.json", "--epochs", 1)
    assert done.code == 0
    assert "1 number: age" in done.err


@pytest.mark.parametrize("text", one_in(3, ["{}%", "${}.99", "{} kg", "({})", "{},000"]))
def test_numbers_with_something_else_are_named(folder, run, text):
    lines = [f'"{text.format(1 + row % 90)}",{row % 7},{row % 5}.5' for row in range(90)]
    (folder / "t.csv").write_text("\n".join(["odd,a,y", *lines]) + "\n")
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 0
    (line,) = (line for line in done.err.splitlines() if line.startswith("odd "))
    assert line.split()[1] == "number"
    assert text.format(1) in line
    spec = json.loads((folder / "spec.json").read_text())
    assert list(spec["data"]["units"]) == ["odd"]
    assert run("train", "spec.json", "--epochs", 1).code == 0
    done = run("init", "t.csv", "-t", "odd", "--force", "--quality", "fast")
    assert (done.code, "target odd: numbers, such as " in done.err) == (0, True)
    assert run("train", "spec.json", "--epochs", 1, "--force").code == 0


def test_the_advice_for_a_target_works_for_targets(folder, run):
    lines = [f"{row * 7 % 11},{'x' if row == 40 else row}" for row in range(90)]
    (folder / "t.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    done = run("init", "t.csv", "--quality", "fast")
    assert done.code == 2
    assert all(word in done.err for word in ("row", "data.missing", "target_type"))
    assert "preprocessing" not in done.err


def test_a_target_with_a_decimal_comma_is_read_as_numbers(folder, run):
    lines = [f'{row * 7 % 11},"{row},5"' for row in range(90)]
    (folder / "t.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    done = run("init", "t.csv", "--quality", "fast")
    assert (done.code, "target y (the last column): numbers" in done.err) == (0, True)
    assert run("train", "spec.json", "--epochs", "1").code == 0


def test_a_target_may_be_named_in_another_unicode_form(folder, run):
    lines = [f"{row * 7 % 11},{row % 13 + 0.5}" for row in range(60)]
    (folder / "t.csv").write_text("\n".join(["a,pre\u0301cis", *lines]) + "\n", encoding="utf-8")
    done = run("init", "t.csv", "-t", "pr\u00e9cis", "--quality", "fast")
    assert done.code == 0
    assert "a       number" in done.err
    assert run("train", "spec.json", "--epochs", 1).code == 0


def test_numbers_are_limited_and_tables_without_numbers_say_nothing_of_them(tmp_path):
    def drafted(text):
        (tmp_path / "rows.csv").write_text(text)
        return draft(read_table(tmp_path / "rows.csv"), "y", "rows.csv", "m").spec

    numbers = "a,b,y\n" + "".join(f"{row * 7 % 13}.25,{'uv'[row % 2]},{row % 7}.5\n" for row in range(60))
    clipped = drafted(numbers)
    assert "preprocessing" not in clipped  # the preset has it
    assert expanded(clipped)["preprocessing"]["numbers"] == {"type": "robust", "clip": "smooth"}
    texts = "b,c,y\n" + "".join(f"{'uv'[row % 2]},{'xyz'[row % 3]},{row % 7}.5\n" for row in range(60))
    assert "preprocessing" not in drafted(texts)


def test_no_text_is_created_for_the_plain_numbers_of_a_file(folder):
    rows = [f"{row / 7:.3f},{row % 3},{row * 0.3:.2f}" for row in range(60)]
    (folder / "numbers.csv").write_text("\n".join(["size,kind,price", *rows]))
    table = read_table(folder / "numbers.csv")
    assert draft(table, "price", "numbers.csv", "numbers").columns["size"].kind == "number"
    assert [name for name in table.names if "coded" in vars(table[name]._texts)] == ["kind"]  # which might be codes with leading zeros
