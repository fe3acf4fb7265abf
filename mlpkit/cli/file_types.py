"""Endings: what the name of a file that a command writes says of what is to be in it."""

from __future__ import annotations

from pathlib import Path

import typer

SPECS = {".json": "JSON"}
MODELS = {".h5": "HDF5", ".hdf5": "HDF5", ".hdf": "HDF5"}
TABLES = {".csv": "CSV", ".tsv": "TSV", ".tab": "TSV", ".jsonl": "JSON lines", ".ndjson": "JSON lines", ".npy": "NPY"}
PLAIN = ("", ".txt", ".dat", ".data", ".out")  # which say nothing of a table
OTHERS = {
    **{".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Arrow", ".orc": "ORC", ".avro": "Avro"},
    **{".xlsx": "Excel", ".xls": "Excel", ".ods": "OpenDocument", ".npz": "NPZ", ".mat": "MATLAB", ".sqlite": "SQLite", ".db": "SQLite"},
    **{".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle", ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"},
    **{".zip": "ZIP", ".tar": "tar", ".tgz": "tar", ".7z": "7z", ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".xml": "XML"},
    **{".html": "HTML", ".pdf": "PDF", ".md": "Markdown", ".py": "Python", ".ipynb": "notebook", ".keras": "Keras", ".onnx": "ONNX"},
    **{".pt": "PyTorch", ".pth": "PyTorch", ".safetensors": "safetensors", ".pb": "TensorFlow", ".tflite": "TensorFlow Lite"},
}
KNOWN = {**OTHERS, **SPECS, **MODELS}  # that are not those of a table
_ALL = {**KNOWN, **TABLES, ".txt": "text"}


def ending_of(path: str) -> str:
    """The ending of a file in small letters, with its dot; empty when there is none."""
    return Path(path).suffix.lower()


def check_ending(path: str, own: dict[str, str], what: str) -> None:
    """Raise BadParameter for the ending of another format than that which is written.

    Parameters
    ----------
    path : str
        "-" is stdout.
    own : dict of str to str
        The endings of the format that is written.
    what : str
        What is written: "a spec".
    """
    ending = ending_of(path)
    if path != "-" and ending in _ALL and ending not in own:
        message = f"{path} has the ending of {_ALL[ending]}, and {what} is written as {next(iter(own.values()))}: {next(iter(own))}"
        raise typer.BadParameter(message, param_hint="--output")
