"""Specs: JSON in, JSON out; every problem at once, with its place and what to do."""

import copy
import json
import pickle
from typing import Literal

import pytest

import mlpkit
from mlpkit import errors
from mlpkit.activations import LeakyReLU, Sigmoid
from mlpkit.initializers import HeNormal
from mlpkit.optimizers import Adam
from mlpkit.schedules import Cosine
from mlpkit.spec import Spec

XOR = {
    "network": {"layers": [{"units": 2, "activation": "sigmoid"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "mean_squared_error",
}


def with_(**changes):
    return {**copy.deepcopy(XOR), **changes}


def last_layer(**options):
    return {"layers": [{"units": 2, "activation": "tanh"}, options]}


def problems(spec):
    with pytest.raises(errors.MLPKitError) as caught:
        Spec.model_validate(spec)
    return caught.value.problems


def test_plugins_become_objects():
    spec = Spec.model_validate(with_(optimizer={"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.01}}))
    assert spec.network.layers[0].activation == Sigmoid()
    assert spec.optimizer == Adam(learning_rate=Cosine(initial=0.01))


def test_classes_and_objects_need_no_names():
    layers = [{"units": 2, "activation": LeakyReLU(negative_slope=0.2)}, {"units": 1, "activation": Sigmoid}]
    spec = Spec.model_validate(with_(network={"layers": layers}))
    assert spec.to_dict()["network"]["layers"][0]["activation"] == {"type": "leaky_relu", "negative_slope": 0.2}


def test_auto_is_what_the_activation_recommends():
    layer = Spec.model_validate(with_(network=last_layer(units=1, activation="relu", weight_initializer="auto"))).network.layers[1]
    assert layer.weight_initializer == HeNormal()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"preprocessing": "none"},
        {"preprocessing": {"columns": {"zip": "one_hot"}}},
        {"data": {"target": ["a", "b"], "split": {"validation": 0.2}}},
        {"optimizer": {"type": "sgd", "learning_rate": {"type": "step", "initial": 1, "every": 5}}},
        {"network": last_layer(units=1, normalization="batch")},
        {"network": last_layer(units=1, normalization={"type": "layer", "epsilon": 1e-3})},
        {"network": last_layer(units=1, weight_initializer={"type": "constant", "value": [[1], [2]]})},
        {"metrics": ["mse", "r2"], "training": {"early_stopping": {"monitor": "r2"}}},
        {"training": {"checkpoint": {}}},
        {"training": {"checkpoint": {"folder": "a/b", "minutes": 2.5, "keep": 5}}},
    ],
)
def test_round_trip_with_every_default_written_out(changes):
    spec = Spec.model_validate(with_(**changes))
    text = json.dumps(spec.to_dict())
    assert Spec.from_json(text) == spec
    assert Spec.from_json(text).to_dict() == spec.to_dict()
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec


def test_aliases_are_stored_by_their_canonical_name():
    assert Spec.model_validate(with_(loss="mse")) == Spec.model_validate(XOR)
    assert Spec.model_validate(with_(loss="mse")).to_dict()["loss"] == "mean_squared_error"


def test_a_spec_is_immutable():
    spec = Spec.model_validate(XOR)
    with pytest.raises(ValueError, match="frozen"):
        spec.seed = 1


BAD = [  # what is changed, the place, words of the message or the help
    ({"nmae": "x"}, "nmae", "did you mean 'name'"),
    ({"seed": "x"}, "seed", "integer"),
    ({"seed": -1}, "seed", "greater than or equal to 0"),
    ({"dtype": "float16"}, "dtype", "float32"),
    ({"loss": "mse2"}, "loss", "did you mean 'mse'"),
    ({"loss": 3}, "loss", "name of one of the losses"),
    ({"optimizer": {"type": "adam", "learning_rate": 0}}, "optimizer.learning_rate", "greater than 0"),
    ({"optimizer": {"type": "adam", "learning_rate": -0.1}}, "optimizer.learning_rate", "greater than 0"),
    ({"optimizer": {"type": "adam", "learning_rate": "cosin"}}, "optimizer.learning_rate", "did you mean 'cosine'"),
    ({"optimizer": {"type": "adam", "learning_rate": {"type": "cosine"}}}, "optimizer.learning_rate", "'initial' is missing"),
    ({"optimizer": {"type": "sgd", "nesterov": True}}, "optimizer", "momentum"),
    ({"optimizer": {"type": "adam", "beta": 0.9}}, "optimizer.beta", "did you mean"),
    ({"training": {"epochs": 0}}, "training.epochs", "greater than or equal to 1"),
    ({"training": {"epochs": 1.5}}, "training.epochs", "integer"),
    ({"training": {"epochs": True}}, "training.epochs", "integer"),
    ({"training": {"batch_size": -4}}, "training.batch_size", "greater than or equal to 1"),
    ({"training": {"early_stopping": {"monitor": "acc"}}}, "training.early_stopping.monitor", "'acc' is not measured"),
    ({"training": {"early_stopping": {"patience": 0}}}, "training.early_stopping.patience", "greater than or equal to 1"),
    ({"training": {"checkpoint": True}}, "training.checkpoint", "object"),
    ({"training": {"checkpoint": {"minutes": 0}}}, "training.checkpoint.minutes", "greater than 0"),
    ({"training": {"checkpoint": {"epochs": 0}}}, "training.checkpoint.epochs", "greater than or equal to 1"),
    ({"training": {"checkpoint": {"keep": 0}}}, "training.checkpoint.keep", "greater than or equal to 1"),
    ({"training": {"checkpoint": {"folder": ""}}}, "training.checkpoint.folder", "should not be empty text"),
    ({"training": {"checkpoint": {"every": 2}}}, "training.checkpoint.every", "unknown"),
    ({"metrics": ["mse", "mse"]}, "metrics", "twice"),
    ({"network": {"layers": []}}, "network.layers", "needs at least 1"),
    ({"network": last_layer(units=0)}, "network.layers[1].units", "greater than or equal to 1"),
    ({"network": last_layer(units="8")}, "network.layers[1].units", "integer"),
    ({"network": {"layers": [{"activation": "tanh"}, {"units": 1}]}}, "network.layers[0]", "'units' is missing"),
    ({"network": last_layer(units=1, activation="softmax")}, "network.layers[1].activation", "one unit"),
    ({"network": last_layer(units=1, dropout=0.5)}, "network.layers[1].dropout", "drop predictions"),
    ({"network": {"layers": [{"units": 2, "dropout": 1.0}, {"units": 1}]}}, "network.layers[0].dropout", "a number from 0 to below 1"),
    ({"network": last_layer(units=1, normalization="bach")}, "network.layers[1].normalization", "'batch', 'layer' or 'rms'"),
    (
        {"network": last_layer(units=1, normalization={"type": "batch", "momentm": 0.5})},
        "network.layers[1].normalization.momentm",
        "'momentum'",
    ),
    (
        {"network": last_layer(units=1, normalization={"type": "batch", "momentum": 2})},
        "network.layers[1].normalization.momentum",
        "less than 1",
    ),
    (
        {"network": last_layer(units=1, weight_initializer={"type": "constant", "value": "a"})},
        "network.layers[1].weight_initializer.value",
        "lists of numbers",
    ),
    ({"optimizer": {"type": "sgd", "momentum": "0.9"}}, "optimizer.momentum", "number"),
    ({"optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": "yes"}}, "optimizer.nesterov", "boolean"),
    ({"optimizer": {"type": "adam", "learning_rate": "0.1"}}, "optimizer.learning_rate", "not a string"),
    ({"optimizer": {"type": "adam", "learning_rate": 10**400}}, "optimizer.learning_rate", "finite number"),
    ({"network": last_layer(units=2), "loss": "binary_crossentropy"}, "network.layers[1].activation", "'sigmoid'"),
    ({"network": last_layer(units=2, activation="sigmoid"), "loss": "cross_entropy"}, "network.layers[1].activation", "'softmax'"),
    ({"data": {"split": {"validation": 1.0}}}, "data.split.validation", "less than 1"),
    ({"data": {"split": {}}}, "data.split", "either 'validation'"),
    ({"data": {"split": {"validation": 0.2}, "validation": "v.csv"}}, "data.validation", "both"),
    ({"data": {"split": {"group": "g"}}}, "data.split", "'group' needs 'validation'"),
    ({"data": {"split": {"time": "t"}}}, "data.split", "'time' needs 'validation'"),
    ({"data": {"split": {"column": "part", "group": "g"}}}, "data.split.group", "remove 'group', or 'column'"),
    ({"data": {"split": {"column": "part", "time": "t"}}}, "data.split.time", "remove 'time', or 'column'"),
    ({"data": {"split": {"validation": 0.2, "group": "g", "time": "t"}}}, "data.split.time", "cannot be combined"),
    ({"data": {"split": {"validation": 0.2, "group": ""}}}, "data.split.group", "empty"),
    ({"data": {"split": {"validation": 0.2, "group": ["a", "b"]}}}, "data.split.group", "string"),
    ({"data": {"target": "y", "split": {"validation": 0.2, "group": "y"}}}, "data.split.group", "is the target too"),
    ({"data": {"target": "y", "weight": "w", "split": {"validation": 0.2, "time": "w"}}}, "data.split.time", "is the weight too"),
    ({"data": {"target": "y", "inputs": ["part"], "split": {"column": "part"}}}, "data.split.column", "is an input too"),
    ({"data": {"target": "y", "inputs": ["x", "y"]}}, "data.target", "is an input too"),
    ({"data": {"target": "y", "inputs": ["x", "x"]}}, "data.inputs", "twice"),
    ({"preprocessing": {"columns": {"a": "scale"}}}, "preprocessing.columns.a", "standardize"),
]


@pytest.mark.parametrize(("changes", "path", "words"), BAD, ids=[f"{row[1]}-{row[2][:12]}" for row in BAD])
def test_bad_spec(changes, path, words):
    (problem,) = problems(with_(**changes))
    assert problem.path == path
    assert words in f"{problem.message} {problem.help}"


def test_every_problem_at_once():
    spec = with_(seed="x", nmae=1, loss="mse2", training={"epochs": 0}, network=last_layer(units=0, activation="softmx"))
    paths = {problem.path for problem in problems(spec)}
    assert len(problems(spec)) == 6
    assert paths == {"seed", "nmae", "loss", "training.epochs", "network.layers[1].units", "network.layers[1].activation"}


def test_unknown_plugins_alone_are_a_plugin_error():
    with pytest.raises(errors.MissingPlugin):
        Spec.model_validate(with_(loss="mse2"))
    with pytest.raises(errors.SpecError):
        Spec.model_validate(with_(loss="mse2", seed=-1))


TEXT = """{
  "network": {"layers": [
    {"units": 8, "activation": "relu"},
    {"units": 3, "activation": {"type": "leaky_relu", "slope": 0.1}}
  ]},
  "loss": "mean_squared_error"
}"""


def test_line_and_column(tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(TEXT)
    with pytest.raises(errors.SpecError) as caught:
        Spec.read(path)
    (problem,) = caught.value.problems
    assert problem.message == "unknown option 'slope' of leaky_relu; did you mean 'negative_slope'?"
    assert (problem.file, problem.line, problem.column) == (str(path), 4, 55)
    assert problem.source[problem.column - 1 :].startswith('"slope"')
    assert problem.path == "network.layers[1].activation.slope"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"seed": 1,\n seed: 2}', 2, "not valid JSON"),
        ("", 1, "empty"),
        ('{"seed": 1,\n "seed": 2}', 2, "written twice"),
        ('{"name": "NaN",\n "seed": NaN}', 2, "NaN is not a JSON number"),
        ('{"name": "' + "1" * 5000 + '",\n "seed": ' + "9" * 5000 + "}", 2, "a number of 5,000 digits is too long"),
        ('{"seed":\n -Infinity}', 2, "-Infinity is not a JSON number"),
        ('{"seed": 1, // the seed\n "name": "a"}', 1, "a comment, which JSON does not have"),
        ('# a spec\n{"seed": 1}', 1, "a comment"),
        ('{"seed": 1 /* one */}', 1, "a comment"),
        ("name: a\ndata:\n  path: a.csv\n", 1, "this is YAML, not JSON"),
        ("---\nname: a\n", 1, "this is YAML"),
        ("# a spec\nname: a\n", 1, "this is YAML"),
        ('{"metrics": ["mse",\n]}', 2, "a comma before a closing bracket"),
        ('{"seed": 1,\n}', 2, "a comma before a closing bracket"),
        ("{\n'seed': 1}", 2, "single quotes"),
        ('{"in_memory":\nTrue}', 2, "True"),
        ('{"seed": 1', 1, "ends in the middle"),
        ('{"seed": 1}\n{"seed": 2}', 2, "text after its end"),
        ('{"data": {"target": "y", "path": "\\"seed\\":"},\n "seed": 1,\n "seed": 2}', 3, "'seed' is written twice"),
        ('{"a": {"b": 1, "b": 2},\n "c": {"b": 1}}', 1, "'b' is written twice"),
        ('{"a": {"b": 1},\n "c": [{"b": 1}, {"b": 1,\n "b": 2}]}', 3, "'b' is written twice"),
        ('{"é": 1,\n "\\u00e9": 2}', 2, "'é' is written twice"),
        ("[" * 100_000, 0, "nested too deep"),
    ],
)
def test_broken_json(text, line, words):
    with pytest.raises(errors.SpecError) as caught:
        Spec.from_json(text, file="spec.json")
    (problem,) = caught.value.problems
    assert problem.line == line
    assert words in problem.message


def test_unreadable_file(tmp_path):
    with pytest.raises(errors.SpecError, match="No such file"):
        Spec.read(tmp_path / "none.json")
    with pytest.raises(errors.SpecError, match="folder"):
        Spec.read(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"name":\n "\xe9"}')
    with pytest.raises(errors.SpecError, match="not UTF-8 text: byte 0xe9 in line 2"):
        Spec.read(tmp_path / "latin.json")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_other_encodings_are_named(tmp_path, encoding):
    (tmp_path / "spec.json").write_bytes('{"seed": 1}'.encode(encoding))
    with pytest.raises(errors.SpecError, match=f"it is {encoding[:6].upper()} text, not UTF-8"):
        Spec.read(tmp_path / "spec.json")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"version https://git-lfs", "git-lfs"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, content, what):
    (tmp_path / "spec.json").write_bytes(content)
    with pytest.raises(errors.SpecError, match=f"{what}.*, not a JSON spec") as caught:
        Spec.read(tmp_path / "spec.json")
    assert caught.value.help


def test_the_place_of_a_key_does_not_depend_on_the_depth():
    text = '{"a":' * 400 + '{"b": 1,\n"b": 2}' + "}" * 400
    with pytest.raises(errors.SpecError) as caught:
        Spec.from_json(text)
    assert caught.value.problems[0].line == 2


def test_a_byte_order_mark_is_accepted():
    assert Spec.from_json("\ufeff" + json.dumps(XOR)) == Spec.model_validate(XOR)


def test_widths_come_from_the_data_and_must_fit_them():
    spec = Spec.model_validate({"network": {"layers": [{"units": 4}, {"activation": "softmax"}]}, "loss": "cross_entropy"})
    whole = spec.with_widths(5, 3)
    assert (whole.network.inputs, whole.network.layers[-1].units) == (5, 3)
    assert whole.with_widths(5, 3) == whole
    with pytest.raises(errors.SpecError, match="3 units, but the target needs 4"):
        whole.with_widths(5, 4)
    with pytest.raises(errors.SpecError, match="encoded data have 6"):
        whole.with_widths(6, 3)
    with pytest.raises(errors.SpecError, match="one unit"):
        spec.with_widths(5, 1)


@pytest.mark.parametrize("width", [0, -1, 2.0, "3", True])
def test_a_width_is_a_whole_number(width):
    with pytest.raises(errors.SpecError, match="must be an integer of at least 1"):
        Spec.model_validate(XOR).with_widths(width, 1)


@pytest.mark.parametrize("option", ["strict", "context", "by_alias", "fodler"])
def test_an_option_that_has_no_effect_is_refused(option):
    with pytest.raises(TypeError, match=option):
        Spec.model_validate(XOR, **{option: None})


def test_the_schema_that_an_editor_reads_is_not_a_part_of_the_value():
    assert Spec.model_validate(with_(**{"$schema": "./mlpkit.schema.json"})) == Spec.model_validate(XOR)


def test_paths_are_relative_to_the_spec_file(tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(XOR))
    spec = Spec.read(tmp_path / "spec.json")
    assert spec.resolve_path("rows.csv") == tmp_path / "rows.csv"
    assert spec == Spec.model_validate(XOR)


def test_of_a_thousand_problems_the_first_are_reported():
    layers = [{"units": -1, "activation": "tanh"}] * 1000
    found = problems(with_(network={"layers": layers}))
    assert [problem.path for problem in found] == [*(f"network.layers[{index}].units" for index in range(50)), ""]
    assert found[-1].message == "there are more problems"


def test_an_error_far_down_in_a_list_has_its_place():
    layers = [{"units": 2, "activation": "tanh"}] * 250
    layers[222] = {"units": 2, "activation": "tanh", "droput": 0.5}
    (found,) = problems(with_(network={"layers": [*layers, {"units": 1}]}))
    assert (found.path, found.message) == ("network.layers[222].droput", "unknown key 'droput'; did you mean 'dropout'?")


def test_many_unknown_keys_are_one_problem():
    (found,) = problems(with_(**{f"key {number}": 0 for number in range(200)}))
    assert found.message.startswith("has 202 keys, but the known ones are $schema, preset, name, seed, ")
    assert len(problems(with_(**{f"key {number}": 0 for number in range(40)}))) == 40


def test_long_values_are_shortened():
    (found,) = problems(with_(seed="a" * 10**6))
    assert found.message.endswith("aaa'")
    assert len(found.message) < 200
    (found,) = problems(with_(loss="a" * 10**6))
    assert len(found.message) < 200


def test_thousands_of_columns_may_be_targets_and_inputs():
    names = [f"c{number}" for number in range(50_000)]
    spec = Spec.model_validate(with_(data={"target": names[:20_000], "inputs": names[20_000:]}))
    assert (len(spec.data.target), len(spec.data.inputs)) == (20_000, 30_000)
    found = problems(with_(data={"target": names, "inputs": names}))
    assert found[0].message == "the column 'c0' is an input too"


def test_a_list_of_missing_texts_adds_to_the_usual_ones():
    usual = Spec.model_validate(XOR).data.missing
    assert Spec.model_validate(with_(data={"missing": ["-"]})).data.missing == ("-", *usual)
    assert Spec.model_validate(with_(data={"missing": ["NA"]})).data.missing == ("NA", *(text for text in usual if text != "NA"))


def test_only_replaces_the_usual_missing_texts_and_is_what_is_stored():
    spec = Spec.model_validate(with_(data={"missing": {"only": ["-"]}}))
    assert spec.data.missing == ("-",)
    assert spec.to_dict()["data"]["missing"] == {"only": ["-"]}
    assert Spec.model_validate(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("missing", "place", "message"),
    [
        ("-", "data.missing", "should be a list"),
        ({"only": "-"}, "data.missing", "replaces the default ones"),
        ({"only": ["-"], "also": []}, "data.missing", "replaces the default ones"),
        ({"only": ["-", 3]}, "data.missing.only[1]", "should be a string"),
        (["-", 3], "data.missing[1]", "string"),
    ],
)
def test_missing_texts_that_are_none(missing, place, message):
    [problem] = problems(with_(data={"missing": missing}))
    assert (problem.path, message in problem.message) == (place, True)


@pytest.mark.parametrize(
    ("header", "place", "message"),
    [
        ("no", "data.header", "true, false"),
        ([], "data.header", "true, false"),
        (["a", ""], "data.header[1]", "nonempty"),
        (["a", "b", "a"], "data.header", "twice"),
    ],
)
def test_an_invalid_header(header, place, message):
    [problem] = problems(with_(data={"header": header}))
    assert (problem.path, message in problem.message) == (place, True)


def test_an_encoding_that_python_does_not_know():
    for name in ("utf-99", "base64", "a\0b"):
        [problem] = problems(with_(data={"encoding": name}))
        assert problem.path == "data.encoding"
        assert "encoding" in problem.message


def test_equal_specs_have_equal_hashes():
    one, two = Spec.model_validate(XOR), Spec.model_validate({"$schema": "./schema.json", **XOR, "loss": "mse"})
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two, Spec.model_validate(with_(seed=1))}) == 2
    assert hash(Spec.model_validate(with_(preprocessing={"columns": {"a": "ignore", "b": "none"}}))) == hash(
        Spec.model_validate(with_(preprocessing={"columns": {"b": "none", "a": "ignore"}}))
    )


class SeveralTypes(mlpkit.Elementwise):
    """Options that take one of several types."""

    value: float | tuple[float, ...] = 1.0
    mode: Literal["soft", "hard"] | int = "soft"
    pairs: tuple[tuple[float, float], ...] = ()
    limit: float | None = None

    def function(self, z):
        return z

    def derivative(self, z, y):
        return 1 + 0 * z


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"value": "x"}, "value", "should be a number or a list, not 'x'"),
        ({"value": True}, "value", "should be a number or a list, not true"),
        ({"value": {"a": 1}}, "value", "should be a number or a list"),
        ({"value": [1.0, "x", 2.0, "y"]}, "value[1]", "should be a number, not 'x'"),
        ({"value": [["a"], ["b"], ["c"]]}, "value[0]", "should be a number"),
        ({"mode": "c"}, "mode", "should be 'soft' or 'hard' or an integer, not 'c'"),
        ({"pairs": [[1.0, 2.0], [1.0, "z"]]}, "pairs[1][1]", "should be a number, not 'z'"),
        ({"limit": "q"}, "limit", "should be a number, not 'q'"),
    ],
)
def test_one_mistake_in_an_option_of_several_types_is_one_problem_at_its_place(options, path, message):
    mlpkit.register(SeveralTypes)
    text = json.dumps({**XOR, "network": {"layers": [{"units": 1, "activation": {"type": "several_types", **options}}]}})
    with pytest.raises(errors.SpecError) as caught:
        Spec.from_json(text, file="spec.json")
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == (f"network.layers[0].activation.{path}", message)
    assert problem.line == 1
    assert problem.column > 1


@pytest.mark.parametrize("wrong", [True, "1", None, [1.0]])
@pytest.mark.parametrize(("kind", "option"), [("batch", "epsilon"), ("batch", "momentum"), ("layer", "epsilon")])
def test_options_of_normalization_are_strict(kind, option, wrong):
    [problem] = problems(with_(network={"layers": [{"units": 1, "normalization": {"type": kind, option: wrong}}]}))
    assert problem.path == f"network.layers[0].normalization.{option}"


def test_values_of_the_wrong_type_are_refused(tmp_path):
    """The JSON Schema refuses a boolean where a number stands, and so does the spec, in each of its places."""
    spec = Spec.model_validate(
        {
            **XOR,
            "network": {"layers": [{"units": 2, "normalization": "batch", "dropout": 0.5}, {"units": 1, "activation": "leaky_relu"}]},
            "data": {"split": {"validation": 0.5}},
            "optimizer": {"type": "adam", "learning_rate": {"type": "cosine", "initial": 0.1}},
            "training": {"early_stopping": {}, "checkpoint": {"minutes": 1.0}},
        }
    ).to_dict()

    def places(value, path=()):
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield path
        for key, entry in items:
            yield from places(entry, (*path, key))

    found = list(places(spec))
    assert len(found) > 15
    for path in found:
        wrong = copy.deepcopy(spec)
        part = wrong
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = True
        with pytest.raises(errors.SpecError):
            Spec.model_validate(wrong)


def test_a_column_in_two_unicode_forms_is_one_key():
    text = json.dumps(with_(preprocessing={"columns": {"\u00e9": "ignore", "e\u0301": "none"}}))
    with pytest.raises(errors.SpecError, match="names the column 'é' twice, in two Unicode forms") as caught:
        Spec.from_json(text)
    assert caught.value.problems[0].path == "preprocessing.columns"
