"""Test the code and the requests of the guide on serving, and that predictions need neither h5py nor typer nor rich."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import mlpkit
from mlpkit.serving.server import ModelServer

MODELS = Path(__file__).parents[2] / "models"
SECTION = (MODELS / "README.md").read_text("utf-8").partition("## Serve a model")[2].partition("\n## ")[0]
REQUESTS = re.search(r"^<!-- requests -->\n```\n(.*?)^```$", SECTION, re.M | re.S)[1]
WITHOUT = "import sys\nfor name in ('h5py', 'typer', 'rich', 'click'):\n    sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the model of the example and its data."""
    folder = tmp_path_factory.mktemp("penguins")
    shutil.copy(MODELS / "penguins" / "penguins.csv", folder)
    spec = json.loads((MODELS / "penguins" / "spec.json").read_text())
    spec["training"]["epochs"] = 20
    (folder / "spec.json").write_text(json.dumps(spec))
    mlpkit.train(folder / "spec.json").save(folder / "model.h5")
    return folder


def sent(command, folder, port):
    """Send the request of a command of curl; return the answer, also of an error."""
    words, body, fields = shlex.split(command)[1:], None, {"Content-Type": "application/x-www-form-urlencoded"}
    while len(words) > 1:
        option, value = words.pop(0), words.pop(0)
        if option == "-H":
            fields |= dict([value.split(": ")])
        else:
            assert option in ("-d", "--data-binary")
            body = (folder / value[1:]).read_bytes() if value.startswith("@") else value.encode()
    request = urllib.request.Request(words[0].replace(":8000", f":{port}"), body, fields)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_the_requests_of_the_guide_get_these_answers(folder):
    server = ModelServer(mlpkit.load(folder / "model.h5"), port=0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    lines = REQUESTS.splitlines()
    for command, answer in zip(lines[::2], lines[1::2], strict=True):
        assert sent(command.removeprefix("$ "), folder, server.port).startswith(answer), command
    server.drain()
    assert len(lines) == 6


def test_the_block_of_the_guide_runs(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (block,) = re.findall(r"^<!-- python -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    exec(compile(block, "models/README.md", "exec"), {})
    shown = capsys.readouterr().out.splitlines()
    assert shown == [line.rpartition("  # ")[2] for line in block.splitlines() if "print(" in line]


def test_the_recipe_for_fastapi_is_short():
    (block,) = re.findall(r"^<!-- fastapi -->\n```python\n(.*?)^```$", SECTION, re.M | re.S)
    assert len([line for line in block.splitlines() if line.strip()]) <= 20
    compile(block, "models/README.md", "exec")


def test_predictions_from_raw_rows_need_numpy_and_pydantic_alone(folder):
    script = Path(__file__).parent / "predict_raw_rows.py"
    code = WITHOUT + script.read_text()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "model.h5", "penguins.csv"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "predictions from raw rows\n"


@pytest.mark.slow
def test_errors_name_the_package_that_is_needed(folder):
    code = WITHOUT + "import mlpkit\nfrom mlpkit.cli import main\nmodel = mlpkit.load('model.h5')\n"
    code += "try:\n    model.save('again.h5')\nexcept mlpkit.ModelFileError as error:\n    print(error)\nsys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "a model is saved with h5py, which is not installed\nhelp: install it: pip install h5py\n"
    assert done.stderr == "error: the command line needs typer, which is not installed\nhelp: install it: pip install typer\n"
    assert not (folder / "again.h5").exists()
