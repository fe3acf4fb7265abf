"""File suffixes: the format of a file that a command writes, by its name."""

from __future__ import annotations

from pathlib import Path

import typer

SPECS = {".json": "JSON"}
MODELS = {".h5": "HDF5", ".hdf5": "HDF5", ".hdf": "HDF5"}
TABLES = {".csv": "CSV", ".tsv": "TSV", ".tab": "TSV", ".jsonl": "JSON lines", ".ndjson": "JSON lines", ".npy": "NPY"}
PLAIN = ("", ".txt", ".dat", ".data", ".out")  # suffixes that imply no format of a table
OTHERS = {
    **{".parquet": "Parquet", ".pq": "Parquet", ".feather": "Feather", ".arrow": "Arrow", ".orc": "ORC", ".avro": "Avro"},
    **{".xlsx": "Excel", ".xls": "Excel", ".ods": "OpenDocument", ".npz": "NPZ", ".mat": "MATLAB", ".sqlite": "SQLite", ".db": "SQLite"},
    **{".pkl": "pickle", ".pickle": "pickle", ".joblib": "pickle", ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"},
    **{".zip": "ZIP", ".tar": "tar", ".tgz": "tar", ".7z": "7z", ".yaml": "YAML", ".yml": "YAML", ".toml": "TOML", ".xml": "XML"},
    **{".html": "HTML", ".pdf": "PDF", ".md": "Markdown", ".py": "Python", ".ipynb": "notebook", ".keras": "Keras", ".onnx": "ONNX"},
    **{".pt": "PyTorch", ".pth": "PyTorch", ".safetensors": "safetensors", ".pb": "TensorFlow", ".tflite": "TensorFlow Lite"},
}
KNOWN = {**OTHERS, **SPECS, **MODELS}  # suffixes of formats that are not tables
_ALL = {**KNOWN, **TABLES, ".txt": "text"}


def ending_of(path: str) -> str:
    """Return the suffix of a file in lower case, with its dot; empty if there is none."""
    return Path(path).suffix.lower()


def check_ending(path: str, own: dict[str, str], content: str) -> None:
    """Raise BadParameter for the suffix of another format than the one that is written.

    Parameters
    ----------
    path : str
        Path of the output; "-" is stdout.
    own : dict of str to str
        Suffixes of the format that is written.
    content : str
        Description of the content, such as "a spec".
    """
    ending = ending_of(path)
    if path != "-" and ending in _ALL and ending not in own:
        message = f"{path} has the suffix of {_ALL[ending]}, but {content} is written as {next(iter(own.values()))}: {next(iter(own))}"
        raise typer.BadParameter(message, param_hint="--output")
