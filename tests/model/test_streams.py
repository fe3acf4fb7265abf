"""Predictions for iterators of rows and of tables."""

import csv
import gc
import io
import itertools
import tracemalloc
import typing
import warnings
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlpkit

RNG = np.random.default_rng(0)
ROWS = 50
TABLE = {
    "size": RNG.normal(size=ROWS).tolist(),
    "colour": [("red", "green", None)[row % 3] for row in range(ROWS)],
    "shape": [("disc", "box")[row % 2] for row in range(ROWS)],
}
SPEC = {
    "dtype": "float64",  # so that predictions hardly depend on the number of rows
    "data": {"target": "shape"},
    "network": {"layers": [{"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.1},
    "training": {"epochs": 5},
}
INPUTS = {name: TABLE[name] for name in ("size", "colour")}
RECORDS = [dict(zip(INPUTS, values, strict=True)) for values in zip(*INPUTS.values(), strict=True)]


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(SPEC, TABLE)


@pytest.fixture(scope="module")
def of_array():
    x = RNG.normal(size=(ROWS, 3))
    spec = {"dtype": "float64", "network": {"layers": [{"units": 2}]}, "loss": "mse", "training": {"epochs": 1}}
    return mlpkit.train(spec, x, x[:, :2]), x


class Counted:
    """Iterator that counts the items that were asked for."""

    def __init__(self, items):
        self.items, self.taken = iter(items), 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        self.taken += 1
        return item


class Row(typing.NamedTuple):
    size: float
    colour: str | None


FORMS = {
    "dictionaries": lambda: iter(RECORDS),
    "named tuples": lambda: (Row(**row) for row in RECORDS),
    "itertuples": lambda: pd.DataFrame(INPUTS).itertuples(index=False),
    "series": lambda: (row for _, row in pd.DataFrame(INPUTS).iterrows()),
    "csv": lambda: csv.DictReader(io.StringIO(pd.DataFrame(INPUTS).to_csv(index=False))),
    "iter_rows": lambda: pl.DataFrame(INPUTS).iter_rows(named=True),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_each_row_gets_what_the_table_gives(model, form, batch_size):
    predicted = model.predict(FORMS[form](), batch_size=batch_size)
    assert iter(predicted) is predicted
    assert list(predicted) == model.predict(INPUTS).tolist()
    np.testing.assert_allclose(list(model.predict_proba(FORMS[form](), batch_size=batch_size)), model.predict_proba(INPUTS), rtol=1e-12)


@pytest.mark.parametrize(
    "rows", [lambda x: iter(x), lambda x: iter(x.tolist()), lambda x: map(tuple, x.tolist())], ids=["arrays", "lists", "tuples"]
)
def test_rows_of_an_array(of_array, rows):
    model, x = of_array
    found = list(model.predict(rows(x), batch_size=8))
    assert [row.shape for row in found] == [(2,)] * ROWS
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-12)


TABLES = {
    "pandas": lambda: pd.read_csv(io.StringIO(pd.DataFrame(INPUTS).to_csv(index=False)), chunksize=20),
    "polars": lambda: pl.DataFrame(INPUTS).iter_slices(20),
    "arrow": lambda: pa.RecordBatchReader.from_batches(pa.table(INPUTS).schema, pa.table(INPUTS).to_batches(20)),
    "records": lambda: iter([RECORDS[:20], RECORDS[20:40], RECORDS[40:]]),
}


@pytest.mark.parametrize("kind", TABLES)
def test_each_table_gets_an_array(model, kind):
    found = list(model.predict(TABLES[kind]()))
    assert [array.shape for array in found] == [(20,), (20,), (10,)]
    assert np.concatenate(found).tolist() == model.predict(INPUTS).tolist()
    assert [array.shape for array in model.predict_proba(TABLES[kind]())] == [(20, 2), (20, 2), (10, 2)]


def test_tables_that_are_arrays(of_array):
    model, x = of_array
    np.testing.assert_array_equal(np.concatenate(list(model.predict(iter(np.split(x, 5))))), model.predict(x))
    np.testing.assert_array_equal(np.concatenate(list(model.predict(iter([x[:9].tolist(), x[9:].tolist(), []])))), model.predict(x))


def test_nothing_is_read_before_it_is_asked_for_and_a_batch_at_most(model):
    rows = Counted(itertools.cycle(RECORDS))
    predicted = model.predict(rows, batch_size=10)
    assert rows.taken == 0
    for number in range(25):
        next(predicted)
        assert rows.taken <= 10 * (number // 10 + 1) + 1
    one = Counted(itertools.cycle(RECORDS))
    predicted = model.predict(one, batch_size=1)
    for number in range(5):
        next(predicted)
        assert one.taken == number + 1
    tables = Counted(itertools.repeat(RECORDS))
    predicted = model.predict(tables)
    next(predicted)
    next(predicted)
    assert tables.taken == 2


def test_memory_is_bounded(model):
    """A stream of a million rows would be more than 300 MB."""

    def most(count):
        rows = itertools.islice(itertools.cycle(RECORDS), count)
        tracemalloc.start()
        for _ in model.predict(dict(row) for row in rows):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    most(1024)
    assert most(10 * 1024) < 1.5 * most(2 * 1024)


def test_rows_are_not_kept(model):
    class Marked(dict):
        pass

    alive = []

    def rows():
        for record in RECORDS:
            row = Marked(record)
            alive.append(weakref.ref(row))
            yield row

    predicted = model.predict(rows(), batch_size=5)
    for _ in range(30):
        next(predicted)
    gc.collect()
    assert sum(reference() is not None for reference in alive) <= 6


def test_options_hold_for_each(model):
    third = {**RECORDS[3], "colour": "blue"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        assert len(list(model.predict(iter([*RECORDS, third])))) == ROWS + 1
    predicted = model.predict(iter([*RECORDS[:3], third, *RECORDS[4:]]), on_unseen="error")
    assert list(itertools.islice(predicted, 3)) == model.predict(RECORDS[:3]).tolist()
    with pytest.raises(mlpkit.DataError, match="the column 'colour' has 'blue' in row 3, which no training row has"):
        next(predicted)
    assert list(model.predict(iter(RECORDS), threshold=0.9)) == model.predict(RECORDS, threshold=0.9).tolist()


def test_parts_and_spread_come_row_by_row():
    table = {"a": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 1.0, 4.0, 3.0]}
    spec = {"data": {"target": "y"}, "network": {"layers": [{}]}, "loss": "gaussian_nll", "training": {"epochs": 1}}
    model = mlpkit.train({**spec, "ensemble": {"members": 2}}, table)
    rows = [{"a": value} for value in table["a"]]
    parts = model.predict(rows, parts=True)
    found = list(model.predict(iter(rows), parts=True))
    assert [row.keys() for row in found] == [parts.keys()] * 4
    assert [row["y.deviation"] for row in found] == parts["y.deviation"].tolist()
    values, deviations = model.predict(rows, spread=True)
    assert list(model.predict(iter(rows), spread=True)) == list(zip(values.tolist(), deviations.tolist(), strict=True))
    assert [found.keys() for found in model.predict(iter([rows, rows]), parts=True)] == [parts.keys()] * 2


def test_an_empty_iterator_gives_an_empty_one(model):
    assert list(model.predict(iter([]))) == []
    assert list(model.predict_proba(iter([]))) == []


@pytest.mark.parametrize("batch_size", [1, 10, 1024])
def test_an_error_names_the_row_after_the_predictions_before_it(model, batch_size):
    rows = [*RECORDS[:33], {"size": "tall", "colour": "red"}, *RECORDS]
    predicted = model.predict(iter(rows), batch_size=batch_size)
    assert [next(predicted) for _ in range(33)] == model.predict(RECORDS[:33]).tolist()
    with pytest.raises(mlpkit.DataError, match="the column 'size' holds numbers, but row 33 has 'tall'"):
        next(predicted)
    assert next(predicted, "ended") == "ended"


def test_an_error_of_the_iterator_comes_after_the_predictions_before_it(model):
    def rows():
        yield from RECORDS[:5]
        raise OSError("the disk is gone")

    predicted = model.predict(rows())
    assert [next(predicted) for _ in range(5)] == model.predict(RECORDS[:5]).tolist()
    with pytest.raises(OSError, match="the disk is gone"):
        next(predicted)


def test_an_error_in_a_table_names_the_table(model):
    predicted = model.predict(iter([RECORDS[:5], [RECORDS[0], {"size": "tall", "colour": "red"}]]))
    assert next(predicted).tolist() == model.predict(RECORDS[:5]).tolist()
    with pytest.raises(mlpkit.DataError, match="table 1: the column 'size' holds numbers, but row 1 has 'tall'"):
        next(predicted)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (["a.csv"], "item 0 of the iterator is a text"),
        ([RECORDS[0], "a.csv"], "item 1 of the iterator is a text"),
        ([RECORDS[0], RECORDS], "item 1 of the iterator is a table, after rows"),
        ([RECORDS, RECORDS[0]], "item 1 of the iterator is a row, after tables"),
        ([3], "item 0 of the iterator is neither a row nor a table: int"),
        ([RECORDS[0], None], "item 1 of the iterator is neither a row nor a table: NoneType"),
        ([np.zeros((2, 2, 2))], "item 0 of the iterator is neither a row nor a table: ndarray"),
        ([{"height": 1.0}], "there are no columns 'size', 'colour'"),
    ],
)
def test_items_that_are_neither_rows_nor_tables(model, items, words):
    with pytest.raises(mlpkit.DataError, match=words):
        list(model.predict(iter(items)))


def test_an_open_file_is_no_iterator_of_rows(model, tmp_path):
    (tmp_path / "rows.csv").write_text("size,colour\n1,red\n")
    with open(tmp_path / "rows.csv") as file, pytest.raises(mlpkit.DataError, match="is a text") as error:
        list(model.predict(file))
    assert "csv.DictReader(file)" in error.value.help


def test_errors_of_options_come_at_once(model, of_array):
    never = Counted([])
    for predict, options, words in (
        (model.predict, {"threshold": 2.0}, "threshold"),
        (model.predict, {"parts": True}, "parts"),
        (model.predict, {"spread": True}, "spread"),
        (model.predict, {"batch_size": 0}, "batch_size is 0"),
        (model.predict, {"batch_size": True}, "batch_size is True"),
        (model.predict, {"on_unseen": "ignore"}, "on_unseen is 'ignore'"),
        (of_array[0].predict_proba, {}, "no probabilities"),
    ):
        with pytest.raises(mlpkit.DataError, match=words):
            predict(never, **options)


def test_an_untrained_model_takes_rows_of_numbers():
    model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse"}, inputs=2)
    assert [row.shape for row in model.predict(iter([[1.0, 2.0], [3.0, 4.0]]))] == [(1,), (1,)]
