"""Dates as inputs: their numbers, in every form that a date comes in, in memory and in files."""

from __future__ import annotations

import datetime
import warnings

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlpkit
from mlpkit.data.frames import as_table
from mlpkit.errors import ConstantColumnWarning, DataError, ModelFileError, SpecError, UnseenCategoryWarning
from mlpkit.modelfile import reader, writer
from mlpkit.preprocessing import InputEncoder
from mlpkit.preprocessing.date_parts import PARTS, date_numbers
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import Preprocessing

RNG = np.random.default_rng(17)
EPOCH = datetime.datetime(1970, 1, 1)
EDGES = ["1900-02-28", "1900-03-01", "2000-02-29", "2000-12-31T23:59:59.999999", "1970-01-01", "1969-12-31T23:59:59.5", "2024-12-31"]
EDGES += ["1677-09-22", "2262-04-11", "1999-12-31", "2000-01-01T00:00:00.000001"]
MOMENTS = [datetime.datetime.fromisoformat(text) for text in EDGES]
MOMENTS += [EPOCH + datetime.timedelta(microseconds=int(each)) for each in RNG.integers(-6 * 10**15, 6 * 10**15, 400)]
FAR = [datetime.datetime(1, 1, 1), datetime.datetime(4, 12, 31, 6), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)]


def numbers(values):
    return date_numbers(as_table({"t": values}), "t", ("",), tuple(PARTS))


def by_datetime(moment):
    """The numbers of a date, from Python's datetime."""
    days = (moment - EPOCH) / datetime.timedelta(days=1)
    midnight = datetime.datetime(moment.year, moment.month, moment.day)
    year, hour = 2 * np.pi * (moment.timetuple().tm_yday - 1) / 365.25, 2 * np.pi * ((moment - midnight) / datetime.timedelta(days=1))
    return [days, moment.year, moment.month, moment.weekday(), np.sin(year), np.cos(year), np.sin(hour), np.cos(hour)]


def fitted(table, columns=None, **options):
    names = list(table)
    columns = dict.fromkeys(names, "date") if columns is None else columns
    return InputEncoder.fit(Preprocessing.model_validate({"columns": columns, **options}), as_table(table), names, ("", "?"))


def spec(columns, **parts):
    network = {"layers": [{"units": 16, "activation": "tanh"}, {}]}
    base = {"network": network, "loss": "mse", "optimizer": "adam", "training": {"epochs": 2}, "preprocessing": {"columns": columns}}
    return mlpkit.Spec.model_validate({**base, **parts})


# -- the numbers


def test_the_numbers_are_those_of_datetime():
    moments = MOMENTS + FAR
    np.testing.assert_allclose(numbers(np.array(moments, "M8[us]")), [by_datetime(moment) for moment in moments], rtol=1e-14, atol=1e-11)
    np.testing.assert_array_equal(numbers([moment.isoformat() for moment in moments]), numbers(np.array(moments, "M8[us]")))


def test_the_numbers_are_those_of_pandas():
    series = pd.Series(np.array(MOMENTS, "M8[us]"))
    found = dict(zip(PARTS, numbers(series).T, strict=True))
    for part, expected in {"year": series.dt.year, "month": series.dt.month, "weekday": series.dt.day_of_week}.items():
        np.testing.assert_array_equal(found[part], expected)
    angle = 2 * np.pi * (series.dt.day_of_year - 1) / 365.25
    np.testing.assert_allclose(found["day_of_year_sine"], np.sin(angle), atol=1e-15)
    np.testing.assert_allclose(found["day_of_year_cosine"], np.cos(angle), atol=1e-15)
    fraction = (series - series.dt.normalize()) / pd.Timedelta(days=1)
    np.testing.assert_allclose(found["hour_sine"], np.sin(2 * np.pi * fraction), atol=1e-14)
    np.testing.assert_allclose(found["days"], series.to_numpy().astype(np.int64) / 86_400e6, rtol=1e-14, atol=1e-11)


WHOLE = [moment.replace(microsecond=0) for moment in MOMENTS[:40]]
UTC = [moment.replace(tzinfo=datetime.UTC) for moment in WHOLE]
AWAY = [
    moment.astimezone(datetime.timezone(datetime.timedelta(minutes=int(ahead))))
    for moment, ahead in zip(UTC, range(-700, 900, 40), strict=True)
]
FORMS = {
    "seconds": np.array(WHOLE, "M8[s]"),
    "nanoseconds": np.array(WHOLE, "M8[s]").astype("M8[ns]"),
    "objects": WHOLE,
    "objects in UTC": UTC,
    "objects with zones": AWAY,
    "texts": [str(moment) for moment in WHOLE],
    "texts of one digit": [f"{each.year:04}/{each.month}/{each.day} {each.hour}:{each.minute:02}:{each.second:02},000" for each in WHOLE],
    "texts with zones": [moment.isoformat() for moment in AWAY],
    "texts in UTC": [f"{moment.isoformat()}Z" for moment in WHOLE],
    "pandas": pd.Series(np.array(WHOLE, "M8[s]")),
    "pandas with a zone": pd.Series(np.array(WHOLE, "M8[s]")).dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata"),
    "polars": pl.Series(WHOLE),
    "polars with a zone": pl.Series(WHOLE).dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Kolkata"),
    "arrow": pa.array(WHOLE),
    "arrow with a zone": pa.array(UTC, pa.timestamp("us", tz="UTC")),
    "a dictionary of arrow": pa.array([str(moment) for moment in WHOLE]).dictionary_encode(),
    "categories of pandas": pd.Series([str(moment) for moment in WHOLE]).astype("category"),
}


@pytest.mark.parametrize("values", FORMS.values(), ids=FORMS)
def test_every_form_of_a_date_gives_the_same_bits(values):
    np.testing.assert_array_equal(numbers(values), numbers(np.array(WHOLE, "M8[us]")))
    assert not any("missing" in name for name in fitted({"t": values}).feature_names)


DAYS = ["2024-02-29", None, "1999-12-31"]
GAPS = {
    "days": np.array(DAYS, "M8[D]"),
    "texts": DAYS,
    "marks": ["2024-2-29", "?", "1999-12-31"],
    "objects": [None if day is None else datetime.date.fromisoformat(day) for day in DAYS],
    "pandas": pd.Series(pd.to_datetime(DAYS)),
    "objects of pandas": pd.Series(pd.to_datetime(DAYS)).astype(object),
    "polars": pl.Series(DAYS).str.to_date(),
    "arrow": pa.array([None if day is None else datetime.date.fromisoformat(day) for day in DAYS]),
    "arrow moments": pa.array(np.array(DAYS, "M8[s]")),
}


@pytest.mark.parametrize("values", GAPS.values(), ids=GAPS)
def test_a_missing_date_has_one_indicator_and_the_medians(values):
    encoder = fitted({"t": values})
    parts = ["days", "year", "month", "weekday", "day of year sine", "day of year cosine"]
    assert encoder.feature_names == (*(f"t {part}" for part in parts), "t is missing")
    found = encoder.encode(as_table({"t": values}), "float64")
    assert found[:, -1].tolist() == [0, 1, 0]
    np.testing.assert_allclose(found[[0, 2], :-1], np.sign(found[[0, 2], :-1]))  # two values are one deviation from their mean
    np.testing.assert_allclose(found[1, :-1], 0, atol=1e-12)


def test_a_csv_file_and_a_frame_of_dates_train_the_same_model(tmp_path):
    days = np.datetime64("2023-01-01") + RNG.integers(0, 400, 50)
    frame = pd.DataFrame({"day": days, "x": RNG.normal(size=50).round(3), "y": RNG.normal(size=50).round(3)})
    frame.loc[7, "day"] = pd.NaT
    frame.to_csv(tmp_path / "rows.csv", index=False)
    models = [mlpkit.train(spec({"day": "date"}, data={"target": "y"}), rows) for rows in (frame, tmp_path / "rows.csv")]
    expected = models[0].predict(frame)
    np.testing.assert_array_equal(models[1].predict(tmp_path / "rows.csv"), expected)
    np.testing.assert_array_equal(models[1].predict(pl.from_pandas(frame)), expected)
    np.testing.assert_array_equal(models[1].predict(pa.Table.from_pandas(frame)), expected)


def test_numbers_that_are_equal_in_all_rows_are_left_out():
    names = fitted({"t": ["2024-03-01", "2024-05-01", "2024-03-31"]}).feature_names
    assert names == ("t days", "t month", "t weekday", "t day of year sine", "t day of year cosine")
    names = fitted({"t": ["2024-03-01T12:00", "2024-03-01T00:00"]}).feature_names
    assert names == ("t days", "t hour cosine")  # the sine of noon is 0 but for rounding
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlpkit.train(spec({"t": "date"}), {"t": ["2024-03-01", "2024-03-02"] * 5}, RNG.normal(size=10))


def test_equal_dates_are_a_constant_column():
    with pytest.warns(ConstantColumnWarning, match="'t days'"):
        model = mlpkit.train(spec({"t": "date"}), {"t": ["2024-03-01"] * 9, "x": np.arange(9)}, np.arange(9))
    assert model.input_encoder.feature_names == ("t days", "x")
    np.testing.assert_array_equal(model.predict({"t": ["1999-01-01"], "x": [1]}), model.predict({"t": ["2024-03-01"], "x": [1]}))


def test_dates_are_clipped_like_other_numbers():
    values = {"t": ["2024-03-01", "2024-03-02", "2024-03-04"]}
    far = as_table({"t": ["2999-01-01", "2024-03-02", "0002-01-01"]})
    plain, smooth, cut = (fitted(values, {"t": {"type": "date", "clip": clip}}).encode(far, "float64") for clip in (None, "smooth", 1.5))
    assert np.abs(plain).max() > 1e4
    np.testing.assert_allclose(smooth, plain / np.sqrt(1 + (plain / 3) ** 2), rtol=1e-12)
    np.testing.assert_array_equal(cut, np.clip(plain, -1.5, 1.5))


def test_a_row_of_weight_k_counts_as_k_rows():
    values = np.array([str(moment) for moment in MOMENTS[:30]])
    weights = RNG.integers(1, 4, 30)
    options = Preprocessing.model_validate({"columns": {"t": "date"}})
    encoders = [
        InputEncoder.fit(options, as_table({"t": rows}), ("t",), ("",), each)
        for rows, each in ((values, weights.astype(float)), (np.repeat(values, weights), None))
    ]
    found, expected = (encoder.encode(as_table({"t": values}), "float64") for encoder in encoders)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_season_is_learned_from_the_date_alone():
    days = np.datetime64("2018-01-01") + RNG.integers(0, 2200, 800)
    season = np.sin(2 * np.pi * numbers(days)[:, 0] / 365.25)
    y = np.abs(season) + 0.05 * RNG.normal(size=800)
    table = {"day": days, "x": RNG.normal(size=800)}
    train, test = ({name: values[rows] for name, values in table.items()} for rows in (slice(500), slice(500, None)))
    parts = {"training": {"epochs": 60, "batch_size": 32}, "optimizer": {"type": "adam", "learning_rate": 0.01}}
    found = {
        treatment: mlpkit.train(spec({"day": treatment}, **parts), train, y[:500]).evaluate(test, y[500:])["r2"]
        for treatment in ("date", "ignore")
    }
    assert found["date"] > 0.9
    assert found["ignore"] < 0.1


# -- predictions, files and other runs


@pytest.fixture(scope="module")
def model():
    table = {
        "signup": [str(moment) for moment in MOMENTS],
        "x": RNG.normal(size=len(MOMENTS)),
        "kind": RNG.choice(["a", "b"], len(MOMENTS)),
    }
    return mlpkit.train(spec({"signup": {"type": "date", "clip": "smooth"}}), table, RNG.normal(size=len(MOMENTS)))


ROW = {"signup": "2024-05-06T07:08", "x": 0.5, "kind": "a"}


def test_a_saved_model_predicts_the_same_bits_and_states_schema_5(model, tmp_path):
    model.save(tmp_path / "model.h5")
    facts, loaded = mlpkit.inspect(tmp_path / "model.h5"), mlpkit.load(tmp_path / "model.h5")
    assert facts["spec_schema"] == 5
    state = model.input_encoder.to_state()["columns"][0]
    expected = {"name": "signup", "kind": "date", "treatment": "standardize", "width": 8, "categories": [], "clip": "smooth"}
    assert state == expected | {"parts": list(PARTS)}
    rows = {"signup": np.array(MOMENTS, "M8[ns]"), "x": np.ones(len(MOMENTS)), "kind": ["b"] * len(MOMENTS)}
    np.testing.assert_array_equal(loaded.predict(rows), model.predict(rows))
    mlpkit.train(spec({"x": "standardize"}), {"x": np.arange(9.0)}, np.arange(9)).save(tmp_path / "old.h5")
    assert mlpkit.inspect(tmp_path / "old.h5")["spec_schema"] == 3


def test_rows_with_dates_take_the_ordinary_path(model):
    encoder = model.input_encoder
    assert encoder.plain.encode([ROW], "float32") is None
    same = [
        ROW | {"signup": value} for value in (np.datetime64("2024-05-06T07:08"), datetime.datetime(2024, 5, 6, 7, 8), "2024-05-06T08:08+01")
    ]
    expected = model.predict({name: [value] for name, value in ROW.items()})
    for row in (ROW, *same):
        np.testing.assert_array_equal(model.predict([row]), expected)


def test_a_number_is_no_date_on_the_fast_path_either():
    only_days = mlpkit.train(spec({"t": "date"}), {"t": ["2024-03-01", "2024-03-01T12:00", "2024-03-01T12:00"]}, [1, 2, 3])
    assert only_days.input_encoder.numbers.columns[0].parts == ("days", "hour_cosine")
    constant = fitted({"t": ["2024-03-01"] * 2})
    assert constant.numbers.columns[0].parts == ("days",)
    assert constant.plain.encode([{"t": 5.0}], "float32") is None
    with pytest.raises(DataError, match="'t' has numbers, which are no dates"):
        constant.encode(as_table({"t": [5.0]}), "float32")


@pytest.mark.parametrize(
    "row", [{**ROW, "signup": None}, {**ROW, "signup": np.nan}, {**ROW, "signup": pd.NaT}, {"x": 0.5, "kind": "a"}], ids=str
)
def test_a_date_that_was_never_missing_in_training_is_named_once(model, row):
    with pytest.warns(UnseenCategoryWarning, match="'signup' has values that were not seen") as caught:
        found = model.predict([row])
    assert "1 value: a missing value in 'signup' (1)" in caught[0].message.details
    assert np.isfinite(found).all()


@pytest.mark.parametrize("table", [np.zeros((2, 3)), np.array([["2024-01-01", 1.0, "a"]], object)], ids=["numbers", "objects"])
def test_dates_have_no_position(model, table):
    with pytest.raises(DataError, match="the input 'signup' is a date, and only numbers can be given by position"):
        model.predict(table)


def test_a_resumed_run_finds_other_dates(tmp_path):
    values = np.array(MOMENTS[:40], "M8[us]")
    part, y = mlpkit.Model(spec({"t": "date"}), inputs=8, outputs=1), RNG.normal(size=40)
    next(mlpkit.epochs(part, {"t": values}, y))
    part.save(tmp_path / "part.h5", training_state=True)
    changed = values.copy()
    changed[5] += np.timedelta64(1, "D")
    with pytest.raises(mlpkit.MLPKitError, match="the column 't' is not the same"):
        list(mlpkit.epochs(mlpkit.load(tmp_path / "part.h5"), {"t": changed}, y, resume=True))
    texts = {"t": values.astype(str)}
    assert len(list(mlpkit.epochs(mlpkit.load(tmp_path / "part.h5"), texts, y, resume=True))) == 1


def test_numbers_on_disk_are_no_dates(tmp_path):
    y = RNG.normal(size=40)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["signup"], file["x"], file["y"] = np.arange(40.0), y, y
    disk = {"data": {"target": "y", "in_memory": False}}
    for columns in ({"signup": "date"}, {"signup": {"type": "date", "clip": 2}}):
        with pytest.raises(DataError, match="'signup' has numbers, which are no dates"):
            mlpkit.train(spec(columns, **disk), tmp_path / "rows.h5")
    memory = {"signup": np.array(MOMENTS[:40], "M8[us]"), "x": y, "y": y}
    trained = mlpkit.train(spec({"signup": "date"}, **disk | {"data": {"target": "y"}}), memory)
    stored, encoders = spec({"signup": "date"}, **disk), (trained.input_encoder, trained.target_encoder)
    with pytest.raises(DataError, match="'signup' has numbers, which are no dates"):
        prepare(stored, tmp_path / "rows.h5", encoders=encoders)
    for use in (trained.predict, trained.evaluate):
        with pytest.raises(DataError, match="'signup' has numbers, which are no dates"):
            use(tmp_path / "rows.h5")


# -- what is refused

BAD = {
    "the day first": (["2024-03-01", "12.03.2024"], r"'t' has '12.03.2024' in row 1, which is no date"),
    "no such day": (["2023-02-29"], "'t' has '2023-02-29' in row 0"),
    "a time of day": (["12:30"], "'t' has '12:30' in row 0"),
    "a word": (["2024-03-01", "soon"], "'t' has 'soon' in row 1"),
    "a number as a text": (["2024.03"], "'t' has '2024.03' in row 0"),
    "a number with spaces": ([" 2024.03 "], "'t' has ' 2024.03 ' in row 0"),
    "a date without marks": (["20240301"], "'t' has '20240301' in row 0"),
    "numbers": ([1.5, 2.0], "'t' has numbers, which are no dates"),
    "booleans": ([True, False], "'t' has booleans, which are no dates"),
    "two values": (np.ones((2, 2)), "'t' has 2 values per row, which are no dates"),
    "durations": (np.array([1, 2], "m8[D]"), "'t' has values of type timedelta64"),
    "zones of some": (["2024-03-01", None, "2024-03-01T12:00Z"], "zone: '2024-03-01' in row 0, '2024-03-01T12:00Z' in row 2"),
    "after 9999": (np.array(["2024-01-01", "12024-01-01"], "M8[D]"), "has a date of the year 12024 in row 1, and years are from 1"),
    "far after 9999": (np.array([10**15], "M8[Y]"), "'t' has a date of the year 1000000000001970 in row 0"),
    "before 1": (np.array(["0000-12-31"], "M8[s]"), "'t' has a date of the year 0 in row 0"),
    "before 1 in UTC": (["0001-01-01T00:00+01:00"], "'t' has a date of the year 0 in row 0"),
    "after 9999 in UTC": (["9999-12-31T23:30-01:00"], "'t' has a date of the year 10000 in row 0"),
    "nothing": ([None, None], "'t' has no value in the training rows"),
}  # fmt: skip


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_other_values_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        fitted({"t": values})


def test_a_line_of_a_file_is_named(model, tmp_path):
    (tmp_path / "rows.csv").write_text("kind,x,signup\na,1,2024-03-01\nb,2,1.3.2024\n")
    with pytest.raises(DataError, match=r"'signup' has '1.3.2024' in line 3 of .*rows.csv, which is no date") as caught:
        model.predict(tmp_path / "rows.csv")
    assert "2024-03-01" in caught.value.help


def test_missing_dates_are_refused_if_nothing_is_imputed():
    with pytest.raises(DataError, match=r"the column 't' has a missing value in row 1, and preprocessing\.missing is 'none'"):
        fitted({"t": ["2024-03-01", None]}, missing="none")
    encoder = fitted({"t": ["2024-03-01", "2025-04-02"]}, missing="none")
    with pytest.raises(DataError, match="the column 't' has a missing value in row 0"):
        encoder.encode(as_table({"t": [None]}), "float64")


@pytest.mark.parametrize("values", [["2024-03-01", "2024-03-02T10:00Z"], np.array(["2024-03-01"], "M8[D]")], ids=["texts", "dates"])
def test_without_a_treatment_the_error_names_it(values):
    for columns in ({}, {"t": "standardize"}):
        with pytest.raises(DataError, match="'t' has dates or times") as caught:
            fitted({"t": values}, columns)
        assert '"preprocessing": {"columns": {"t": "date"}}' in caught.value.help


WRONG = {
    "for all numbers": ({"numbers": "date"}, "preprocessing.numbers"),
    "a limit of 0": ({"columns": {"t": {"type": "date", "clip": 0}}}, "preprocessing.columns.t.clip"),
    "an option of another": ({"columns": {"t": {"type": "date", "knots": 5}}}, "preprocessing.columns.t.knots"),
}


@pytest.mark.parametrize(("preprocessing", "path"), WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused_at_their_place(preprocessing, path):
    with pytest.raises(SpecError) as caught:
        mlpkit.Spec.model_validate({"network": {"layers": [{}]}, "loss": "mse", "preprocessing": preprocessing})
    assert path in str(caught.value)


HOSTILE = {
    "an unknown part": lambda column: column["parts"].append("minute"),
    "a part twice": lambda column: column["parts"].__setitem__(1, "days"),
    "fewer parts": lambda column: column["parts"].pop(),
    "no parts": lambda column: column.pop("parts"),
    "parts that are no list": lambda column: column.update(parts="days"),
    "categories": lambda column: column.update(categories=["a"]),
    "another treatment": lambda column: column.update(treatment="quantile"),
    "one-hot": lambda column: column.update(treatment="one_hot"),
    "parts of numbers": lambda column: column.update(kind="number"),
    "parts of categories": lambda column: column.update(kind="category", treatment="one_hot", width=1, categories=["a"]),
    "another width": lambda column: column.update(width=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_states_are_refused(name, model, tmp_path):
    model.save(tmp_path / "model.h5")
    contents = reader.read(tmp_path / "model.h5")
    HOSTILE[name](contents.preprocessing["inputs"]["columns"][0])
    writer.write(tmp_path / "damaged.h5", contents)
    with pytest.raises(ModelFileError, match="preprocessing of the inputs is not valid"):
        mlpkit.load(tmp_path / "damaged.h5")
