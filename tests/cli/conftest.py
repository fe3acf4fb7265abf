"""Running the program: in this process for breadth, in one of its own for streams and signals."""

import copy
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import mlpkit
from mlpkit.cli import main
from mlpkit.cli.schema import spec_schema
from mlpkit.plugin import REGISTRIES

ROOT = Path(mlpkit.__file__).parents[1]
SPEC = {
    "name": "shapes",
    "data": {"path": "shapes.csv", "target": "shape", "split": {"validation": 0.25}},
    "preprocessing": {"columns": {"id": "ignore"}},
    "network": {"layers": [{"units": 4, "activation": "relu"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "training": {"epochs": 3, "batch_size": 16},
    "metrics": ["accuracy"],
}
SCHEMAS = {}  # by the installed plugins
TRAINED = []  # the bytes of a model of the project


class Done(NamedTuple):
    """Result of a command: exit code and output."""

    code: int
    out: str
    err: str


def shapes_text(rows=60):
    """A table of three shapes that two numbers and a colour tell apart, with gaps, as CSV."""
    rng = np.random.default_rng(5)
    lines = ["id,width,height,colour,shape"]
    for row in range(rows):
        number = row % 3
        width, height = number + 0.1 * rng.standard_normal(), 2.0 - number + 0.1 * rng.standard_normal()
        shown = "NA" if row % 17 == 5 else f"{width:.3f}"
        lines.append(f"k{row:05d},{shown},{height:.3f},{('red', 'green', 'blue')[number]},{('bar', 'box', 'disc')[number]}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that is the working directory, with no setting of colours in the environment.

    Classes of one's own that are registered meanwhile are forgotten in the end.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    before = {kind: dict(registry._own) for kind, registry in REGISTRIES.items()}
    yield tmp_path
    for kind, registry in REGISTRIES.items():
        registry._own = before[kind]


@pytest.fixture
def run(folder, capfdbinary):
    """Run the program with these arguments, in this process."""

    def run(*argv):
        capfdbinary.readouterr()
        code = main([str(argument) for argument in argv])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return run


@pytest.fixture(autouse=True)
def one_schema(monkeypatch):
    """The JSON Schema that `mlpkit init` writes is generated once for all tests that have the same plugins."""

    def schema():
        key = tuple(registry.installed() for registry in REGISTRIES.values())
        if key not in SCHEMAS:
            SCHEMAS[key] = spec_schema()
        return SCHEMAS[key]

    monkeypatch.setattr("mlpkit.cli.init.spec_schema", schema)


@pytest.fixture(autouse=True)
def forgetting():
    """Classes of one's own are forgotten in the end, as when a program ends: the next test may have others of their names."""
    before = {kind: dict(registry._own) for kind, registry in REGISTRIES.items()}
    yield
    for kind, registry in REGISTRIES.items():
        registry._own = before[kind]


@pytest.fixture
def site(tmp_path_factory, monkeypatch):
    """A folder for installed packages, on the path of this process."""
    site = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(str(site))
    yield site
    monkeypatch.undo()
    mlpkit.refresh_plugins()
    for name in [name for name, module in sys.modules.items() if str(site) in (getattr(module, "__file__", None) or "")]:
        del sys.modules[name]


@pytest.fixture
def install_package(site):
    """Make a distribution be installed: its metadata, and modules or not."""

    def install_package(name, version="1.0", entry_points="", modules=None, files=None):
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)
        for file, text in {**(modules or {}), **{f"{info.name}/{file}": text for file, text in (files or {}).items()}}.items():
            (site / file).parent.mkdir(exist_ok=True)
            (site / file).write_text(text)
        mlpkit.refresh_plugins()
        return info

    return install_package


@pytest.fixture
def project(folder):
    """A folder with a spec and its data."""
    (folder / "shapes.csv").write_text(shapes_text())
    (folder / "spec.json").write_text(json.dumps(SPEC))
    return folder


@pytest.fixture
def spec():
    """A valid spec for `shapes`."""
    return copy.deepcopy(SPEC)


@pytest.fixture
def shapes():
    """Text of a CSV file with as many rows as asked for."""
    return shapes_text


@pytest.fixture
def trained(project, run):
    """A folder with a trained model too, which is the same for all tests."""
    if not TRAINED:
        assert run("train", "spec.json", "-q").code == 0
        TRAINED.append((project / "model.h5").read_bytes())
    (project / "model.h5").write_bytes(TRAINED[0])
    return project


@pytest.fixture
def environment():
    """Variables for a process of its own: this package, no colours, one thread."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS")}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def start(folder, environment):
    """Start the program in a process of its own."""
    started = []

    def start(*argv, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "env": environment, **options}
        options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # the tests may run where it is ignored
        process = subprocess.Popen([sys.executable, "-m", "mlpkit", *map(str, argv)], cwd=folder, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def installed(folder, install_package, site, environment):
    """Install a package as pip would with `-e`, without pip; the environment of a process that has it too."""

    def installed(package):
        project = tomllib.loads((folder / package / "pyproject.toml").read_text())["project"]
        groups = [(group, points) for group, points in project["entry-points"].items()]
        text = "".join(f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items()) for group, points in groups)
        install_package(project["name"], project["version"], text)
        path = str(folder / package)
        sys.path.insert(0, path)
        added.append(path)
        return environment | {"PYTHONPATH": os.pathsep.join([path, str(site), environment["PYTHONPATH"]])}

    added = []
    yield installed
    for path in added:
        sys.path.remove(path)
        for name in [name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").startswith(path)]:
            del sys.modules[name]


@pytest.fixture
def python(environment):
    """Run Python in a process of its own, which must end well; what it wrote."""

    def python(command, folder, environment=environment):
        done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return python


@pytest.fixture
def no_package(folder, run):
    """Ask for a new package; it must be refused in that way, and nothing be written."""

    def no_package(code, words, *argv):
        before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
        done = run("plugins", "new", *argv)
        assert (done.code, done.out) == (code, ""), done.err
        assert "Traceback" not in done.err
        assert len(done.err) < 1000
        assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before
        for word in words:
            assert word in done.err

    return no_package
