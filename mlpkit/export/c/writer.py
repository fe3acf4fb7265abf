"""`to_c`: a model as one C99 file without dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlpkit.errors import DataError
from mlpkit.export.c.activations import HELPERS
from mlpkit.export.c.columns import Columns
from mlpkit.export.c.functions import FUNCTIONS
from mlpkit.export.c.literals import comment, number, text
from mlpkit.export.c.network import NetworkCode
from mlpkit.export.description import describe
from mlpkit.export.source import Source
from mlpkit.files.atomic import save_bytes
from mlpkit.model.model import Model

MATH = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sqrt", "fabs", "sin")  # of REAL, in capital letters


def to_c(model: Model, path: str | Path, *, dtype: str | None = None, replace: bool = True) -> None:
    """Write a model to one C99 file, which needs the standard library alone.

    It has ``int predict(const double *numbers, const char **texts, double *out)``, which predicts one row, and ``predict_classes``, the
    classes as texts. The comment at its top lists the columns in the order of `numbers` and `texts`, and describes `out`. It allocates no
    memory, calls no function that depends on the locale, and may be called by several threads.

    Parameters
    ----------
    model : Model
        A trained model, or an ensemble.
    path : str or Path
        File to write; it gets its name only when it is complete.
    dtype : "float32" or "float64", optional
        Type of the weights and the arithmetic of the network, by default that of the spec. The preprocessing is computed in double.
    replace : bool
        True to replace an existing file; otherwise it causes an error.

    Raises
    ------
    DataError
        The model has not been trained, or has a category with a NUL.
    PluginError
        An activation, or a loss that defines the predictions, is a plugin, which has no counterpart.
    ModelFileError
        The file cannot be written.

    Examples
    --------
    >>> mlpkit.to_c(model, "model.c")    # doctest: +SKIP
    """
    save_bytes(path, c_text(model, dtype).encode(), replace=replace)


def c_text(model: Model, dtype: str | None = None) -> str:
    """Return the text of the file; parameters and errors are those of `to_c`."""
    source = Source.of(model)
    dtype = source.spec.dtype if dtype is None else dtype
    if dtype not in ("float32", "float64"):
        raise DataError(f"the dtype is {dtype!r}", help="use 'float32' or 'float64'")
    columns, described = Columns(source), describe(source)
    code = NetworkCode(source, {**described, "inputs_width": columns.width}, dtype)
    functions = [columns.function(), code.function(), _predict(described, columns)]
    helpers = _used({**HELPERS, **FUNCTIONS}, functions)
    parts = [
        _head(described, columns),
        _types(dtype),
        *columns.tables(),
        *code.tables,
        _classes(described),
        *columns.helpers(),
        *helpers,
        *functions,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _used(helpers: Mapping[str, str], functions: list[str]) -> list[str]:
    """Return the helpers that functions call, and those that these call, in their order."""
    found: list[str] = []
    for name in reversed(list(helpers)):
        if any(re.search(rf"\b{name}\(", text) for text in (*functions, *found)):
            found.insert(0, helpers[name])
    return found


def _head(described: Mapping[str, Any], columns: Columns) -> str:
    """Return the comment at the top: the arguments of `predict`."""
    return "\n".join(["/*", *(f" * {line}".rstrip() for line in _description(described, columns)), " */"])


def _description(described: Mapping[str, Any], columns: Columns) -> Iterator[str]:
    target = described["target"]
    yield f"The model {comment(described['name'])}, exported by mlpkit. C99, needs the standard library alone (math.h: link with -lm)."
    yield ""
    yield "    int predict(const double *numbers, const char **texts, double *out);"
    yield ""
    yield "predicts one row. It allocates nothing, and threads may call it at the same time. Do not compile with -ffast-math."
    yield ""
    yield f"numbers: {columns.arguments} values; a missing one is NAN" if columns.arguments else "numbers: not used"
    for column, start in columns.numbers:
        yield f"    [{start}] {_column(column)}"
    yield f"texts: {len(columns.texts)} texts in UTF-8; a missing one is NULL" if columns.texts else "texts: not used"
    for index, column in enumerate(columns.texts):
        yield f"    [{index}] {comment(column['name'])}"
    yield from _outputs(target)
    yield ""
    yield "Returns -1, and leaves out alone, for a number that is infinite or too large, a date outside the years 1 to 9999,"
    yield "or a boolean other than 1 and 0;"
    if not described["inputs"]["impute"]:
        yield "also for a missing value, because the training rows had none;"
    yield f"else {'0' if target['classes'] is None else 'the index of the predicted class in predict_classes'}."


def _column(column: Mapping[str, Any]) -> str:
    name = comment(column["name"])
    if column["kind"] == "date":
        return f"{name}: days since 1970-01-01 in UTC, with the time as a fraction"
    if column["kind"] == "boolean":
        return f"{name}: 1 or 0"
    if units := [unit for unit in column.get("notation", {}).get("unit", []) if unit]:
        return f"{name}: a number, in {', '.join(map(comment, units))}"
    return f"{name}: {column['width']} numbers" if column["width"] > 1 else name


def _outputs(target: Mapping[str, Any]) -> Iterator[str]:
    if target["classes"] is not None:
        yield f"out: {len(target['classes'])} probabilities, of {', '.join(comment(str(label)) for label in target['classes'])}"
        if len(target["classes"]) == 2:
            yield f"    the second is predicted above {target.get('threshold', 0.5)!r}"
    else:
        what = "predictions" if target["task"] == "regression" else "probabilities, each predicted above 0.5"
        yield f"out: {len(target['names'])} {what}: {', '.join(map(comment, target['names']))}"


def _types(dtype: str) -> str:
    """Return the includes, and the type and the functions of the network."""
    suffix = "f" if dtype == "float32" else ""
    largest = number(3.4028234663852886e38 if dtype == "float32" else 1.7976931348623157e308)
    lines = ["#include <math.h>", "#include <stddef.h>", "#include <string.h>", ""]
    lines += [f"typedef {'float' if dtype == 'float32' else 'double'} REAL;", f"#define LARGEST {largest}"]
    lines += [f"#define {name.upper()} {name}{suffix}" for name in MATH]
    return "\n".join([*lines, "", "int predict(const double *numbers, const char **texts, double *out);"])


def _classes(described: Mapping[str, Any]) -> str:
    classes = described["target"]["classes"]
    if classes is None:
        return ""
    lines = [f"    {text(str(label))}," for label in classes]
    return "\n".join(
        [
            f"extern const char *const predict_classes[{len(classes)}];",
            "",
            f"const char *const predict_classes[{len(classes)}] = {{",
            *lines,
            "};",
        ]
    )


def _predict(described: Mapping[str, Any], columns: Columns) -> str:
    """Return the function `predict`."""
    target, members = described["target"], described["members"]
    classes = target["classes"]
    count = len(classes) if classes is not None else len(target["names"])
    lines = ["int predict(const double *numbers, const char **texts, double *out)", "{"]
    lines += [f"    REAL x[{max(columns.width, 1)}];", "    int member, j" + (", best = 0;" if classes is not None and count > 2 else ";")]
    lines += ["    if (!encode(numbers, (const char *const *)texts, x)) return -1;"]
    lines += [f"    for (j = 0; j < {count}; j++) out[j] = 0;"]
    lines += [f"    for (member = 0; member < {members}; member++) add_scores(member, x, out);"]
    if members > 1:
        lines += [f"    for (j = 0; j < {count}; j++) out[j] /= {members};"]
    if classes is None:
        lines += ["    return 0;"]
    elif count == 2:
        lines += [f"    return out[1] > {number(target.get('threshold', 0.5))};"]
    else:
        lines += [f"    for (j = 1; j < {count}; j++)", "        if (out[j] > out[best]) best = j;", "    return best;"]
    return "\n".join([*lines, "}"])
