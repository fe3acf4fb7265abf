"""The author's guide, plugins/README.md: each block of code in it is run.

The quick test runs the Python of the guide and the commands of mlpkit, with what is installed here; what pip and other programs do is
run by the slow ones, in environments of their own, in a folder that holds this checkout.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import NamedTuple

import pytest

import mlpkit

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
EMPTY = ("PYTHONPATH", "MLPKIT_PLUGINS", "MLPKIT_STRICT_PLUGINS", "VIRTUAL_ENV")


class Block(NamedTuple):
    """A block of code with what its marker says: "file: NAME", "run", "python" or "newcomer"."""

    marker: str
    text: str


BLOCKS = [Block(marker, text) for marker, text in re.findall(r"^<!-- (.*?) -->\n```\w*\n(.*?)^```$", GUIDE, re.M | re.S)]


def commands(*markers):
    return [line for block in BLOCKS if block.marker in markers for line in block.text.splitlines()]


def write(folder, block):
    path = folder / block.marker.removeprefix("file: ")
    path.parent.mkdir(exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


def run(argv, folder, env):
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(map(str, argv))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_of_code_has_a_marker_and_so_is_run():
    assert len(re.findall(r"^```", GUIDE, re.M)) == 2 * len(BLOCKS)
    assert all(re.fullmatch(r"run|python|newcomer|file: [\w./]+", block.marker) for block in BLOCKS)
    assert {block.marker for block in BLOCKS} >= {"run", "python", "newcomer", "file: bend.py"}


def test_the_first_plugin_takes_less_than_30_lines_packaging_included():
    files = {block.marker.removeprefix("file: "): block.text for block in BLOCKS if block.marker.startswith("file: ")}
    assert len([*files["bend.py"].splitlines(), *files["tiny/pyproject.toml"].splitlines()]) < 30
    tomllib.loads(files["tiny/pyproject.toml"])
    json.loads(files["spec.json"])


def test_a_newcomer_needs_five_commands():
    assert len(commands("newcomer")) == 5


def test_nothing_is_installed_but_what_is_beside_the_reader_and_its_tools():
    """mlpkit and its plugins are on no index: a name alone is another's."""
    installed = {word for line in commands("newcomer", "run") if line.startswith("pip install") for word in shlex.split(line)[2:]}
    folders = {word.removeprefix("./").partition("[")[0] for word in installed - {"-e", "build"}}
    assert folders == {"mlpkit", "mlpkit-ripple", "mlpkit-bend"}


@pytest.mark.slow
def test_the_guide_runs_with_files_and_python(tmp_path):
    """In the order of the guide: files are written, Python is run, and the commands of mlpkit that need nothing installed."""
    env = {name: value for name, value in os.environ.items() if name not in EMPTY} | {"PYTHONPATH": str(tmp_path)}
    packaged = False
    for block in BLOCKS:
        if block.marker.startswith("file: "):
            write(tmp_path, block)
        elif block.marker == "python":
            run([sys.executable, "-W", "error", "-c", block.text], tmp_path, env)
        elif block.marker == "run" and "pip install" not in block.text:
            for line in block.text.splitlines():
                if not (packaged and "again.h5" in line):
                    run([sys.executable, "-m", *shlex.split(line)], tmp_path, env)
        packaged = packaged or "pip install" in block.text


class Environment:
    """An empty environment with a folder to work in, which holds the checkout."""

    def __init__(self, folder):
        self.folder = folder / "work"
        self.folder.mkdir()
        (self.folder / "mlpkit").symlink_to(ROOT, target_is_directory=True)
        venv.create(folder / "env", with_pip=True)
        self.bin = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        inherited = {name: value for name, value in os.environ.items() if name not in EMPTY}
        self.env = inherited | {"PATH": os.pathsep.join([str(self.bin), os.environ["PATH"]]), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(self, line):
        """Run a line of the guide as it is written."""
        argv = shlex.split(line)
        program = self.bin / argv[0]
        return run([program if program.exists() else self.bin / "python", *argv[1:]], self.folder, self.env)


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path)


@pytest.mark.slow
def test_the_newcomers_five_commands(environment):
    outputs = [environment.run(line) for line in commands("newcomer")]
    assert re.search(r"\d+ passed", outputs[3])
    assert "failed" not in outputs[3]
    model = environment.folder / "ripple.h5"
    names = [record["name"] for record in mlpkit.inspect(model)["plugins"]]
    assert "mlpkit-ripple:ripple" in names


@pytest.mark.slow
def test_the_whole_guide_in_an_empty_environment(environment):
    environment.run("pip install ./mlpkit")
    for block in BLOCKS:
        if block.marker.startswith("file: "):
            write(environment.folder, block)
        elif block.marker == "python":
            run([environment.bin / "python", "-W", "error", "-c", block.text], environment.folder, environment.env)
        elif block.marker == "run":
            for line in block.text.splitlines():
                environment.run(line)
    wheel = next((environment.folder / "mlpkit-bend" / "dist").glob("*.whl"))
    assert wheel.name.startswith("mlpkit_bend-0.1.0")
    frozen = environment.run("mlpkit plugins freeze again.h5")
    assert "mlpkit-bend==0.1.0" in frozen.splitlines()
    (environment.folder / "tiny" / "mlpkit_tiny.py").write_text((environment.folder / "bend.py").read_text())
    environment.run("pip install ./tiny")
    assert "mlpkit-tiny:tiny" in environment.run("mlpkit plugins list")
