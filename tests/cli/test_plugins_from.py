"""`mlpkit plugins new --from`: a package around a file of plugins, which is not changed."""

import ast
import json
import tomllib

import pytest

from mlpkit.plugin import REGISTRIES

CODE = '''"""Plugins of mine, with  odd spacing kept."""
import numpy as np
from pydantic import Field
import mlpkit


class _Base(mlpkit.Elementwise):
    def derivative(self, z, y):
        return 1 - y * y


class HardBend(_Base):
    """tanh(z)"""

    def function(self, z):
        return np.tanh(z)


class Fixed(mlpkit.Schedule):
    """value"""

    without_effect = ("every", "mode", "on")
    value: float = Field(gt=0, lt=0.5)
    every: int = Field(ge=3)
    mode: str
    on: bool

    def at(self, progress):
        return self.value


class Half(mlpkit.Loss):
    """(o - t)^2 / 2"""

    zero_at_target = True

    def value_and_grad(self, outputs, targets, losses, grad):
        np.subtract(outputs, targets, out=grad)
        losses[...] = (grad * grad).mean(axis=1) / 2
        grad /= grad.shape[1]
'''
PLAIN = """
import mlpkit
class {}(mlpkit.Elementwise):
    def function(self, z):
        return z
    def derivative(self, z, y):
        return 1.0 + 0 * z
"""


@pytest.fixture
def own(folder, site):
    (folder / "my.py").write_text(CODE)
    return folder


def test_a_file_becomes_a_package_unchanged(own, run):
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0, done.err
    package = own / "mlpkit-pack"
    written = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}
    assert written["mlpkit_pack/__init__.py"] == CODE.encode()
    assert tomllib.loads(written["pyproject.toml"].decode())["project"]["entry-points"] == {
        "mlpkit.activations": {"hard_bend": "mlpkit_pack:HardBend"},
        "mlpkit.schedules": {"fixed": "mlpkit_pack:Fixed"},
        "mlpkit.losses": {"half": "mlpkit_pack:Half"},
    }
    tests = written["tests/test_pack.py"].decode()
    ast.parse(tests)
    assert "from mlpkit_pack import Fixed, Half, HardBend\n" in tests
    assert '    HardBend(),\n    Fixed(value=0.1, every=3, mode="a", on=False),\n    Half(),\n' in tests
    assert json.loads(written["example/spec.json"])["network"]["layers"][0]["activation"] == "hard_bend"
    assert "once the package is installed, specs and models that used --code my.py no longer need it" in done.err
    assert done.err.splitlines()[-1] == "  mlpkit train mlpkit-pack/example/spec.json"


@pytest.mark.slow
def test_the_package_of_a_file_takes_its_place(own, installed, run, python):
    assert run("plugins", "new", "pack", "--from", "my.py").code == 0
    spec = "mlpkit-pack/example/spec.json"
    assert run("train", spec, "--code", "my.py", "-q", "-o", "with_code.h5").code == 0
    REGISTRIES["activations"]._own.clear()
    REGISTRIES["schedules"]._own.clear()
    REGISTRIES["losses"]._own.clear()
    environment = installed("mlpkit-pack")
    assert run("train", spec, "-q", "-o", "without.h5").code == 0
    assert "mlpkit-pack==0.1.0" in run("plugins", "freeze", "without.h5").out
    assert run("predict", "without.h5", "mlpkit-pack/example/data.csv").code == 0
    assert run("predict", "with_code.h5", "mlpkit-pack/example/data.csv").code == 0
    assert run("predict", "with_code.h5", "mlpkit-pack/example/data.csv", "-c", "my.py").code == 0
    out = python(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "half or fixed"], own / "mlpkit-pack", environment)
    assert "passed" in out


ALONE = {
    "a loss of probabilities": ("binary", "probability", "sigmoid", "label"),
    "a loss of distributions": ("numbers", "distribution", "softmax", "label"),
}


@pytest.mark.parametrize("case", ALONE)
def test_the_example_of_a_loss_has_the_last_layer_that_it_needs(folder, site, run, case):
    targets, output, activation, target = ALONE[case]
    text = CODE[: CODE.index("class _Base")] + CODE[CODE.index("class Half") :]
    text = text.replace("    zero_at_target = True\n", f'    zero_at_target = True\n    targets = "{targets}"\n    output = "{output}"\n')
    (folder / "my.py").write_text(text)
    assert run("plugins", "new", "pack", "--from", "my.py").code == 0
    spec = json.loads((folder / "mlpkit-pack" / "example" / "spec.json").read_text())
    assert (spec["network"]["layers"][1]["activation"], spec["loss"], spec["data"]["target"]) == (activation, "half", target)


@pytest.mark.parametrize(
    "text",
    [
        CODE[: CODE.index("class _Base")] + CODE[CODE.index("class Fixed") : CODE.index("class Half")],
        PLAIN.format("Fails").replace("return z", "raise ValueError"),
    ],
    ids=["a schedule", "an activation that fails"],
)
def test_an_example_is_written_only_if_it_trains(folder, site, run, text):
    (folder / "my.py").write_text(text)
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0
    assert not (folder / "mlpkit-pack" / "example").exists()
    assert "example" not in (folder / "mlpkit-pack" / "README.md").read_text()
    assert done.err.splitlines()[-1] == "  pytest mlpkit-pack"


def test_options_without_a_value_are_reported(folder, site, run):
    text = "import mlpkit\nclass Odd(mlpkit.Schedule):\n    rates: tuple[float, ...]\n    def at(self, progress):\n        return 1.0\n"
    (folder / "my.py").write_text(text)
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0
    assert "add the options without a default to its tests: Odd" in done.err
    assert "# Odd(...)" in (folder / "mlpkit-pack" / "tests" / "test_pack.py").read_text()


def test_a_package_depends_on_what_its_file_imports(folder, site, install_package, run):
    install_package("Pack-One", "2.3.4.post1", files={"top_level.txt": "packone\n"}, modules={"packone.py": ""})
    install_package("pack-two", "1.0rc1+local", files={"top_level.txt": "packtwo\n"}, modules={"packtwo.py": ""})
    (site / "stray.py").touch()
    (folder / "helper.py").write_text("SCALE = 2\n")
    head = "import json, packone.deep as deep\nimport pydantic, numpy.linalg\nfrom helper import SCALE\nimport stray\n"
    (site / "packone.py").unlink()
    (site / "packone").mkdir()
    for name in ("__init__", "deep"):
        (site / "packone" / f"{name}.py").touch()
    lazy = "def later():\n    import packtwo\n"
    (folder / "my.py").write_text(head + PLAIN.format("Bend") + lazy)
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert done.code == 0, done.err
    project = tomllib.loads((folder / "mlpkit-pack" / "pyproject.toml").read_text())["project"]
    assert project["dependencies"][1:] == ["numpy>=2.0", "Pack-One>=2.3", "pack-two>=1.0rc1"]
    assert (
        "my.py imports modules from its folder: copy helper to mlpkit-pack/mlpkit_pack, and import with: from mlpkit_pack.helper"
        in done.err
    )
    assert "add the package that provides stray to the dependencies in mlpkit-pack/pyproject.toml" in done.err


def test_a_file_that_imports_nothing_else_has_nothing_to_see_to(own, run):
    done = run("plugins", "new", "pack", "--from", "my.py")
    assert "beside" not in done.err
    assert "dependencies" not in done.err


BAD = {
    "no such file": (["pack", "--from", "none.py"], 3, ["there is no file none.py"]),
    "a file that does not run": (["pack", "--from", "bad.py"], 3, ["ZeroDivisionError"]),
    "a file that is no Python": (["pack", "--from", "notes.txt"], 3, ["is not a Python file"]),
    "a folder as file": (["pack", "--from", "taken"], 3, ["there is no file taken"]),
    "a file without plugins": (["pack", "--from", "empty.py"], 3, ["defines no plugin"]),
    "a file with a built-in's name": (["pack", "--from", "tanh.py"], 3, ["'tanh' is the name of a built-in"]),
    "a file with a later built-in's name": (["pack", "--from", "gelu.py"], 3, ["'gelu' is the name of a built-in", "another name"]),
    "a class without a name": (["pack", "--from", "hidden.py"], 3, ["defines no plugin"]),
    "a class with a name that is none": (["pack", "--from", "odd.py"], 3, ["has no name in the file"]),
    "a group of a file": (["pack", "--from", "my.py", "-g", "losses"], 2, ["leave --group out"]),
    "a package's name that is none": (["Pack", "--from", "my.py"], 2, ["lower-case letters"]),
    "a folder that exists": (["pack", "--from", "my.py", "-o", "taken"], 2, ["the folder taken exists"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(own, no_package, case):
    argv, code, words = BAD[case]
    (own / "taken").mkdir()
    for name, text in {"bad.py": "1 / 0", "notes.txt": "", "empty.py": "", "tanh.py": PLAIN.format("Tanh")}.items():
        (own / name).write_text(text)
    (own / "gelu.py").write_text(PLAIN.format("Gelu"))
    (own / "hidden.py").write_text(PLAIN.format("Veiled") + "del Veiled\n")
    (own / "odd.py").write_text(PLAIN.format("Veiled") + "globals()['not a name'] = Veiled\ndel Veiled\n")
    no_package(code, words, *argv)
