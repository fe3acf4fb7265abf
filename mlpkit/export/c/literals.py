"""Literals of C: numbers, texts, arrays, and comments with text from a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError

IN_A_LINE = 6


def number(value: float, dtype: str = "float64") -> str:
    """Return a finite number as a constant of the type double or float, which reads as the same bits."""
    text = np.format_float_scientific(np.dtype(dtype).type(value), trim="0", exp_digits=1)
    return f"{text}f" if dtype == "float32" else text


def text(value: str) -> str:
    """Return a text as a constant, in UTF-8. Raise DataError if it has a NUL, at which texts of C end."""
    if "\0" in value:
        raise DataError(f"{value!r} has a NUL, at which a text of C ends", help="rename it before training, or export another format")
    plain = {ord(letter) for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+.,;:()[]{}<>=/*&%$#@!|~^'"}
    codes = value.encode("utf-8", "surrogatepass")
    return '"' + "".join(chr(code) if code in plain else f"\\{code:03o}" for code in codes) + '"'


def comment(value: str) -> str:
    """Return a text from a model in a form that does not end a comment or begin another one."""
    return ascii(value).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("\\\n", "")


def array(kind: str, name: str, values: Sequence[str]) -> str:
    """Return the definition of a constant array of one dimension, some values in each line."""
    lines = (", ".join(values[start : start + IN_A_LINE]) for start in range(0, len(values), IN_A_LINE))
    return "\n".join([f"static const {kind} {name}[{len(values)}] = {{", *(f"    {line}," for line in lines), "};"])


def numbers(name: str, values: NDArray[Any], kind: str = "double", dtype: str = "float64") -> str:
    """Return the definition of a constant array with the numbers of an array, in row order."""
    if kind == "int":
        return array("int", name, [str(int(value)) for value in values.ravel()])
    return array(kind, name, [number(value, dtype) for value in values.ravel()])


def texts(name: str, values: Sequence[str]) -> str:
    """Return the definition of a constant array of texts, one in each line."""
    lines = [f"    {text(value)}," for value in values]
    return "\n".join([f"static const char *const {name}[{len(values)}] = {{", *lines, "};"])
