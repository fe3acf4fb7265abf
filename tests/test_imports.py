"""Test the layers: a module imports from its own package and from layers below, and importing mlpkit costs nothing."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mlpkit

PACKAGE = Path(mlpkit.__file__).parent
LAYERS = [  # from the lowest up; within a layer, a name may import those to its left
    ["version", "errors", "files", "text", "numerics", "threads", "charts", "workers"],
    ["modelfile", "plugin"],
    ["spec", "activations", "losses", "optimizers", "initializers", "schedules", "metrics"],
    ["data", "engine"],
    ["preprocessing", "provenance"],
    ["training"],
    ["progress", "model"],
    ["export", "testing", "scaffold", "importing", "sklearn", "tracking", "explain", "report", "cross_validation", "tuning", "serving"],
    ["cli", "__pyinstaller", "__main__"],
]
PLUGINS = ["activations", "losses", "optimizers", "initializers", "schedules", "metrics"]
OF_PLUGINS = {"numerics", "plugin"}


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path):
    """Return the import statements of a file, inside functions too."""
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))]


def imported(path):
    """The parts of mlpkit that a file imports, inside functions too."""
    for node in imports(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mlpkit"):
            names = [node.module] if "." in node.module else [f"mlpkit.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("mlpkit.")]
        else:
            continue
        yield from (name.split(".")[1] for name in names)


def test_a_module_imports_only_from_its_own_package_and_below():
    order = [name for layer in LAYERS for name in layer]
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    assert {part(path) for path in files} == set(order)
    for path in files:
        for name in set(imported(path)) & set(order):
            if part(path) in PLUGINS:
                assert name in {*OF_PLUGINS, part(path)}, f"{path} imports {name}"
            else:
                assert order.index(name) <= order.index(part(path)), f"{path} imports {name}"


def names_from(path, package):
    """The names that a file imports from the modules of a package, with the module of each."""
    for node in imports(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
            yield from ((node.module.removeprefix(f"{package}."), alias.name) for alias in node.names)


def test_the_csv_reader_is_one_function_and_its_types():
    outside = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "data" / "csv"]
    found = {name for path in outside for name in names_from(path, "mlpkit.data.csv")}
    assert found == {
        ("reader", "read_csv"),
        ("dialect", "Dialect"),  # what it takes
        ("dialect", "OtherDialect"),  # what it raises
        ("text_column", "TextColumn"),  # what its tables have
    }


def test_few_modules_are_outside_of_packages():
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "__main__", "errors", "threads", "version"}


def test_every_package_says_in_its_docstring_what_belongs_there():
    for init in PACKAGE.rglob("__init__.py"):
        assert len(ast.get_docstring(ast.parse(init.read_text())) or "") > 40, init


def test_importing_mlpkit_imports_nothing_heavy():
    code = "import sys, mlpkit; print(sorted({'numpy', 'pydantic', 'h5py', 'typer'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_loads_and_predicts_without_what_it_does_not_use():
    golden = Path(__file__).parent / "modelfile" / "golden" / "1.4-xor.h5"
    unused = {"mlpkit.data.decorated_numbers", "mlpkit.initializers.random", "html"}
    code = f"import sys, mlpkit; mlpkit.load(sys.argv[1]).predict([[0, 1]]); print(sorted({unused} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, str(golden)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_in_all():
    for name in mlpkit.__all__:
        assert getattr(mlpkit, name).__doc__
    assert set(mlpkit.__all__) >= {"Spec", "Model", "train", "epochs", "load", "inspect", "plugins", "Activation", "Elementwise", "Loss"}
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    checked = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert checked == set(mlpkit.__all__)


def test_importing_changes_no_global_state():
    code = """
import logging, warnings, numpy
before = (list(warnings.filters), numpy.geterr(), numpy.random.get_state()[1].tolist(), logging.root.level, list(logging.root.handlers))
import pytest

import mlpkit
for name in mlpkit.__all__:
    getattr(mlpkit, name)
after = (list(warnings.filters), numpy.geterr(), numpy.random.get_state()[1].tolist(), logging.root.level, list(logging.root.handlers))
assert before == after
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_type_checker_refuses_names_that_are_not_there(tmp_path):
    (tmp_path / "wrong.py").write_text(
        "import mlpkit\nimport mlpkit.data\nfrom mlpkit import Nope\nmlpkit.trian('spec.json')\n"
        "mlpkit.data.Nope\nmodel = mlpkit.train('spec.json')\n"
    )
    done = subprocess.run([sys.executable, "-m", "mypy", "wrong.py"], cwd=tmp_path, capture_output=True, text=True)
    found = [line.split(":")[1] for line in done.stdout.splitlines() if "error" in line and line.startswith("wrong.py")]
    assert found == ["3", "4", "5"], done.stdout
