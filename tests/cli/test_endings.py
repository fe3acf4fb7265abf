"""The suffix of an output file determines its format; an option with a single value must not be repeated."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import mlpkit
from mlpkit.cli.app import app
from mlpkit.data.readers import read_table

ROWS = {"x": np.arange(8.0), "kind": ["a, b", 'c"d'] * 4}


@pytest.fixture
def trained(folder):
    layers = [{"units": 1, "activation": "sigmoid"}]
    spec = {"data": {"target": "kind"}, "network": {"layers": layers}, "loss": "binary_crossentropy", "training": {"epochs": 1}}
    mlpkit.train(spec, ROWS).save("model.h5")
    Path("t.csv").write_text('x,kind\n1,"a, b"\n2,"c""d"\n')
    return folder


def test_every_ending_that_is_written_is_read_back(trained, run):
    expected = mlpkit.load("model.h5").predict("t.csv").tolist()
    for name in ("p.csv", "p.tsv", "P.TAB", "p.txt", "p", "v1/p.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        done = run("predict", "model.h5", "t.csv", "-o", name, "--keep-columns")
        assert done.code == 0, done.err
        table = read_table(name)
        assert (table.names, table["predicted_kind"].tolist()) == (("x", "kind", "predicted_kind"), expected)
    assert "\t" in Path("p.tsv").read_text()
    for name in ("p.jsonl", "p.ndjson"):
        assert run("predict", "model.h5", "t.csv", "-o", name).code == 0
        assert [json.loads(line)["kind"] for line in Path(name).read_text().splitlines()] == expected
    assert run("predict", "model.h5", "t.csv", "-o", "p.npy").code == 0
    assert np.load("p.npy").tolist() == expected
    assert run("predict", "model.h5", "t.csv", "--format", "tsv", "--keep-columns").out.startswith("x\tkind\tpredicted_kind\n1\ta, b\t")


@pytest.mark.parametrize("name", ["p.parquet", "p.xlsx", "p.json", "p.h5", "p.npz", "p.csv.gz", "p.pkl", "p.feather", "p.foo", "p.PARQUET"])
def test_formats_that_cannot_be_written_are_errors_before_any_work(trained, run, name):
    done = run("predict", "none.h5", "none.csv", "-o", name)
    assert (done.code, "files cannot be written" in done.err, ".csv" in done.err) == (2, True, True)
    assert not Path(name).exists()


@pytest.mark.parametrize(
    ("name", "format"), [("p.csv", "npy"), ("p.npy", "csv"), ("p.tsv", "csv"), ("p.jsonl", "tsv"), ("p.parquet", "csv")]
)
def test_a_format_that_contradicts_the_ending(trained, run, name, format):
    done = run("predict", "model.h5", "t.csv", "-o", name, "--format", format)
    assert (done.code, name in done.err, Path(name).exists()) == (2, True, False)


def test_a_format_is_enough_for_an_unknown_suffix(trained, run):
    assert run("predict", "model.h5", "t.csv", "-o", "p.foo", "--format", "jsonl").code == 0
    assert json.loads(Path("p.foo").read_text().splitlines()[0])


OTHERS = {
    "a spec": ["init", "t.csv", "-o"],
    "a schema": ["schema", "-o"],
    "a model": ["train", "spec.json", "-o"],
}


@pytest.mark.parametrize("name", ["new.parquet", "new.npz", "new.txt", "new.yaml", "new.csv", "new.keras"])
@pytest.mark.parametrize("what", OTHERS)
def test_other_commands_refuse_other_suffixes(trained, run, what, name):
    layers = [{"units": 1, "activation": "sigmoid"}]
    spec = {"data": {"path": "t.csv", "target": "kind"}, "network": {"layers": layers}, "loss": "binary_crossentropy"}
    Path("spec.json").write_text(json.dumps(spec))
    done = run(*OTHERS[what], name)
    assert (done.code, f"{what} is written as" in done.err, Path(name).exists()) == (2, True, False)


# -- given twice


def commands():
    """Each command with its words, and each of its options with a single value."""
    program = get_command(app)
    found = [((name,), command) for name, command in program.commands.items() if name != "plugins"]
    found += [(("plugins", name), command) for name, command in program.commands["plugins"].commands.items()]
    for words, command in found:
        for param in command.params:
            if param.param_type_name == "option" and not param.is_flag and not param.multiple:
                yield words, param.opts, param.nargs


@pytest.mark.parametrize(("words", "options", "values"), [pytest.param(*each, id=" ".join([*each[0], *each[1]])) for each in commands()])
def test_an_option_is_given_once(folder, run, words, options, values):
    done = run(*words, options[0], *["1"] * values, options[-1], *["2"] * values)
    assert (done.code, "accepts one value, but is given more than once" in done.err) == (2, True)


def test_options_that_take_several_keep_all(trained, run):
    done = run("evaluate", "model.h5", "t.csv", "--metric", "accuracy", "--metric", "log_loss", "-q", "-q")
    assert (done.code, "accuracy" in done.out, "log_loss" in done.out) == (0, True, True)


TWICE = [
    ["train", "spec.json", "-s", "seed=1", "-s", "seed=2"],
    ["train", "spec.json", "-s", "seed=1", "--seed", "2"],
    ["train", "spec.json", "--epochs", "1", "-s", "training.epochs=2"],
    ["evaluate", "model.h5", "t.csv", "--fail-under", "loss=1", "--fail-under", "loss=2"],
]


@pytest.mark.parametrize("argv", TWICE, ids=" ".join)
def test_a_value_is_set_once(trained, run, argv):
    done = run(*argv)
    assert (done.code, "error: " in done.err) == (2, True)
