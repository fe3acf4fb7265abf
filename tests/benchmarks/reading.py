"""Tables from CSV: read, read and encoded, and predicted from, against the readers of pandas and Arrow; and one raw row.

The file has floats of 7 and of 17 digits, integers, gaps, and two columns of texts: a million rows in about 100 MB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mlpkit
from mlpkit.data.coded_column import coded
from mlpkit.data.column_types import numbers
from mlpkit.data.readers import read_table
from mlpkit.preprocessing.prepare import prepare

from .pairing import Row, Run, pair, repeated

ROWS = 100_000  # are made, and repeated
SHORT, INTEGERS, TEXTS = ("a", "b", "c", "d", "e"), ("i", "j"), ("colour", "town")
NUMBERS = (*SHORT, "long", *INTEGERS, "gaps")
SPEC: dict[str, Any] = {
    "data": {"target": "y"},
    "network": {"layers": [{"units": 32, "activation": "relu"}, {"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "training": {"epochs": 1, "batch_size": 512},
}
Coded = tuple[np.ndarray, np.ndarray]  # the number of each row's text, and the texts
Columns = tuple[list[np.ndarray], list[Coded]]  # numbers with NaN, and texts


def rows(quick: bool) -> list[Row]:
    """Reading, encoding, predicting, and one row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(path, 1 if quick else 10)
        size = f"{path.stat().st_size / 1e6:.0f} MB of CSV"
        rounds = 3 if quick else 5
        readers: dict[str, Callable[[], Columns]] = {}
        for name, reader in READERS.items():
            try:
                reader(path)
                readers[name] = partial(reader, path)
            except ImportError:
                continue
        peers: dict[str, tuple[Run, float | None]] = {name: (done(reader), 1.0) for name, reader in readers.items()}
        found = pair(f"read {size}", done(lambda: mlpkit_columns(path)), peers, rounds=rounds)
        spec = mlpkit.Spec.model_validate(SPEC)
        encoded = prepare(spec, path).train.inputs
        for name, reader in readers.items():
            np.testing.assert_allclose(encode(*reader()), encoded, rtol=1e-5, atol=1e-6, err_msg=name)
        del encoded
        encoders = {name: (done(lambda reader=reader: encode(*reader())), 1.0) for name, reader in readers.items()}
        found += pair(f"read and encode {size}", done(lambda: prepare(spec, path)), encoders, rounds=rounds)
        write_csv(Path(folder) / "few.csv", 1, 2000)
        model = mlpkit.train(spec, Path(folder) / "few.csv")
        return [*found, *predictions(model, path, size, rounds), *one_row(model, path)]


def write_csv(path: Path, times: int, rows: int = ROWS) -> None:
    """The same rows over and over."""
    rng = np.random.default_rng(0)
    columns = [[f"{value:.6f}" for value in rng.standard_normal(rows)] for _ in SHORT]
    columns += [[repr(value) for value in rng.standard_normal(rows).tolist()]]
    columns += [list(map(str, rng.integers(-high, high, rows).tolist())) for high in (100, 1_000_000)]
    columns += [["" if value > 2 else f"{value:.4f}" for value in rng.standard_normal(rows)]]
    columns += [[f"{word} {number}" for number in rng.integers(0, kinds, rows)] for word, kinds in (("hue", 4), ("town", 30))]
    columns += [list(map(str, rng.integers(0, 3, rows)))]
    body = "".join(f"{','.join(row)}\n" for row in zip(*columns, strict=True))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join((*NUMBERS, *TEXTS, "y")) + "\n")
        for _ in range(times):
            file.write(body)


def done(work: Callable[[], object]) -> Run:
    """A run that the wall clock times, whatever the work gives back."""

    def run() -> None:
        work()

    return run


def mlpkit_columns(path: Path) -> Columns:
    table = read_table(path)
    texts = [coded(table[name]) for name in TEXTS]
    return [numbers(table, name) for name in NUMBERS], [(codes, np.array(kinds)) for codes, kinds in texts]


def encode(columns: list[np.ndarray], texts: list[Coded]) -> np.ndarray:
    """Standardised, gaps filled with the median and marked, texts one-hot: what mlpkit makes of them."""
    gaps = [np.isnan(column) for column in columns]
    marked = [index for index, gap in enumerate(gaps) if gap.any()]
    width = len(columns) + len(marked)
    encoded = np.zeros((len(columns[0]), width + sum(len(kinds) for _, kinds in texts)), np.float32)
    for index, (column, gap) in enumerate(zip(columns, gaps, strict=True)):
        there = column[~gap] if index in marked else column
        encoded[:, index] = (np.where(gap, np.median(there), column) - there.mean()) / there.std()
    for place, index in enumerate(marked, len(columns)):
        encoded[:, place] = gaps[index]
    for codes, kinds in texts:
        encoded[np.arange(len(codes)), width + np.argsort(np.argsort(kinds))[codes]] = 1
        width += len(kinds)
    return encoded


def predictions(model: mlpkit.Model, path: Path, size: str, rounds: int) -> list[Row]:
    """`mlpkit predict` in a process of its own, start and all, against one that reads the file with pandas; time and memory."""
    saved, out, peer_out = (str(path.with_name(name)) for name in ("model.h5", "out.csv", "peer.csv"))
    model.save(saved)
    commands = {
        "mlpkit": [sys.executable, "-m", "mlpkit", "predict", saved, str(path), "-o", out, "--force"],
        "pandas.read_csv": [sys.executable, "-c", f"import pandas; pandas.read_csv({str(path)!r})"],
        "pandas.read_csv, to_csv": [
            sys.executable,
            "-c",
            f"import pandas; pandas.read_csv({str(path)!r})[['y']].to_csv({peer_out!r}, index=False)",
        ],
    }
    memory = {name: peak_memory(command) for name, command in commands.items()}
    expected = "\n".join(["y", *map(str, model.predict(path).tolist()), ""])
    assert Path(out).read_text(encoding="utf-8") == expected
    peers = {name: (done(partial(run, command)), 1.0) for name, command in commands.items() if name != "mlpkit"}
    what = f"mlpkit predict, {size}"
    return [
        *pair(what, done(partial(run, commands["mlpkit"])), peers, rounds=rounds),
        *(
            Row(f"{what}: peak memory", name, "MB", memory["mlpkit"], memory[name], memory[name] / memory["mlpkit"], 1.0)
            for name in list(peers)[:1]
        ),
    ]


def run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def peak_memory(command: list[str]) -> float:
    """The most memory that a command had, in MB; a process in between has no other children."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    found = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)
    return int(found.stdout) / 1024


def one_row(model: mlpkit.Model, path: Path) -> list[Row]:
    """One raw row with numbers and texts against the encoded one: at most 5 times."""
    table = read_table(path).take(np.arange(1))
    record: dict[str, Any] = {name: float(numbers(table, name)[0]) for name in NUMBERS} | {name: table[name][0] for name in TEXTS}
    assert model.input_encoder is not None
    encoded = model.input_encoder.encode(table, "float32")
    np.testing.assert_array_equal(model.predict_proba([record]), model.network.predict(encoded).astype(np.float64))
    peer = {"Network.predict": (repeated(partial(model.network.predict, encoded), 500), 0.2)}
    return pair("Model.predict, one row of numbers and texts", repeated(partial(model.predict, [record]), 500), peer, "us", 5, 1e6)


# -- the peers


def pandas_columns(path: Path) -> Columns:
    import pandas

    frame = pandas.read_csv(path)
    texts = [pandas.factorize(frame[name]) for name in TEXTS]
    return [frame[name].to_numpy(np.float64) for name in NUMBERS], [(codes, np.asarray(kinds, dtype=str)) for codes, kinds in texts]


def arrow_columns(path: Path) -> Columns:
    import pyarrow.csv

    table = pyarrow.csv.read_csv(path, read_options=pyarrow.csv.ReadOptions(use_threads=False))
    texts = [table[name].combine_chunks().dictionary_encode() for name in TEXTS]
    columns = [table[name].to_numpy().astype(np.float64, copy=False) for name in NUMBERS]
    return columns, [(text.indices.to_numpy(), np.array(text.dictionary.to_pylist())) for text in texts]


READERS = {"pandas": pandas_columns, "pyarrow": arrow_columns}
