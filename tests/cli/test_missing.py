"""Models with a missing activation on the command line: advice to install it, or prediction through the lookup table."""

import numpy as np
import pytest

import mlpkit
from mlpkit.modelfile import reader, writer


@pytest.fixture
def model(folder, alone):
    """A model with an outside activation, which is then not there."""
    layers = [{"units": 8, "activation": {"type": "snake", "a": 2.0}}, {"units": 1}]
    x = np.linspace(-2, 2, 60)
    spec = {"network": {"layers": layers}, "loss": "mse", "data": {"target": "y"}, "training": {"epochs": 5}}
    mlpkit.train(spec, {"x": x, "y": np.sin(3 * x)}).save(folder / "model.h5")
    (folder / "rows.csv").write_text("x,y\n0.5,1\n1,0.1\n" + "900,0\n" * 5000)
    alone()
    return "model.h5"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_the_error_for_a_missing_activation_gives_advice(model, run, command):
    done = run(command, model, "rows.csv")
    assert (done.code, done.out) == (3, "")
    assert (
        "pip install mlpkit-snake  (if you trust it; trained with 0.1.0), or predict with its lookup table in the file, error" in done.err
    )
    assert "--allow-surrogate" in done.err


def test_it_predicts_through_the_lookup_table_and_warns_once(model, run):
    done = run("predict", model, "rows.csv", "--allow-surrogate", "--batch-size", "1000")
    assert done.code == 0
    assert len(done.out.splitlines()) == 5003
    assert done.err.count("uses the lookup table of mlpkit-snake:snake, error") == 1
    assert done.err.count("some pre-activations are outside the table") == 1
    assert "rmse" in run("evaluate", model, "rows.csv", "--allow-surrogate").out


def test_info_needs_no_plugin_and_describes_the_lookup_table(model, run):
    done = run("info", model)
    assert done.code == 0
    assert "mlpkit-snake:snake from mlpkit-snake 0.1.0" in done.out
    assert "of mlpkit-snake:snake: error" in done.out
    assert "not verified, because a plugin cannot be used" in run("info", model, "--verify").out


def test_info_shows_each_plugin_with_its_options(model, run):
    assert "\nplugins     mlpkit-snake:snake from mlpkit-snake 0.1.0, a=2.0\n" in run("info", model).out


@pytest.mark.slow
def test_info_shows_the_first_of_many_plugins_of_an_untrusted_file(model, run):
    contents = reader.read(model)
    (snake,) = (plugin for plugin in contents.plugins if plugin["name"] == "mlpkit-snake:snake")
    contents.plugins.extend({**snake, "options": {"a": number, "text": "x" * 1000}} for number in range(3000))
    contents.plugins.append({**snake, "name": "evil\n\x1b[2J:x"})
    writer.write(model, contents)
    out = run("info", model).out
    lines = out.splitlines()
    shown = [line for line in lines if " from mlpkit-snake 0.1.0, " in line]
    assert len(shown) == 10
    assert shown[0] == "plugins     mlpkit-snake:snake from mlpkit-snake 0.1.0, a=2.0"
    assert shown[1].startswith("            mlpkit-snake:snake from mlpkit-snake 0.1.0, a=0, text=")
    assert max(map(len, shown)) < 220
    assert "            and 2,992 more, which --json shows" in lines
    assert "\x1b" not in out


@pytest.mark.parametrize("name", ["own\n.py", "own.py"])
def test_control_characters_do_not_break_lines(model, run, name):
    contents = reader.read(model)
    record = {**contents.plugins[0], "name": "wave", "distribution": None, "version": None}
    contents.plugins[:] = [{**record, "code": {"name": name, "sha256": "0" * 64}, "options": {"k\n": "\n"}}]
    writer.write(model, contents)
    line = next(line for line in run("info", model).out.splitlines() if "wave" in line and "user code" in line)
    assert line.endswith(f'(user code, {ascii(name)[1:-1]}), k\\n="\\n"')


def test_a_missing_loss_is_reported_with_its_file(project, site, run):
    loss = "import mlpkit\nclass Halved(mlpkit.Loss):\n    output = 'distribution'\n    targets = 'numbers'\n"
    body = "        grad[...] = outputs - targets\n        losses[...] = (grad * grad).mean(axis=1)\n"
    (project / "own.py").write_text(f"{loss}    def value_and_grad(self, outputs, targets, losses, grad):\n{body}")
    assert run("train", "spec.json", "-s", "loss=halved", "-c", "own.py", "-q").code == 0
    mlpkit.plugin.REGISTRIES["losses"]._own.clear()
    done = run("evaluate", "model.h5", "shapes.csv")
    assert (done.code, done.out) == (3, "")
    assert "error: model.h5: the model was trained with 'halved', which is not installed" in done.err
    assert "--code own.py" in done.err
