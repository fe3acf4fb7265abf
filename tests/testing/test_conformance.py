"""The kit passes what is good: every built-in, and plugins of every kind as authors write them."""

import json
import re
import subprocess
import sys

import pytest
from mlpkit_snake import Snake

import mlpkit
from mlpkit import activations, initializers, losses, optimizers, schedules
from mlpkit.plugin import Minimizer
from mlpkit.testing import check_plugin
from mlpkit.testing.conformance import examine
from mlpkit.testing.suite import KINDS, checks_of

from ..builtins import builtins
from ..sampling import one_in
from . import good
from .styles import STYLES

BUILTINS = [plugin for kind in KINDS for plugin in builtins(kind).values()]
OTHERS = (
    activations.LeakyReLU(negative_slope=0.3),
    optimizers.SGD(momentum=0.9),
    optimizers.SGD(learning_rate=schedules.Cosine(initial=0.1), momentum=0.9, nesterov=True),
    optimizers.Adam(amsgrad=True),
    optimizers.Clipping(inner=optimizers.SGD(momentum=0.9), value=0.5),
    optimizers.Averaging(inner=optimizers.Clipping(inner="nadam", norm=1.0), decay=0.5),
    schedules.ReduceOnPlateau(initial=0.05, monitor="rmse", patience=1, cooldown=1),
    schedules.Warmup(then=schedules.ReduceOnPlateau(initial=0.05, monitor="rmse", patience=1), epochs=1.0),
    schedules.Sequential(schedules=(schedules.Linear(initial=0.1), schedules.ReduceOnPlateau(initial=0.05)), boundaries=(1.0,)),
    schedules.Piecewise(boundaries=(10.0,), rates=(0.05, 0.01)),
    initializers.Constant(value=((1.0, 2.0), (3.0, 4.0), (5.0, 6.0))),
    initializers.Constant(value=(1.0, 2.0)),
    initializers.RandomNormal(mean=1.0),
    Snake(),
    Snake(a=10.0),
)
EVERY = [*BUILTINS, *OTHERS, *good.GOOD]
APPLY_TO_SOME = {
    *("rates", "onnx"),
    *("inputs_gradient", "trained_parameters", "several_outputs", "predictions", "prior", "soft_targets"),
    *("joint", "separable", "zero_at_target", "right_costs_less", "effects", "other_options", "output"),
    *("zero_rate", "downhill", "sizes", "size", "later_options"),
}


def identity(plugin):
    return f"{plugin.kind}-{plugin!r}"


@pytest.mark.parametrize("plugin", one_in(60, EVERY), ids=identity)
def test_a_good_plugin_passes_every_check(plugin):
    report = examine(plugin, without=("saved_model",))
    assert report.ok, str(report)
    assert {check.name for check in report.checks if check.status == "skipped"} <= APPLY_TO_SOME


@pytest.mark.parametrize("plugin", one_in(60, STYLES), ids=identity)
def test_a_good_plugin_of_another_style_passes_every_check(plugin):
    report = examine(plugin, without=("saved_model",))
    assert report.ok, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("plugin", [plugin for plugin in EVERY if plugin.kind != "readers"], ids=identity)  # a model needs no reader
def test_a_good_plugin_passes_in_a_new_process_too(plugin):
    report = check_plugin(plugin)
    assert report.ok, str(report)
    assert report.checks[-1].name == "saved_model"
    assert report.checks[-1].status == "passed"


def test_a_minimizer_has_a_check_more():
    checks = {check.name: check.status for check in examine(good.Backtracking(), without=("saved_model",)).checks}
    assert checks["lets_exceptions_through"] == "passed"


def saved_model(plugin):
    (check,) = [check for check in check_plugin(plugin).checks if check.name == "saved_model"]
    return check.status, check.reason


@pytest.mark.slow
def test_a_class_is_found_in_a_new_process_by_its_entry_point_or_its_module():
    assert saved_model("mlpkit-snake:snake") == ("passed", "")
    assert saved_model(good.RMSProp(learning_rate=good.WarmUp())) == ("passed", "")


CODE = '''
import sys
import mlpkit
{before}

class {name}(mlpkit.Elementwise):
    """Twice z."""

    def function(self, z):
        return 2 * z

    def derivative(self, z, y):
        return 0 * z + {slope}
'''


def test_a_class_of_an_installed_distribution_is_found_in_a_new_process(install):
    install("dist-twice", "twice_x", CODE.format(name="Plugin", before="", slope="2"))
    assert saved_model("dist-twice:twice_x") == ("passed", "")


@pytest.mark.slow
def test_a_class_of_a_file_is_found_in_a_new_process(tmp_path):
    (tmp_path / "of_a_file.py").write_text(CODE.format(name="OfAFile", before="", slope="2"))
    (info,) = mlpkit.register_file(tmp_path / "of_a_file.py")
    assert saved_model(info.name) == ("passed", "")


@pytest.mark.parametrize(
    ("before", "slope", "words"),
    [
        ("assert 'pytest' in sys.modules", "2", "BrokenPlugin: .*AssertionError"),
        ("FACTOR = 2.0 if 'pytest' in sys.modules else 3.0", "2", "compute other values than when the model was saved"),
    ],
    ids=["does not import", "computes otherwise"],
)
def test_a_class_that_is_another_in_a_new_process(tmp_path, before, slope, words):
    name = f"Elsewhere{len(before)}"
    text = CODE.format(name=name, before=before, slope=slope)
    (tmp_path / f"elsewhere{len(before)}.py").write_text(text.replace("2 * z", "FACTOR * z") if "FACTOR" in before else text)
    (info,) = mlpkit.register_file(tmp_path / f"elsewhere{len(before)}.py")
    status, reason = saved_model(info.name)
    assert status == "failed"
    assert re.search(words, reason), reason


def test_a_class_inside_a_function_is_not_looked_for():
    class Inside(good.Swish):
        """Nowhere to be found."""

    report = check_plugin(Inside)
    skipped = {check.name: check.reason for check in report.checks if check.status == "skipped"}
    assert report.ok
    assert "inside a function" in skipped["saved_model"]
    assert "put it in a file" in skipped["pickles"]


@pytest.mark.slow
def test_a_class_of_the_main_program_is_not_looked_for(tmp_path):
    program = CODE.format(name="Twice", before="", slope="2") + (
        "\nfrom mlpkit.testing import check_plugin\nprint({c.name: c.reason for c in check_plugin(Twice).checks}['saved_model'])\n"
    )
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=True)
    assert "put it in a file" in done.stdout


def test_the_names_of_the_checks_are_a_promise():
    names = {plugin.kind: list(checks_of(plugin)) for plugin in EVERY if not isinstance(plugin, Minimizer)}
    of_all = ["name", "documented", "options", "frozen", "side_effects", "runs", "pickles", "copies", "deterministic", "later_options"]
    last = ["effects", "other_options", "trains"]
    activations = ["gradient", "kinks", "linear", "shapes", "rows", "dtype", "inputs_untouched", "buffers", "threads"]
    activations += ["large_scores", "output", "speed", "inputs_gradient", "trained_parameters", "onnx"]
    losses = ["gradient", "joint", "rows", "shapes", "dtype", "inputs_untouched", "buffers", "special_values"]
    losses += [
        "right_costs_less",
        "threads",
        "soft_targets",
        "zero_at_target",
        "separable",
        "large_scores",
        "several_outputs",
        "predictions",
        "prior",
        "onnx",
    ]
    optimizers = ["falls", "in_place", "state", "rates", "zero_rate", "zero_gradient", "zero_parameters", "downhill"]
    optimizers += ["scopes", "sizes", "dtype", "threads"]
    metrics = ["finite", "weights", "order", "sizes", "special_values", "buffers", "threads", "inputs_untouched", "direction"]
    assert names == {
        "activations": [*of_all, *activations, *last, "learns", "saved_model"],
        "losses": [*of_all, *losses, *last, "wrong_targets", "learns", "saved_model"],
        "optimizers": [*of_all, *optimizers, *last, "resume", "learns", "saved_model"],
        "initializers": [*of_all, "fills", "reproducible", "shapes", "size", "threads", *last, "saved_model"],
        "schedules": [*of_all, "rates", "short_runs", "returns_float", "memory", *last, "resume", "learns", "saved_model"],
        "metrics": [*of_all, *metrics, *last, "evaluate", "saved_model"],
        "readers": [name for name in of_all if name not in ("side_effects", "runs")] + ["reads", "in_batches", "used_columns", "refuses"],
    }


@pytest.mark.slow
def test_the_kit_imports_without_pytest():
    code = "import sys, mlpkit.testing as kit; assert 'pytest' not in sys.modules; print(kit.check_plugin('relu').ok)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.slow
def test_the_kit_leaves_global_state_alone():
    code = """
import json, logging, os, random, warnings, numpy
from mlpkit.testing import check_plugin
def state():
    moved = numpy.random.get_state()[1].tolist(), random.getstate(), os.getcwd(), dict(os.environ)
    return warnings.filters[:], numpy.geterr(), logging.root.level, *moved
before = state()
for name in ("he_normal", "adam"):
    assert check_plugin(name).ok
assert state() == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_report_is_json_and_a_table():
    report = check_plugin(losses.MeanSquaredError, expected_failures={})
    told = json.loads(json.dumps(report.to_dict()))
    assert told["plugin"] == "mean_squared_error"
    assert (told["kind"], told["distribution"], told["version"]) == ("losses", "mlpkit", mlpkit.__version__)
    assert (told["ok"], told["passed"], told["failed"], told["skipped"]) == (True, report.passed, 0, 9)
    assert {tuple(check) for check in told["checks"]} == {("name", "status", "reason", "seconds")}
    assert "ok: 17 checks" not in told
    text = str(report)
    assert text.splitlines()[0] == f"mean_squared_error(), one of the losses of mlpkit {mlpkit.__version__}"
    assert f"ok: {len(report.checks)} checks, {report.passed} passed, 0 failed, 9 skipped" in text
    assert "it declares no joint_with" in text
