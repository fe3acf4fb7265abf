"""A new process that loads a model and predicts, as a user of the plugin does who has not trained it.

``python -m mlpkit.testing.fresh_process REQUEST`` reads what to do from a JSON file.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import MLPKitError
from mlpkit.model.load import load
from mlpkit.model.model import Model
from mlpkit.plugin import REGISTRIES, Plugin
from mlpkit.plugin.user_code import register, register_file
from mlpkit.testing.failure_messages import NotApplicable, expect

SECONDS = 120
OF_FILES = "mlpkit_code_"  # what names of modules begin with that `register_file` made
ADVICE = "keep what it computes from in its options, and import nothing that only the training process has"


def answers_of(model: Model, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Predictions as numbers: the values, or each class's probability."""
    regression = model.target_encoder is not None and model.target_encoder.task == "regression"
    return np.asarray(model.predict(rows) if regression else model.predict_proba(rows), np.float64)


def predicted_elsewhere(plugin: Plugin, model: Path, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a model in a file predicts in a new process.

    Raises
    ------
    NotApplicable
        The plugin's class is where no other process can find it.
    AssertionError
        The process failed; the last line of what it said.
    """
    request, given, found = (model.with_suffix(ending) for ending in (".json", ".rows.npy", ".found.npy"))
    np.save(given, rows)
    homes = [_home(cls) for cls in _own_classes(plugin)]
    request.write_text(json.dumps({"model": str(model), "rows": str(given), "found": str(found), "homes": homes}), encoding="utf-8")
    if not sys.executable:
        raise NotApplicable("there is no Python to start another process with")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    command = [sys.executable, "-P", "-m", "mlpkit.testing.fresh_process", str(request)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)
    said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
    expect(done.returncode == 0, f"a new process that loads the model ends with {done.returncode} and says: {said}", ADVICE)
    answers: NDArray[np.float64] = np.load(found)
    return answers


def _own_classes(plugin: Plugin) -> list[type[Plugin]]:
    """Its class and those of the plugins among its options, as far as no distribution brings them."""
    inner = [cls for _, value in plugin if isinstance(value, Plugin) for cls in _own_classes(value)]
    own = REGISTRIES[plugin.kind].info(type(plugin)).distribution is None
    return [*inner, *([type(plugin)] if own else [])]


def _home(cls: type[Plugin]) -> dict[str, str]:
    """Return where another process finds a class."""
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        where = "in the program that runs" if cls.__module__ == "__main__" else "inside a function"
        raise NotApplicable(f"its class is defined {where}, where no other process finds it: put it in a file")
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    return {"module": cls.__module__, "name": cls.__qualname__, "file": file}


def _find(home: dict[str, str]) -> None:
    """Make a class known that lives in a module or a file."""
    if home["module"].startswith(OF_FILES):
        register_file(home["file"])
        return
    found: Any = _module(home["module"], home["file"])
    for part in home["name"].split("."):
        found = getattr(found, part)
    register(found)


def _module(name: str, file: str) -> Any:
    """A module by its name; by its file when the name means nothing, as of some test modules."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        spec = importlib.util.spec_from_file_location(name, file) if file and name.startswith(str(error.name)) else None
        if spec is None or spec.loader is None:
            raise
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def main(request: str) -> None:
    """Load, predict and save the answers."""
    what = json.loads(Path(request).read_text(encoding="utf-8"))
    try:
        for home in what["homes"]:
            _find(home)
        warnings.simplefilter("error")  # not sooner: what else the module imports may warn
        model = load(what["model"])
    except MLPKitError as error:
        sys.exit(f"{type(error).__name__}: {error.message}")
    np.save(what["found"], answers_of(model, np.load(what["rows"])))


if __name__ == "__main__":
    main(sys.argv[1])
