"""`mlpkit plugins list` and `show`: metadata, formula, options and plot."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from mlpkit.plugin import REGISTRIES

from ..sampling import one_in

BEND = '''
import pathlib
pathlib.Path(__file__).with_suffix(".imported").touch()

from typing import Literal
import numpy as np
from mlpkit import Elementwise
from pydantic import Field

class {cls}(Elementwise):
    """log(cosh(z)) / k: a bend.

    After nobody, 2020.
    """

    k: float = Field(2.0, gt=0, le=8, description="how flat")
    mode: Literal["up", "down"] = "up"
    deep: bool = False
    parts: tuple[int, ...] = Field((1, 2), min_length=1)

    def function(self, z):
        return np.log(np.cosh(z)) / self.k

    def derivative(self, z, y):
        return np.tanh(z) / self.k
'''


@pytest.fixture
def bend(install_package):
    """A package with an activation; the file that its module writes when it is imported."""
    info = install_package("mlpkit-bend", "1.5", "[mlpkit.activations]\nbend = bend_pack:Bend\n", {"bend_pack.py": BEND.format(cls="Bend")})
    return info.parent / "bend_pack.imported"


def lines_of(text, name):
    return [line for line in text.splitlines() if line.split()[:1] == [name]]


# -- list


@pytest.mark.parametrize("options", [[], ["--json"], ["--group", "activations"], ["-g", "activations", "--json"]])
def test_listing_imports_nothing(bend, run, options):
    done = run("plugins", "list", *options)
    assert (done.code, done.err) == (0, "")
    assert "mlpkit-bend:bend" in done.out
    assert not bend.exists()


def test_a_verbose_list_imports_and_shows_options(bend, run):
    out = run("plugins", "list", "-v").out
    assert bend.exists()
    (line,) = lines_of(out, "mlpkit-bend:bend")
    assert line.split("  ", 2)[2].strip() == "mlpkit-bend 1.5  log(cosh(z)) / k: a bend."
    options = out.splitlines()[out.splitlines().index(line) + 1]
    assert options.strip() == 'k=2.0, mode="up", deep=false, parts=[1, 2]'
    assert "value (required)" in out
    (found,) = [plugin for plugin in json.loads(run("plugins", "list", "-v", "--json").out) if plugin["name"] == "bend"]
    assert (found["formula"], found["broken"]) == ("log(cosh(z)) / k: a bend.", None)
    assert [option["default"] for option in found["options"]] == [2.0, "up", False, [1, 2]]


BROKEN = {
    "does not import": ("import not_installed_at_all", "ModuleNotFoundError"),
    "leaves Python": ("raise SystemExit('no licence')", "SystemExit: no licence"),
    "no plugin": ("Bend = int", "not a subclass of Activation"),
    "an option without a JSON Schema": (
        BEND.format(cls="Bend") + "    when: __import__('typing').Callable[[], int]\n",
        "have no JSON Schema",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugins_are_marked(install_package, run, case):
    text, words = BROKEN[case]
    install_package("mlpkit-cracked", entry_points="[mlpkit.activations]\ncracked = cracked:Bend\n", modules={"cracked.py": text})
    done = run("plugins", "list", "-v")
    assert (done.code, done.err) == (0, "")
    (line,) = lines_of(done.out, "mlpkit-cracked:cracked")
    assert "BROKEN: " in line
    assert words in line
    (found,) = [plugin for plugin in json.loads(run("plugins", "list", "-v", "--json").out) if plugin["name"] == "cracked"]
    assert words in found["broken"]
    shown = run("plugins", "show", "cracked")
    assert (shown.code, shown.out) == (3, "")
    assert words in shown.err
    assert "Traceback" not in shown.err


def test_an_option_without_a_json_schema_breaks_nothing_else(install_package, run):
    points = "[mlpkit.schedules]\ncracked = cracked:Flat\n"
    text = "from mlpkit import Schedule\nfrom typing import Callable\nclass Flat(Schedule):\n    when: Callable[[], int]\n"
    install_package(
        "mlpkit-cracked", entry_points=points, modules={"cracked.py": f"{text}    def at(self, progress):\n        return 1.0\n"}
    )
    assert "BROKEN" in run("plugins", "list", "-v", "-g", "schedules").out
    assert run("plugins", "show", "adam").code == 0
    assert run("schema").code == 0


def test_names_that_do_not_mean_the_plugin_are_marked(install_package, run):
    points = "[mlpkit.activations]\nrelu = one:A\nidentity = one:A\ntwin = one:A\nsolo = one:A\nmine = one:A\n"
    install_package("pack-one", entry_points=points)
    install_package("pack-two", entry_points="[mlpkit.activations]\ntwin = two:A\n")
    out = run("plugins", "list").out
    assert "only as 'pack-one:relu': 'relu' means the built-in 'relu'" in out
    assert "only as 'pack-one:identity': 'identity' means the built-in 'linear'" in out
    assert "only as 'pack-one:twin': another package has 'twin' too" in out
    assert "only as 'pack-two:twin'" in out
    assert not any("only as" in line for line in (*lines_of(out, "pack-one:solo"), *lines_of(out, "relu")))
    found = {plugin["full_name"]: plugin["bare_name"] for plugin in json.loads(run("plugins", "list", "--json").out)}
    assert [found[name] for name in ("relu", "pack-one:relu", "pack-one:twin", "pack-one:solo")] == [True, False, False, True]


EXCHANGE = """
from mlpkit import Exchange


class Alone(Exchange):
    \"\"\"Exchange of one process with itself.\"\"\"

    rank = property(lambda self: 0)
    size = property(lambda self: 1)

    def sum(self, array):
        pass

    def gather(self, value):
        return [value]

    def arrive(self, seconds):
        return True

    def abort(self, code):
        raise SystemExit(code)
"""


def test_an_exchange_is_listed_shown_and_checked(install_package, run):
    install_package(
        "mlpkit-alone", entry_points="[mlpkit.exchanges]\nalone = alone_exchange:Alone\n", modules={"alone_exchange.py": EXCHANGE}
    )
    (line,) = lines_of(run("plugins", "list", "-g", "exchanges").out, "mlpkit-alone:alone")
    assert line.split() == ["mlpkit-alone:alone", "mlpkit-alone", "1.0"]
    (found,) = json.loads(run("plugins", "show", "alone", "--json").out)
    assert (found["group"], found["formula"]) == ("exchanges", "Exchange of one process with itself.")
    assert "did you mean 'alone'" in run("plugins", "show", "allone").err
    assert run("plugins", "check", "alone").code == 0
    (report,) = json.loads(run("plugins", "check", "alone", "--json").out)
    assert [check["name"] for check in report["checks"]][-4:] == ["rank", "sums", "gathers", "arrives"]


@pytest.mark.parametrize(
    ("right", "wrong", "check"),
    [("0)", "1)", "rank"), ("pass", "array *= 2", "sums"), ("[value]", "[]", "gathers"), ("True", "None", "arrives")],
)
def test_an_exchange_that_breaks_its_contract(run, folder, right, wrong, check):
    (folder / "own.py").write_text(EXCHANGE.replace(right, wrong, 1))
    (report,) = json.loads(run("plugins", "check", "own.py", "--json").out)
    assert check in [each["name"] for each in report["checks"] if each["status"] == "failed"]


def test_an_unknown_exchange_gets_the_nearest(install_package, project, run):
    install_package("mlpkit-alone", entry_points="[mlpkit.exchanges]\nalone = none:A\n")
    done = run("train", "spec.json", "--distributed", "alon")
    assert (done.code, done.out) == (3, "")
    assert "unknown exchange 'alon'; did you mean 'alone'?" in done.err


ODD = ["mlpkit:zap", "Zap", "zap:zap", "za p", "", "ß", "z" * 101]


@pytest.mark.parametrize("name", one_in(3, ODD))
@pytest.mark.parametrize("options", [[], ["-v"]])
def test_an_invalid_name_breaks_nothing_else(install_package, run, name, options):
    install_package("mlpkit-odd", entry_points=f"[mlpkit.activations]\n{name} = odd:A\nfine = odd:A\n")
    done = run("plugins", "list", *options)
    assert (done.code, done.err) == (0, "")
    (line,) = (line for line in done.out.splitlines() if "is not a valid name of a plugin" in line)
    assert line.startswith(f"  mlpkit-odd:{name}")
    assert lines_of(done.out, "mlpkit-odd:fine")
    found = {plugin["name"]: plugin["bare_name"] for plugin in json.loads(run("plugins", "list", "--json", *options).out)}
    assert (found[name], found["fine"]) == (False, True)
    assert run("doctor").code == 0


@pytest.mark.parametrize("second", ["zed = zz:A", "zed = zz:B"])
def test_plugins_declared_twice_are_listed_once(install_package, run, second):
    install_package("zz-dup", entry_points=f"[mlpkit.activations]\nzed = zz:A\n{second}\n")
    done = run("plugins", "list")
    (line,) = lines_of(done.out, "zz-dup:zed")
    assert "another package" not in line
    assert " or " not in line
    found = [plugin for plugin in json.loads(run("plugins", "list", "--json").out) if plugin["name"] == "zed"]
    assert len(found) == 1
    if second.endswith("B"):
        assert "not usable: zz-dup declares it more than once" in line
        assert not found[0]["bare_name"]


def test_a_class_of_ones_own_hides_the_name_of_a_package(bend, folder, run):
    (folder / "own.py").write_text(BEND.format(cls="Bend"))
    out = run("plugins", "list", "-c", "own.py").out
    assert "only as 'mlpkit-bend:bend': 'bend' means your own class mlpkit_code_own:Bend" in out
    assert "reached" in run("plugins", "show", "mlpkit-bend:bend").out


# -- show


def test_show_has_the_formula_the_source_and_the_limits(bend, run):
    out = run("plugins", "show", "bend").out
    facts = dict(line.split("  ", 1) for line in out.splitlines()[1:5])
    assert {name: value.strip() for name, value in facts.items()} == {
        "formula": "log(cosh(z)) / k: a bend.",
        "kind": "activation",
        "full name": "mlpkit-bend:bend",
        "source": "mlpkit-bend 1.5 (bend_pack:Bend)",
    }
    assert "\n\nAfter nobody, 2020.\n\n" in out
    assert "  k      number > 0, <= 8  default 2.0  how flat\n" in out
    assert '  mode   one of "up", "down"  default "up"\n' in out
    assert "  deep   true or false  default false\n" in out
    assert "  parts  list at least 1 entries  default [1, 2]\n" in out
    rate = run("plugins", "show", "adam").out
    assert "learning_rate  number or plugin, > 0  default 0.001" in rate
    assert "picture" not in rate


def test_a_class_without_a_docstring_is_shown(folder, site, run):
    (folder / "own.py").write_text("from mlpkit import Schedule\nclass Flat(Schedule):\n    def at(self, progress):\n        return 1.0\n")
    out = run("plugins", "show", "flat", "-c", "own.py").out
    assert "no docstring" in out
    assert "no options" in out
    assert "user code (mlpkit_code_own:Flat)" in out


def test_all_of_a_file_are_shown(folder, site, run):
    (folder / "own.py").write_text(BEND.format(cls="Bend") + BEND.format(cls="Curve"))
    assert [found["name"] for found in json.loads(run("plugins", "show", "own.py", "--json").out)] == ["bend", "curve"]
    out = run("plugins", "show", "own.py", "-g", "activations").out
    assert out.count("log(cosh(z)) / k: a bend.") == 2
    done = run("plugins", "show", "own.py", "-g", "losses")
    assert (done.code, "own.py has no losses" in done.err) == (3, True)
    assert run("plugins", "show", "none.py").code == 3


def test_the_plotted_numbers_are_those_of_the_formula(bend, run):
    (found,) = json.loads(run("plugins", "show", "bend", "--json").out)
    z = np.linspace(-4, 4, 61)
    np.testing.assert_allclose(found["plot"]["z"], z, atol=1e-15)
    np.testing.assert_allclose(found["plot"]["value"], np.log(np.cosh(z)) / 2, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found["plot"]["derivative"], np.tanh(z) / 2, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "name",
    [name for name in REGISTRIES["activations"].builtins if name not in ("softmax", "log_softmax", "continuation_ratio", "hard_shrink")],
)
def test_every_elementwise_activation_has_a_picture(run, name):
    (found,) = json.loads(run("plugins", "show", name, "-g", "activations", "--json").out)
    value, slope = np.array(found["plot"]["value"]), np.array(found["plot"]["derivative"])
    between = np.diff(value) / np.diff(found["plot"]["z"])  # a difference is the slope somewhere between
    assert np.all((between >= np.minimum(slope[1:], slope[:-1]) - 0.01) & (between <= np.maximum(slope[1:], slope[:-1]) + 0.01))


def picture(text):
    """The picture in the text of `show`: its legend, its rows, the scores below."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if "f(z)" in line and "f'(z)" in line)
    return lines[start], lines[start + 1 : start + 16], lines[start + 16]


def test_the_picture(run):
    legend, rows, scores = picture(run("plugins", "show", "tanh").out)
    assert legend.strip() == "● f(z)   ○ f'(z)"
    assert len(rows) == 15
    start = rows[0].index("│") + 1
    assert all(row[start - 1] == "│" for row in rows)
    assert rows[0].split()[0] == "1"
    assert rows[-1].split()[0] == "-0.999"
    assert rows[7].split()[0] == "0"
    cells = [row[start:].ljust(61) for row in rows]
    assert max(map(len, cells)) == 61
    assert (cells[0][60], cells[14][0], cells[0][30], cells[7][30], cells[7][60]) == ("●", "●", "○", "●", "○")
    assert [scores[start + column] for column in (15, 30, 45, 60)] == ["2", "0", "2", "4"]
    assert scores.endswith("z")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_plot_is_ascii_if_the_stream_is_not_utf8(environment, encoding):
    command = [sys.executable, "-m", "mlpkit", "plugins", "show", "relu"]
    done = subprocess.run(command, capture_output=True, env=environment | {"PYTHONIOENCODING": encoding}, check=True)
    legend, rows, _ = picture(done.stdout.decode("ascii"))
    assert "* f(z)   o f'(z)" in legend
    assert rows[-1].count("@") == 31
    assert rows[-1].endswith("-")


PICTURELESS = {
    "a function of rows": ("out[...] = z - z.mean(axis=1, keepdims=True)", "", "not elementwise"),
    "it fails": ("raise ValueError('not today')", "", "ValueError: not today"),
    "an option without a default": ("out[...] = z", "    slope: float\n", "have no value: slope"),
    "no finite value": ("out[...] = np.nan; grad = None", "", "none of its values is finite"),
}


@pytest.mark.parametrize("case", PICTURELESS)
def test_a_missing_plot_has_a_reason(folder, site, run, case):
    forward, option, words = PICTURELESS[case]
    backward = "grad[...] = np.nan" if "finite" in case else "pass"
    head = "import numpy as np\nfrom mlpkit import Activation\nclass Strange(Activation):\n"
    methods = f"    def forward(self, z, out):\n        {forward}\n    def backward(self, z, out, grad):\n        {backward}\n"
    (folder / "own.py").write_text(head + option + methods)
    done = run("plugins", "show", "strange", "-c", "own.py")
    assert (done.code, done.err) == (0, "")
    assert "no plot: " in done.out
    assert words in done.out
    (found,) = json.loads(run("plugins", "show", "strange", "-c", "own.py", "--json").out)
    assert found["plot"].keys() == ({"z", "value", "derivative"} if "finite" in case else {"reason"})


def test_softmax_has_no_plot(run):
    assert "no plot: it is not elementwise" in run("plugins", "show", "softmax").out


@pytest.mark.parametrize(
    ("formula", "derivative", "top"),
    [
        ("1e308 * z", "1e308 * np.ones_like(z)", "1e+300"),
        ("np.log(z)", "1 / z", "7.5"),
        ("0 * z", "0 * z", "1"),
        ("np.exp(z)", "y", "54.6"),
    ],
)
def test_pictures_of_strange_values(folder, site, run, formula, derivative, top):
    text = "import numpy as np\nfrom mlpkit import Elementwise\nclass Strange(Elementwise):\n    def function(self, z):\n"
    (folder / "own.py").write_text(f"{text}        return {formula}\n    def derivative(self, z, y):\n        return {derivative}\n")
    done = run("plugins", "show", "strange", "-c", "own.py")
    assert (done.code, done.err) == (0, "")
    _, rows, _ = picture(done.out)
    assert rows[0].split()[0] == top
    (found,) = json.loads(run("plugins", "show", "strange", "-c", "own.py", "--json").out)
    assert all(number is None or math.isfinite(number) for number in found["plot"]["value"])


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["show", "sigmiod"], 3, "did you mean 'sigmoid'"),
        (["show", "relu", "-g", "losses"], 3, "unknown loss 'relu'"),
        (["show", "x" * 100_000], 3, "unknown plugin"),
        (["show"], 2, "missing argument"),
        (["list", "-c", "none.py"], 3, "there is no file none.py"),
        (["bend"], 2, "no such command"),
        (["list", "-g", "optimiser"], 2, "'--group': 'optimiser' is not one of 'activations', "),
        (["list", "-g", "optimiser"], 2, "; did you mean 'optimizers'?"),
    ],
)
def test_bad_input(run, argv, code, words):
    done = run("plugins", *argv)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err
    assert len(done.err) < 3000


@pytest.mark.parametrize(
    ("verb", "word", "expected"),
    [
        ("show", "be", ["bend", "beds/", "bench.py"]),
        ("check", "be", ["bend", "beds/", "bench.py"]),
        ("check", "beds/", ["beds/deep.py"]),
        ("check", "/nowhere/[", []),
        ("check", "**", []),
    ],
)
def test_completion_of_names(bend, site, environment, folder, verb, word, expected):
    (folder / "beds").mkdir()
    for name in ("bench.py", "bench.txt", "beds/deep.py"):
        (folder / name).touch()
    words = {"COMP_WORDS": f"mlpkit plugins {verb} {word}", "COMP_CWORD": "3", "_MLPKIT_COMPLETE": "complete_bash"}
    path = os.pathsep.join([str(site), environment["PYTHONPATH"]])
    command = [sys.executable, "-m", "mlpkit"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment | words | {"PYTHONPATH": path}, cwd=folder)
    assert (done.stdout.split(), done.stderr) == (expected, "")
    assert not bend.exists()


def test_completion_is_silent_about_doubtful_plugins(install_package, site, environment, folder):
    install_package("pack-one", entry_points="[mlpkit.activations]\nrelu = one:A\n")
    words = {"COMP_WORDS": "mlpkit plugins show re", "COMP_CWORD": "3", "_MLPKIT_COMPLETE": "complete_bash", "MLPKIT_STRICT_PLUGINS": "1"}
    path = os.pathsep.join([str(site), environment["PYTHONPATH"]])
    done = subprocess.run([sys.executable, "-m", "mlpkit"], capture_output=True, text=True, env=environment | words | {"PYTHONPATH": path})
    assert (done.stdout.split(), done.stderr) == ([], "")
    listed = subprocess.run(
        [sys.executable, "-m", "mlpkit", "plugins", "list"],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": path, "MLPKIT_STRICT_PLUGINS": "1"},
    )
    assert (listed.returncode, listed.stdout, "Traceback" in listed.stderr) == (3, "", False)
    assert "its name is that of a built-in" in listed.stderr
