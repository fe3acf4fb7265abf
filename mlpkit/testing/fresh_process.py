"""New process that loads a model and predicts, like a user who has not trained it.

``python -m mlpkit.testing.fresh_process REQUEST`` reads the request from a JSON file.
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
OF_FILES = "mlpkit_code_"  # prefix of the module names that `register_file` generates
ADVICE = "compute from the options alone, and use nothing that only the training process has"


def answers_of(model: Model, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return predictions as numbers: values, or the probability of each class."""
    regression = model.target_encoder is not None and model.target_encoder.task == "regression"
    return np.asarray(model.predict(rows) if regression else model.predict_proba(rows), np.float64)


def predicted_elsewhere(plugin: Plugin, model: Path, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the predictions of a model file in a new process.

    Raises
    ------
    NotApplicable
        The plugin's class is defined where no other process can import it.
    AssertionError
        The process failed; the message contains its last line of output.
    """
    request, given, found = (model.with_suffix(ending) for ending in (".json", ".rows.npy", ".found.npy"))
    np.save(given, rows)
    homes = [_home(cls) for cls in _own_classes(plugin)]
    request.write_text(json.dumps({"model": str(model), "rows": str(given), "found": str(found), "homes": homes}), encoding="utf-8")
    if not sys.executable:
        raise NotApplicable("no Python interpreter is known to start another process")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    command = [sys.executable, "-P", "-m", "mlpkit.testing.fresh_process", str(request)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)
    said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
    expect(done.returncode == 0, f"a new process that loads the model exits with {done.returncode}: {said}", ADVICE)
    answers: NDArray[np.float64] = np.load(found)
    return answers


def _own_classes(plugin: Plugin) -> list[type[Plugin]]:
    """Return the class of a plugin and those of its plugin options that belong to no distribution."""
    inner = [cls for _, value in plugin if isinstance(value, Plugin) for cls in _own_classes(value)]
    own = REGISTRIES[plugin.kind].info(type(plugin)).distribution is None
    return [*inner, *([type(plugin)] if own else [])]


def _home(cls: type[Plugin]) -> dict[str, str]:
    """Return the module, name and file by which another process imports a class."""
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        where = "in the main program" if cls.__module__ == "__main__" else "inside a function"
        raise NotApplicable(f"its class is defined {where}, where another process cannot import it: put it in a file")
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    return {"module": cls.__module__, "name": cls.__qualname__, "file": file}


def _find(home: dict[str, str]) -> None:
    """Register a class from its module or file."""
    if home["module"].startswith(OF_FILES):
        register_file(home["file"])
        return
    found: Any = _module(home["module"], home["file"])
    for part in home["name"].split("."):
        found = getattr(found, part)
    register(found)


def _module(name: str, file: str) -> Any:
    """Return a module by its name, or from its file if the name cannot be imported, as for some test modules."""
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
    """Load the model, predict, and save the predictions."""
    what = json.loads(Path(request).read_text(encoding="utf-8"))
    try:
        for home in what["homes"]:
            _find(home)
        warnings.simplefilter("error")  # not earlier: imports may warn
        model = load(what["model"])
    except MLPKitError as error:
        sys.exit(f"{type(error).__name__}: {error.message}")
    np.save(what["found"], answers_of(model, np.load(what["rows"])))


if __name__ == "__main__":
    main(sys.argv[1])
