"""Readers of other packages: found by a file's suffix or by name, only when data are read."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit import errors
from mlpkit.data.formats import CSV, TSV
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.plugin import Reader

CODE = """import json
import mlpkit

class Plugin(mlpkit.Reader):
    \"\"\"A list of JSON objects.\"\"\"

    key: str = ""

    def open(self, source):
        try:
            with open(source.path, encoding="utf-8") as stream:
                rows = json.load(stream)
        except ValueError as error:
            raise mlpkit.DataError(f"{source.path} is not JSON: {error}") from error
        rows = rows[self.key] if self.key else rows
        return {name: [row[name] for row in rows] for name in rows[0]}
"""
ROWS = [{"x": float(number), "y": 2.0 * number + number % 3} for number in range(30)]


def spec(path, **data):
    layers = [{"units": 4, "activation": "tanh"}, {}]
    whole = {"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 3}}
    return {**whole, "data": {"path": str(path), "target": "y", **data}}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.listing"
    path.write_text(json.dumps(ROWS))
    return path


@pytest.fixture
def listing(install):
    install("dist-listing", "listing", CODE, group="readers")


def test_a_suffix_means_the_reader_of_its_name(listing, file):
    table = read_table(file)
    np.testing.assert_array_equal(table["x"], [row["x"] for row in ROWS])
    assert table.source == str(file)
    assert [part.rows for part in iter_tables(file, rows=8)] == [8, 8, 8, 6]


def test_it_trains_evaluates_and_predicts(listing, file):
    model = mlpkit.train(spec(file))
    assert model.predict(file).shape == (30,)
    assert np.isfinite(model.evaluate(file)["loss"])


def test_a_name_with_options_reads_files_of_any_suffix(listing, tmp_path):
    path = tmp_path / "nested.txt"
    path.write_text(json.dumps({"rows": ROWS}))
    model = mlpkit.train(spec(path, format={"type": "dist-listing:listing", "key": "rows"}))
    assert model.predict({"x": [1.0]}).shape == (1,)


def test_a_model_loads_and_resumes_where_the_reader_is_missing(listing, alone, file, tmp_path):
    model = mlpkit.train(spec(file, format="listing"))
    model.save(tmp_path / "model.h5")
    alone()
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert loaded.predict({"x": [1.0]}) == model.predict({"x": [1.0]})
    assert [record["kind"] for record in mlpkit.inspect(tmp_path / "model.h5")["plugins"]].count("readers") == 0
    with pytest.raises(errors.MissingPlugin, match="unknown reader 'listing'"):
        loaded.predict(file)


def test_without_the_plugin_an_unknown_suffix_is_csv(tmp_path):
    path = tmp_path / "rows.listing"
    path.write_text("x,y\n1,2\n3,4\n")
    assert read_table(path).names == ("x", "y")


def test_a_missing_reader_of_a_known_suffix_is_asked_for(tmp_path):
    (tmp_path / "rows.ods").write_bytes(b"PK")
    with pytest.raises(errors.DataError, match="install a plugin with the reader 'ods'"):
        read_table(tmp_path / "rows.ods")


def test_wrong_options_are_told_when_data_are_read(listing, file):
    with pytest.raises(errors.SpecError, match=r"data\.format: wrong options of the reader 'listing'.*deep"):
        mlpkit.train(spec(file, format={"type": "listing", "deep": 3}))


def test_an_error_in_its_code_names_it(install, file):
    install("dist-listing", "listing", CODE.replace("rows[0]}", "rows[99]}"), group="readers")
    with pytest.raises(errors.BrokenPlugin, match=r"the reader 'listing' of dist-listing 1\.2 .* failed in open: IndexError"):
        read_table(file)


def test_a_data_error_of_its_own_is_shown_as_it_is(listing, tmp_path):
    (tmp_path / "bad.listing").write_text("{")
    with pytest.raises(errors.DataError, match="is not JSON"):
        read_table(tmp_path / "bad.listing")


def test_an_option_may_have_the_name_of_a_key_of_data(install, tmp_path):
    install("dist-listing", "listing", CODE.replace("key", "target"), group="readers")
    path = tmp_path / "nested.txt"
    path.write_text(json.dumps({"rows": ROWS}))
    model = mlpkit.train(spec(path, format={"type": "listing", "target": "rows"}))
    model.save(tmp_path / "model.h5")
    assert mlpkit.load(tmp_path / "model.h5").evaluate(path) == model.evaluate(path)


IN_PARTS = """
    def batches(self, source, rows):
        table = self.open(source)
        for start in range(0, len(table["x"]), rows):
            yield {name: column[start : start + rows] for name, column in table.items()}
"""


def test_rows_in_errors_are_those_of_the_file_also_in_batches(install, tmp_path):
    install("dist-listing", "listing", CODE + IN_PARTS, group="readers")
    path = tmp_path / "rows.listing"
    path.write_text(json.dumps([{**row, "x": "?" if row["x"] == 19 else row["x"]} for row in ROWS]))
    tables = list(iter_tables(path, rows=8))
    assert [table.numbers.tolist() for table in tables] == [[*range(8)], [*range(8, 16)], [*range(16, 24)], [*range(24, 30)]]
    assert tables[2].place(3) == f"row 19 of {path}"
    assert [table.numbers[0] for table in iter_tables(path, rows=3)] == [*range(0, 30, 3)]


OF_CSV = """from mlpkit.data.formats import CSV

class Plugin(CSV):
    \"\"\"A CSV file with a title in its first line.\"\"\"

    def open(self, source):
        path = source.path + ".csv"
        with open(source.path, encoding="utf-8") as whole, open(path, "w", encoding="utf-8") as rest:
            rest.writelines(list(whole)[1:])
        return super().open(source._replace(path=path))
"""


def test_a_subclass_of_csv_gets_the_options_of_csv_files(install, tmp_path):
    install("dist-titled", "titled", OF_CSV, group="readers")
    path = tmp_path / "rows.titled"
    path.write_text("a title\nx;y\n1,5;2\n-;3\n3,5;5\n")
    data = {"decimal": ",", "separator": ";", "missing": ["-"]}
    model = mlpkit.train(spec(path, **data))
    assert model.input_encoder.columns[0].kind == "number"
    assert np.isfinite(model.evaluate(path)["loss"])
    in_format = mlpkit.train(spec(path, format={"type": "titled", **data}))
    np.testing.assert_array_equal(in_format.predict(path), model.predict(path))


class Doubled(Reader):
    """Numbers in lines, and twice of each."""

    def open(self, source):
        numbers = np.loadtxt(source.path)
        return {"x": numbers, "y": 2 * numbers}


def test_a_class_of_ones_own(tmp_path):
    path = tmp_path / "numbers.lines"
    path.write_text("\n".join(map(str, range(20))))
    model = mlpkit.train(spec(path, format=Doubled))
    assert mlpkit.Spec.model_validate(model.spec.to_dict()).data.format == "doubled"


# -- mlpkit's own


@pytest.mark.parametrize(
    ("reader", "format", "schema"),
    [(CSV(), "csv", 3), (CSV, "csv", 3), (CSV(decimal=","), {"type": "csv", "decimal": ","}, 5), (TSV(), "tsv", 3)],
    ids=str,
)
def test_of_a_reader_object_only_what_was_set_is_stored(reader, format, schema, tmp_path):
    data = {"x": [1.0, 2.0, 3.0], "y": [1.0, 3.0, 2.0]}
    model = mlpkit.train(spec("none.csv", format=reader, encoding="cp1252" if schema == 5 else "utf-8"), data)
    assert model.spec.data.format == format
    model.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == schema


def test_a_model_whose_format_has_options_of_csv_files_is_loaded(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x;y\n1,5;2\n-;3\n3,5;5\n")
    model = mlpkit.train(spec(path, format={"type": "csv", "decimal": ",", "separator": ";", "missing": ["-"]}))
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert loaded.evaluate(path) == model.evaluate(path)
    assert mlpkit.Spec.model_validate(model.spec.to_dict()).to_dict() == model.spec.to_dict()


def test_options_of_csv_files_stand_in_the_format_too(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x;y\n1,5;2\n2,5;3\n3,5;5\n")
    model = mlpkit.train(spec(path, format={"type": "csv", "decimal": ",", "separator": ";"}))
    assert model.input_encoder.columns[0].kind == "number"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"format": {"type": "csv", "decimal": ";"}}, r"data\.format\.decimal"),
        ({"format": {"type": "csv", "comma": ","}}, "unknown option 'comma' of csv"),
        ({"format": {"type": "csv", "decimal": ","}, "decimal": ","}, "'decimal' is set here and in 'format'"),
        ({"format": 3}, "should be the name of a reader"),
        ({"format": "No Name"}, "should be the name of a reader"),
    ],
)
def test_wrong_formats_are_told_when_the_spec_is_checked(data, words):
    with pytest.raises(errors.SpecError, match=words):
        mlpkit.Spec.model_validate(spec("rows.csv", **data))


@pytest.mark.parametrize(("format", "schema"), [(None, 3), ("csv", 3), ({"type": "csv", "decimal": ","}, 5), ("listing", 5)])
def test_a_format_of_0_3_needs_no_later_reader(format, schema, tmp_path):
    model = mlpkit.train({**spec("none.csv", format=format)}, {"x": [1.0, 2.0, 3.0], "y": [1.0, 3.0, 2.0]})
    model.save(tmp_path / "model.h5")
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == schema
    assert mlpkit.load(tmp_path / "model.h5").spec.data.format == format


def test_readers_are_listed_with_the_other_plugins():
    assert [info.name for info in mlpkit.plugins("readers")][:5] == ["csv", "tsv", "npy", "npz", "hdf5"]
