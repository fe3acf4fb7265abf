"""An exported C file, compiled and called row by row."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess

import numpy as np
import pytest

from ..modelfile.languages.predict import category, raw_numbers

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Wshadow", "-Werror"]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


def compiler():
    """The program; a test is skipped where it is missing, but in CI it fails."""
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("no C compiler is installed")
    assert found, "CI needs a C compiler"
    return found


def build(folder, text, *, options=("-O1",), main=None):
    """Compile the text to a shared library, or with a main function to a program; return its path."""
    (folder / "model.c").write_text(text, encoding="utf-8")
    files = [folder / "model.c"]
    if main is not None:
        (folder / "main.c").write_text(main, encoding="utf-8")
        files.append(folder / "main.c")
    kind = ["-fPIC", "-shared"] if main is None else []
    done = subprocess.run([compiler(), *STRICT, *options, *kind, "-o", folder / "model", *files, "-lm"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "model"


def arguments(model, row):
    """The numbers and the texts of a row of raw values, as the exported file takes them."""
    inputs = model.input_encoder.to_state()
    numbers, texts = [], []
    for column in inputs["columns"]:
        value = row[column["name"]]
        if column["kind"] == "category":
            texts.append(category(value, inputs["missing"]))
        elif column["kind"] == "date":
            numbers += raw_numbers({**column, "parts": ["days"]}, value, inputs["missing"])
        else:
            numbers += raw_numbers(column, value, inputs["missing"])
    return numbers, texts


class Program:
    """The functions of a shared library."""

    def __init__(self, path, model):
        self.library, self.model = ctypes.CDLL(str(path)), model
        target = model.target_encoder
        self.count = len(target.names) if target.classes is None else len(target.classes)
        self.classes = None
        if target.classes is not None:
            found = (ctypes.c_char_p * self.count).in_dll(self.library, "predict_classes")
            self.classes = [text.decode() for text in found]

    def __call__(self, numbers, texts):
        """The returned number, and the values of `out`."""
        out = (ctypes.c_double * self.count)(*[-7.0] * self.count)
        encoded = [None if text is None else text.encode() for text in texts]
        result = self.library.predict((ctypes.c_double * len(numbers))(*numbers), (ctypes.c_char_p * len(texts))(*encoded), out)
        return result, np.array(out[:])

    def rows(self, rows):
        """The results of raw rows: returned numbers, and scores."""
        found = [self(*arguments(self.model, row)) for row in rows]
        return np.array([result for result, _ in found]), np.array([scores for _, scores in found])
