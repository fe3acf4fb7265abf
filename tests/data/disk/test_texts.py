"""Texts, booleans and dates as inputs of rows on disk: fitted and encoded as those of the same rows in memory."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.data.disk import spill as spill_module
from mlpkit.data.disk import table as disk_table
from mlpkit.data.disk.dataset import StoredDataset
from mlpkit.data.table import UnusableColumn
from mlpkit.errors import DataError, SpecError, UnseenCategoryWarning
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Spec

ROWS = 400
RNG = np.random.default_rng(3)


def _drawn(values, gaps=0.1):
    drawn = np.array(values, object)[RNG.integers(0, len(values), ROWS)]
    drawn[RNG.random(ROWS) < gaps] = None
    return drawn.tolist()


NUMBERS = [None if value > 1.5 else value for value in RNG.normal(size=ROWS).round(3).tolist()]
DAYS = [None if index % 17 == 5 else f"202{index % 3}-0{index % 9 + 1}-1{index % 7}T0{index % 5}:30:00" for index in range(ROWS)]
WHEN = [f"2023-{index % 12 + 1:02}-{index % 28 + 1:02}" for index in range(ROWS)]
PARTS = ["train"] * 300 + ["validation"] * 100
COLUMNS = {
    "number": NUMBERS,
    "colour": _drawn(["red", "green", "blüe", "a,b"]),
    "whole": _drawn(["x", "y"], 0),
    "city": _drawn([f"c{code}" for code in range(60)]),
    "flag": _drawn([True, False]),
    "full": _drawn([True, False], 0),
    "word": _drawn(["Yes", "no ", "YES"]),
    "price": [f"${value:,.2f}" for value in RNG.uniform(0, 5000, ROWS)],
    "day": DAYS,
    "when": WHEN,
    "zip": [f"0{code}" for code in RNG.integers(100, 120, ROWS)],
    "zone": [None if index % 13 == 0 else index % 5 for index in range(ROWS)],
    "digits": [str(value) for value in RNG.integers(0, 1000, ROWS)],
    "part": PARTS,
    "y": RNG.normal(size=ROWS).tolist(),
}
COLUMNS["colour"][350] = "new"  # a level that only the validation rows have
COLUMNS["whole"][351] = None
COLUMNS["colour"][:130] = [None] * 130  # no batch of the first shard has a value
TREATMENTS = {
    "city": "embed",
    "word": "boolean",
    "day": "date",
    "when": "date",
    "zip": "one_hot",
    "zone": "one_hot",
    "price": {"type": "bins", "count": 3},
    "number": "robust",
}


def _frames(columns):
    frame = pd.DataFrame(columns, dtype=object)
    return [frame.iloc[start : start + 150].reset_index(drop=True) for start in range(0, len(frame), 150)]


def _write_csv(folder, columns):
    for index, frame in enumerate(_frames(columns)):
        written = frame.assign(**{name: frame[name].map({True: "true", False: "false", None: None}) for name in ("flag", "full")})
        written.to_csv(folder / f"{index}.csv", index=False)


def _write_json_lines(folder, columns):
    for index, frame in enumerate(_frames(columns)):
        rows = frame.to_dict("records")  # a key that a row lacks is a missing value, but the first row has all keys
        rows[1:] = [{name: value for name, value in row.items() if value is not None} for row in rows[1:]]
        lines = [json.dumps(row) for row in rows]
        (folder / f"{index}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def _write_parquet(folder, columns):
    import pyarrow as pa
    import pyarrow.parquet

    types = {
        "number": pa.float64(),
        "flag": pa.bool_(),
        "full": pa.bool_(),
        "zone": pa.int64(),
        "y": pa.float64(),
        "day": pa.timestamp("us"),
    } | {"when": pa.timestamp("us")}
    table = {name: np.array(values, "datetime64[us]") if name in ("day", "when") else values for name, values in columns.items()}
    whole = pa.table({name: pa.array(values, types.get(name, pa.string())) for name, values in table.items()})
    for index in range(3):
        pa.parquet.write_table(whole.slice(150 * index, 150), folder / f"{index}.parquet")


WRITE = {"csv": _write_csv, "jsonl": _write_json_lines, "parquet": _write_parquet}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several batches in a shard, and several blocks."""
    monkeypatch.setattr(spill_module, "BATCH", 64)
    monkeypatch.setattr(disk_table, "BLOCK", 1000)


@pytest.fixture(params=WRITE)
def folder(request, tmp_path):
    """Shards of the rows."""
    WRITE[request.param](tmp_path, COLUMNS)
    return tmp_path


def spec_of(source, *, in_memory=False, treatments=None, **changes):
    data = {"path": str(source), "target": "y", "split": {"column": "part"}, "in_memory": in_memory, "units": {"price": "$"}}
    data |= changes.pop("data", {})
    written = {"data": data, "network": {"layers": [{"units": 4, "activation": "tanh"}, {}], "embeddings": [{"type": "category"}]}}
    columns = TREATMENTS if treatments is None else treatments
    if not any(one == "embed" or (isinstance(one, dict) and one["type"] == "embed") for one in columns.values()):
        del written["network"]["embeddings"]
    written |= {"loss": "mse", "dtype": "float64", "training": {"epochs": 2, "batch_size": 32}}
    return written | {"preprocessing": {"columns": columns}} | changes


def both(source, **changes):
    """Return the prepared rows on disk and in memory, with the warnings of both."""
    found, caught = [], []
    for in_memory in (False, True):
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            found.append(prepare(Spec.model_validate(spec_of(source, in_memory=in_memory, **changes))))
        caught.append(sorted((str(one.message), getattr(one.message, "details", "")) for one in recorded))
    assert caught[0] == caught[1]
    return found


def assert_same(disk, memory):
    assert disk.inputs.to_state() == memory.inputs.to_state()
    for name, array in memory.inputs.arrays().items():
        np.testing.assert_allclose(disk.inputs.arrays()[name], array, rtol=1e-12, err_msg=name)
    for one, other in ((disk.train, memory.train), (disk.validation, memory.validation)):
        np.testing.assert_allclose(one.inputs[:], other.inputs, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(one.inputs[3:50], one.inputs[:][3:50])
        categories = slice(memory.inputs.numbers.width, None)
        np.testing.assert_array_equal(one.inputs[:][:, categories], other.inputs[:, categories])
        np.testing.assert_array_equal(one.targets, other.targets)


def test_rows_are_encoded_as_in_memory(folder):
    assert_same(*both(folder))


EACH = {"type": "embed", "fewest": 1}
SPECS = {
    "all embedded": {"treatments": dict.fromkeys([*TREATMENTS, "flag", "full", "digits", "colour"], EACH)},
    "all one-hot": {"treatments": {name: "one_hot" for name in COLUMNS if name not in ("number", "price", "part", "y")}},
    "booleans": {
        "treatments": {"flag": "boolean", "full": "standardize", "digits": "min_max", "city": "ignore", "day": "ignore", "when": "ignore"}
    },
    "dates that are clipped": {"treatments": {"day": {"type": "date", "clip": "smooth"}, "when": "date", "digits": "quantile"}},
    "a text for a missing value": {"data": {"missing": ["red", "Yes", "7"]}},
    "a split by a date": {"data": {"split": {"validation": 0.25, "time": "when"}}, "treatments": {**TREATMENTS, "part": "ignore"}},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_other_treatments_are_those_in_memory(folder, name):
    assert_same(*both(folder, **SPECS[name]))


LATE = {"colour": "red", "number": 1.5, "flag": True, "zip": "07", "day": "2024-03-01", "price": "$3"}


def test_rows_of_json_may_lack_columns_that_the_spec_names(tmp_path):
    rows = [{"x": index % 7, "y": index % 3, **(LATE if index > 90 and index % 2 else {})} for index in range(200)]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    data = {"split": {"validation": 0.5, "seed": 3}, "inputs": ["x", *LATE]}
    assert_same(*both(tmp_path / "rows.jsonl", treatments={"zip": "one_hot", "day": "date"}, data=data))
    with pytest.raises(DataError, match="there is no column 'z'"):
        prepare(Spec.model_validate(spec_of(tmp_path / "rows.jsonl", treatments={}, data=data | {"inputs": ["x", "z"], "units": {}})))
    with pytest.raises(DataError, match=r"'colour' of .* is not in the first rows") as caught:
        prepare(Spec.model_validate(spec_of(tmp_path / "rows.jsonl", treatments={}, data={"split": None})))
    assert "or name the inputs in data.inputs" in caught.value.help


def test_validation_rows_of_their_own_files_are_on_disk_too(tmp_path):
    """Texts of the training rows are texts in the validation rows, also if all of these are numbers."""
    other = {name: values[:150] for name, values in COLUMNS.items()}
    for name, columns in (("rows", COLUMNS | {"mixed": ["a", "b", "07"] * 133 + ["7"]}), ("other", other | {"mixed": ["07", "7"] * 75})):
        (tmp_path / name).mkdir()
        _write_csv(tmp_path / name, columns)
    columns = {"treatments": {**TREATMENTS, "part": "ignore"}, "data": {"split": None, "validation": str(tmp_path / "other")}}
    disk, memory = both(tmp_path / "rows", **columns)
    assert isinstance(disk.validation, StoredDataset)
    assert_same(disk, memory)
    assert disk.validation.inputs[:][:, memory.inputs.feature_names.index("mixed=07")].sum() == 75


def test_a_run_resumes_to_the_same_bytes(tmp_path):
    (tmp_path / "rows").mkdir()
    _write_parquet(tmp_path / "rows", COLUMNS)
    for epochs, name, resume in ((2, "part", None), (4, "resumed", tmp_path / "part.h5"), (4, "whole", None)):
        written = spec_of(tmp_path / "rows", training={"epochs": epochs, "batch_size": 32, "keep_state": True})
        with warnings.catch_warnings(action="ignore"):
            model = mlpkit.train(written, resume=resume)
        model.save(tmp_path / f"{name}.h5")
    assert (tmp_path / "resumed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_the_model_is_the_one_of_rows_in_memory(tmp_path):
    (tmp_path / "rows").mkdir()
    _write_csv(tmp_path / "rows", COLUMNS)
    models = []
    for in_memory in (False, True):
        training = {"epochs": 3, "batch_size": 32, "shuffle": False}
        with warnings.catch_warnings(action="ignore"):
            mlpkit.train(spec_of(tmp_path / "rows", in_memory=in_memory, training=training)).save(tmp_path / "m.h5")
            models.append(mlpkit.load(tmp_path / "m.h5"))
            models[-1].scored = models[-1].predict(tmp_path / "rows"), models[-1].evaluate(tmp_path / "rows")["loss"]
    np.testing.assert_allclose(models[0].scored[0], models[1].scored[0], rtol=1e-9)
    assert models[0].scored[1] == pytest.approx(models[1].scored[1], rel=1e-12)


def test_cross_validation_of_rows_on_disk(tmp_path):
    _write_parquet(tmp_path, COLUMNS)
    found = []
    for in_memory in (False, True):
        training = {"epochs": 1, "batch_size": 32, "shuffle": False}
        columns = {"treatments": {**TREATMENTS, "part": "ignore"}, "data": {"split": None}}
        with warnings.catch_warnings(action="ignore"):
            found.append(mlpkit.cross_validate(spec_of(tmp_path, in_memory=in_memory, training=training, **columns), folds=2))
    for disk, memory in zip(found[0].folds, found[1].folds, strict=True):
        assert disk.figures == pytest.approx(memory.figures, rel=1e-9)
    for name, values in found[1].predictions.items():
        np.testing.assert_allclose(found[0].predictions[name], values, rtol=1e-9)


def test_members_of_an_ensemble_take_their_rows_of_categories(tmp_path):
    _write_parquet(tmp_path, COLUMNS)
    models = []
    for in_memory in (False, True):
        training = {"epochs": 1, "batch_size": 32, "shuffle": False}
        changes = {"treatments": {**TREATMENTS, "part": "ignore"}, "data": {"split": None}, "ensemble": {"members": 2, "folds": "rotate"}}
        with warnings.catch_warnings(action="ignore"):
            models.append(mlpkit.train(spec_of(tmp_path, in_memory=in_memory, training=training, **changes)))
    np.testing.assert_allclose(models[0].predict(tmp_path), models[1].predict(tmp_path), rtol=1e-9)


def test_a_column_with_too_many_texts_is_an_error_only_if_it_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(spill_module, "MOST_TEXTS", 300)
    _write_csv(tmp_path, COLUMNS | {"id": [f"id {row}" for row in range(ROWS)]})
    with pytest.raises(
        DataError, match=r"'id' has more than 300 different texts, too many to keep in memory beside rows on disk"
    ) as caught:
        prepare(Spec.model_validate(spec_of(tmp_path)))
    assert '"id": "ignore"' in caught.value.help
    with pytest.warns(UnseenCategoryWarning):
        found = prepare(Spec.model_validate(spec_of(tmp_path, treatments={**TREATMENTS, "id": "ignore"})))
    assert "id" not in found.inputs.order
    assert isinstance(found.train.inputs.table.columns["id"], UnusableColumn)  # neither in memory nor on disk


ERRORS = {  # line of the last shard, changes of the spec, error
    "most rows differ": ({"digits": "d{}"}, {}, r"the column 'digits' has \d+ different texts in \d+ rows"),
    "a number that is none": ({"number": "many"}, {}, r"'number' holds numbers in .*0\.csv, but line 22 of .*2\.csv has 'many'"),
    "other words": ({"word": "perhaps"}, {}, r"'word' is true or false, but row 20 of .*2\.csv has 'perhaps'"),
    "another unit": ({"price": "3 kg"}, {}, r"'price' has numbers in '\$' \(data\.units\), but line 22 of .*2\.csv has '3 kg'"),
    "no date": ({"day": "soon"}, {}, r"'day' has 'soon' in line 22 of .*2\.csv"),
    "a missing text": ({}, {"missing": "none"}, r"'colour' has a missing value in row 0 of .*0\.csv, and preprocessing\.missing is 'none'"),
    "no texts": ({}, {"categories": "none"}, r"'colour' holds texts, and preprocessing\.categories is 'none'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_row(tmp_path, name):
    changes, options, message = ERRORS[name]
    columns = {key: list(values) for key, values in COLUMNS.items()}
    for key, text in changes.items():
        for row in range(ROWS) if "{}" in text else [320]:
            columns[key][row] = text.format(row)
    _write_csv(tmp_path, columns)
    with pytest.raises((DataError, SpecError), match=message):
        prepare(Spec.model_validate(spec_of(tmp_path, preprocessing={"columns": TREATMENTS, **options})))


def test_a_tree_needs_the_rows_in_memory(tmp_path):
    _write_csv(tmp_path, COLUMNS)
    tree = {**TREATMENTS, "price": {"type": "bins", "edges": "tree"}}
    with pytest.raises(SpecError, match="'price' stays on disk, and a tree needs all of its values in memory"):
        prepare(Spec.model_validate(spec_of(tmp_path, treatments=tree)))


def test_another_process_can_encode_the_rows(tmp_path):
    _write_json_lines(tmp_path, COLUMNS)
    with pytest.warns(UnseenCategoryWarning):
        found = prepare(Spec.model_validate(spec_of(tmp_path)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found.train.inputs))[:], found.train.inputs[:])
