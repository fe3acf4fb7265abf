"""`to_python`: a model as one Python file that needs NumPy alone, joined from the modules of `program`."""

from __future__ import annotations

import ast
import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from pprint import pformat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlpkit.export.description import describe
from mlpkit.export.source import Source
from mlpkit.files.atomic import save_bytes
from mlpkit.model.model import Model

PROGRAM = "mlpkit.export.python.program"
PARTS = ("model", "values", "inputs", "activations", "network", "predictions")  # in the order of the file
WIDTH = 140


def to_python(model: Model, path: str | Path, *, replace: bool = True) -> None:
    """Write a model to one Python file that predicts from raw rows with NumPy alone.

    The file has the functions ``predict`` and ``predict_proba``, which take rows as those of the model do, and the lists ``COLUMNS`` and
    ``CLASSES``. They raise ValueError where the model raises DataError, and do not warn of unseen categories.

    Parameters
    ----------
    model : Model
        A trained model, or an ensemble.
    path : str or Path
        File to write; it gets its name only when it is complete.
    replace : bool
        True to replace an existing file; otherwise it causes an error.

    Raises
    ------
    DataError
        The model has not been trained.
    PluginError
        An activation, or a loss that defines the predictions, is a plugin, which has no counterpart.
    ModelFileError
        The file cannot be written.

    Examples
    --------
    >>> mlpkit.to_python(model, "model.py")    # doctest: +SKIP
    """
    save_bytes(path, python_text(model).encode(), replace=replace)


def python_text(model: Model) -> str:
    """Return the text of the file. Raise the errors of `to_python`."""
    source = Source.of(model)
    parts = [_Part.read(name) for name in PARTS]
    body = "\n\n\n".join([_filled(parts[0].body, source), *(part.body for part in parts[1:])])
    head = [parts[0].docstring, "", "from __future__ import annotations", "", *_import_lines(parts), "", "import numpy as np", "", body]
    return "\n".join(head) + "\n"


class _Part(NamedTuple):
    """Module of the program: its docstring, the names that it imports from the standard library with their modules, and the rest."""

    docstring: str
    imports: tuple[tuple[str, str], ...]
    body: str

    @classmethod
    def read(cls, name: str) -> _Part:
        text = (resources.files(PROGRAM) / f"{name}.py").read_text(encoding="utf-8")
        lines, (first, *rest) = text.splitlines(), ast.parse(text).body
        statements = [node for node in rest if isinstance(node, (ast.Import, ast.ImportFrom))]
        found = [(getattr(node, "module", ""), alias.name) for node in statements for alias in node.names]
        standard = tuple(pair for pair in found if pair != ("", "numpy") and pair[0].partition(".")[0] not in ("mlpkit", "__future__"))
        end = max(node.end_lineno or 0 for node in statements)
        return cls("\n".join(lines[: first.end_lineno]), standard, "\n".join(lines[end:]).strip("\n"))


def _import_lines(parts: Sequence[_Part]) -> list[str]:
    """Return the imports of all parts, one line for each module."""
    pairs = sorted({pair for part in parts for pair in part.imports})
    modules = dict.fromkeys(module for module, _ in pairs)
    names = {module: ", ".join(name for other, name in pairs if other == module) for module in modules if module}
    return [
        *(f"import {name}" for module, name in pairs if not module),
        *(f"from {module} import {listed}" for module, listed in names.items()),
    ]


def _filled(body: str, source: Source) -> str:
    """Return the first part with the values and the arrays of a model."""
    values = {"MODEL": pformat(describe(source), width=WIDTH, sort_dicts=False, compact=True), "ARRAYS": _literal(_arrays(source))}
    lines = body.splitlines()
    for number, line in enumerate(lines):
        name = line.partition(":")[0]
        if name in values:
            lines[number] = f"{line.partition(' = ')[0]} = {values[name]}"
    return "\n".join(lines)


def _arrays(source: Source) -> dict[str, NDArray[Any]]:
    """Return all arrays that predictions need, by the names that they have in the program."""
    return {
        **_named("inputs/", source.input_arrays),
        **_named("target/", {name: array for name, array in source.target_arrays.items() if not name.startswith("residual")}),
        **{name: array for number, member in enumerate(source.members) for name, array in _named(f"members/{number}/", member).items()},
    }


def _named(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}{name}": array for name, array in arrays.items()}


def _literal(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return a dictionary of dtype, shape and bytes in base64, one line for each array."""
    lines = [f"    {name!r}: ({_little(array).dtype.str!r}, {array.shape!r}, {_base64(array)!r})," for name, array in arrays.items()]
    return "\n".join(["{", *lines, "}"])


def _little(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array with little-endian bytes, in any machine."""
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(_little(array).tobytes()).decode()
