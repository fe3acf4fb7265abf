"""`mlpkit init --quality` and `--time-budget`: each spec is valid, trains, says nothing twice, and holds out the rows it speaks of."""

import json
import re
import warnings

import numpy as np
import pytest

import mlpkit
from mlpkit.cli.draft import draft
from mlpkit.cli.quality import network_keys
from mlpkit.data.readers import read_table
from mlpkit.preprocessing import prepare
from mlpkit.spec import Spec
from mlpkit.spec.presets import PRESETS, expanded

from ..sampling import one_in

MEMBERS = {"fast": 1, "good": 5, "best": 16}  # below 20,000 rows
TARGETS = {
    "numbers": lambda row: row * 7 % 10 + 0.5,
    "binary": lambda row: "ab"[row % 2],
    "classes": lambda row: "abc"[row % 3],
    "a rare class of two": lambda row: "b" if row % 20 == 3 else "a",
    "a rare class of three": lambda row: "c" if row % 20 == 3 else "ab"[row % 2],
    "a class of one row of two": lambda row: "b" if row == 3 else "a",
    "a class of one row of three": lambda row: "c" if row == 3 else "ab"[row % 2],
    "a number of one row": lambda row: 1.5 if row == 0 else 2.5,
}
DAYS = [str(np.datetime64("2024-01-01") + day) for day in range(100)]


def write(folder, target, rows=60, **columns):
    """Write t.csv with columns a, b and y besides others."""
    rng = np.random.default_rng(0)
    columns = {
        **columns,
        "a": rng.normal(size=rows).round(3),
        "b": rng.normal(size=rows).round(3),
        "y": [target(row) for row in range(rows)],
    }
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")


def drafted(folder, quality="good", **options):
    found = draft(read_table(folder / "t.csv"), "y", str(folder / "t.csv"), "m", quality=quality, **options)
    return found.spec, found.notes


def initialized(folder, run, *options):
    """Return the spec of `mlpkit init`, and its messages."""
    done = run("init", "t.csv", "-f", *options)
    assert done.code == 0, done.err
    return json.loads((folder / "spec.json").read_text()), done.err


def trained(run, *options):
    done = run("train", "spec.json", "-f", "--epochs", 1, *options)
    assert done.code == 0, done.err
    return mlpkit.load("model.h5"), done.err


def quickly(spec, **changes):
    """Train with one epoch; members may lack a rare class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.errors.DataWarning)
        warnings.simplefilter("ignore", mlpkit.errors.UndefinedMetricWarning)
        return mlpkit.train({**spec, "training": {"epochs": 1}, **changes})


def repeated(own, preset, path=()):
    """Yield the keys of a spec with the value of its preset."""
    for key, value in own.items():
        if key in preset and value == preset[key]:
            yield (*path, key)
        elif isinstance(value, dict) and isinstance(preset.get(key), dict):
            yield from repeated(value, preset[key], (*path, key))


def held_out(folder, spec):
    """Return the folds of a spec, as `mlpkit train` makes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.errors.DataWarning)
        return prepare.prepare(Spec.model_validate(spec), folder / "t.csv").folds


@pytest.mark.parametrize("quality", MEMBERS)
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("rows", [20, 60])
def test_every_spec_is_valid_and_repeats_nothing(tmp_path, name, quality, rows):
    write(tmp_path, TARGETS[name], rows)
    spec, _ = drafted(tmp_path, quality)
    task = (
        "numbers" if "number" in name else "binary" if name in ("binary", "a rare class of two", "a class of one row of two") else "classes"
    )
    assert spec["preset"] == f"{quality}-{task}-2"
    assert list(repeated(spec, PRESETS[spec["preset"]])) == []
    found = Spec.model_validate(spec)
    assert (1 if found.ensemble is None else found.ensemble.members) == MEMBERS[quality]
    unsplit = spec.get("training") == {"early_stopping": None, "keep_residuals": False}  # else it keeps residuals
    assert ("split" in spec["data"]) == (quality == "fast" and not unsplit)
    assert not unsplit or (quality, name) == ("fast", "a number of one row")


@pytest.mark.parametrize("rows", [20, 999, 1000, 20_000, 200_000])
@pytest.mark.parametrize("quality", MEMBERS)
def test_no_size_repeats_the_preset(quality, rows, tmp_path):
    from mlpkit.cli.proposed_rows import ProposedRows
    from mlpkit.cli.quality import members_of

    every = np.arange(3)
    keys = network_keys(quality, rows, None, ProposedRows(None, every, every, members_of(quality, rows)))
    assert list(repeated(keys, PRESETS[keys["preset"]])) == []
    whole = expanded(keys)
    epochs, batch_size = (24, 1024) if rows == 200_000 else (64, 512) if rows == 20_000 else (128 if quality == "fast" else 256, 256)
    assert (whole["training"]["epochs"], whole["training"]["batch_size"]) == (epochs, batch_size)
    members = 5 if rows < 20_000 else 2
    assert whole.get("ensemble", {"members": 1})["members"] == {"fast": 1, "good": members, "best": 16}[quality]


@pytest.mark.parametrize(
    ("quality", "name"), one_in(3, [("good", "a rare class of three"), *(("fast", name) for name in TARGETS), ("best", "binary")])
)
def test_they_train(folder, run, quality, name):
    write(folder, TARGETS[name], 40)
    initialized(folder, run, "--quality", quality)
    model, shown = trained(run)
    assert len(model.members) == MEMBERS[quality]
    assert all(len(member.history) == 1 for member in model.members)
    assert ("no rows are held out" in run("init", "t.csv", "-f", "--quality", quality).err) == (name == "a number of one row")
    assert ("on the 40 rows it was trained on" in shown) == (name == "a number of one row")


@pytest.mark.parametrize("rows", [20, 21, 40])
@pytest.mark.parametrize("name", ["numbers", "a class of one row of two", "a class of one row of three", "a number of one row"])
def test_five_members_train_on_few_rows(folder, rows, name):
    write(folder, TARGETS[name], rows)
    spec, notes = drafted(folder)
    assert not any("no validation row" in note for note in notes)  # each row is one
    model = quickly(spec)
    assert len(model.members) == 5
    found = np.concatenate([fold.validation for fold in held_out(folder, spec)])
    assert sorted(found) == list(range(rows))


@pytest.mark.parametrize("options", [("fast",), ("good",), ("best",)])
def test_fewer_than_20_rows_have_one_small_network(folder, run, options):
    write(folder, TARGETS["binary"], 19)
    spec, shown = initialized(folder, run, "--quality", *options, "--time-budget", "5m", "--metric", "f1")
    assert "fewer than 20 rows (19): one small network, which trains on all of them; --quality needs more rows" in shown
    assert not {"preset", "ensemble"} & set(spec)
    assert "split" not in spec["data"]
    assert (spec["training"], spec["metrics"][0]) == ({"epochs": 500, "batch_size": None, "time_budget": 300.0}, "f1")
    model, shown = trained(run)
    assert len(model.members) == 1
    assert "on the 19 rows it was trained on" in shown


@pytest.mark.parametrize("quality", MEMBERS)
def test_the_metric_is_monitored_in_every_member(folder, quality):
    write(folder, TARGETS["a rare class of two"])
    spec, _ = drafted(folder, quality, metric="roc_auc")
    assert spec["training"] == {"early_stopping": {"monitor": "roc_auc"}}
    assert list(repeated(spec, PRESETS[spec["preset"]])) == []
    whole = Spec.model_validate(spec)
    members = [whole] if whole.ensemble is None else [whole.of_member(number) for number in range(MEMBERS[quality])]
    assert {(each.training.early_stopping.monitor, each.training.early_stopping.patience) for each in members} == {("roc_auc", None)}
    assert spec["metrics"][0] == "roc_auc"


# -- rare classes: rows that members hold out


@pytest.mark.parametrize(("rare", "threshold"), [(19, 0.1), (20, "f1")])
def test_all_rows_of_a_class_choose_the_threshold_of_folds(folder, rare, threshold):
    write(folder, lambda row: "b" if row % 50 == 3 and row // 50 < rare else "a", 999)
    spec, notes = drafted(folder)
    assert spec["decision"] == {"threshold": threshold}
    assert any(f"fewer than 20 validation rows have it ({rare})" in note for note in notes) == (rare == 19)
    folds = held_out(folder, spec)
    assert len(np.concatenate([fold.validation for fold in folds])) == 999
    assert drafted(folder, "fast")[0]["decision"] == {"threshold": 0.1}  # a fifth of the rows


def test_rows_that_no_member_holds_out_do_not_count(folder):
    rare = range(3, 19_000, 400)  # 48 rows
    write(folder, lambda row: "b" if row in rare else "a", 20_000)  # 2 members hold out 2 of 5 folds
    spec, notes = drafted(folder)
    assert spec["decision"] == {"threshold": 0.03}
    (count,) = (found[1] for text in notes if (found := re.search(r"validation rows have it \((\d+)\)", text)))
    held = np.concatenate([fold.validation for fold in held_out(folder, spec)])
    assert int(count) == sum(row in rare for row in held) < 20


def test_the_threshold_is_chosen_on_rows_out_of_fold(folder):
    write(folder, lambda row: "b" if row % 10 == 3 else "a", 240)
    spec, _ = drafted(folder)
    assert spec["decision"] == {"threshold": "f1"}
    model = quickly(spec, ensemble={"members": 5})
    assert model.target_encoder.threshold_rows == (240, 24)


# -- groups and times


@pytest.mark.parametrize(("quality", "groups", "members"), [("good", 10, 5), ("good", 5, 5), ("best", 10, 10), ("fast", 6, 1)])
def test_members_hold_out_whole_groups(folder, quality, groups, members):
    write(folder, lambda row: "ab"[row // 7 % 2], 100, patient=[f"p{row % groups}" for row in range(100)])
    spec, notes = drafted(folder, quality)
    share = {"validation": 0.2} if quality == "fast" else {}
    assert spec["data"]["split"] == {**share, "group": "patient"}
    assert notes[0].endswith(f'to split at random instead, set "split": {json.dumps(share or None)}')
    fewer = f"{members} members instead of {MEMBERS[quality]}, because each holds out other values of patient"
    assert (fewer in notes) == (members < MEMBERS[quality])
    assert list(repeated(spec, PRESETS[spec["preset"]])) == []
    folds = held_out(folder, spec)
    assert len(folds) == (0 if members == 1 else members)
    for fold in folds:
        assert not set(fold.validation % groups) & set(fold.training % groups)


@pytest.mark.parametrize(("quality", "days", "members"), [("good", 100, 5), ("good", 5, 4), ("best", 10, 9)])
def test_members_hold_out_later_times(folder, quality, days, members):
    write(folder, TARGETS["numbers"], 100, day=[DAYS[row * days // 100] for row in range(100)])
    spec, notes = drafted(folder, quality)
    assert spec["data"]["split"] == {"time": "day"}
    assert (f"{members} members instead of {MEMBERS[quality]}, because each holds out other values of day" in notes) == (
        members < MEMBERS[quality]
    )
    folds = held_out(folder, spec)
    assert len(folds) == members
    assert all(fold.training.max() < fold.validation.min() for fold in folds)


def test_specs_with_few_groups_and_with_few_times_train(folder, run):
    write(folder, TARGETS["binary"], 60, patient=[f"p{row % 5}" for row in range(60)])
    initialized(folder, run)
    assert len(trained(run)[0].members) == 5
    write(folder, TARGETS["binary"], 60, day=[DAYS[row // 12] for row in range(60)])
    initialized(folder, run)
    assert len(trained(run)[0].members) == 4


def test_groups_and_times_that_leave_members_without_a_class_are_not_written(folder):
    cases = {"patient": [f"p{row // 10}" for row in range(100)], "day": DAYS}
    for column, values in cases.items():
        write(folder, lambda row: "ill" if row // 10 == 7 else "well", 100, **{column: values})
        spec, notes = drafted(folder)
        assert "split" not in spec["data"]
        assert f"split at random, because a split by {column} leaves too little to train on" in notes
        quickly(spec)


def test_a_class_of_one_group_stays_with_its_group_if_others_remain(folder):
    write(folder, lambda row: "ill" if row // 10 == 3 else "ab"[row % 2], 100, patient=[f"p{row // 10}" for row in range(100)])
    spec, _ = drafted(folder)
    assert spec["data"]["split"] == {"group": "patient"}
    quickly(spec)


# -- --time-budget


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60.0), ("5m", 300.0), ("2h", 7200.0), ("90", 90.0), ("1.5 h", 5400.0)])
def test_a_time_budget_has_a_unit_or_is_in_seconds(folder, run, text, seconds):
    write(folder, TARGETS["binary"])
    spec, _ = initialized(folder, run, "--time-budget", text)
    assert spec["training"] == {"time_budget": seconds}


@pytest.mark.parametrize("text", ["0", "0s", "-1", "abc", "", "5 days", "1e3", "99999999h", "nan", "inf"])
def test_another_time_budget_is_refused(folder, run, text):
    write(folder, TARGETS["binary"])
    done = run("init", "t.csv", "--time-budget", text)
    assert (done.code, f"{text!r} is no time, such as 60s, 5m or 2h" in done.err) == (2, True)
    assert not (folder / "spec.json").exists()


def test_a_budget_too_small_for_an_epoch_trains_one_of_each_member_and_says_so(folder, run):
    write(folder, TARGETS["binary"])
    initialized(folder, run, "--time-budget", "0.000001s")
    done = run("train", "spec.json", "--set", "ensemble.members=3")
    assert done.code == 0
    assert "trained 3 members, 1 epoch each, each with the weights of its best epoch: the time budget is spent" in done.err
    assert [len(member.history) for member in mlpkit.load("model.h5").members] == [1, 1, 1]


def test_another_quality_is_refused(folder, run):
    write(folder, TARGETS["binary"])
    done = run("init", "t.csv", "--quality", "perfect")
    assert (done.code, "fast" in done.err and "best" in done.err) == (2, True)
