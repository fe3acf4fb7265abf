"""The same rows from other files and from memory, read and encoded, against their CSV: CPU time of the process, all of its threads."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

import mlpkit
from mlpkit.preprocessing.prepare import prepare

from .pairing import Row, pair
from .reading import SPEC, write_csv

GOALS = {"parquet": 2.0, "gzip": None}  # of the others: never slower than the CSV


def rows(quick: bool) -> list[Row]:
    """Read and encode each of the sources, in turn with the CSV."""
    spec, found = mlpkit.Spec.model_validate(SPEC), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(path, 1 if quick else 10)
        what = f"read and encode {path.stat().st_size / 1e6:.0f} MB of CSV"
        expected = prepare(spec, path).train.inputs
        for name, source in sources(path).items():
            np.testing.assert_array_equal(prepare(spec, source).train.inputs, expected, err_msg=name)
            peer = {"CSV": (cpu(partial(prepare, spec, path)), GOALS.get(name, 1.0))}
            found += pair(f"{what}, as {name}", cpu(partial(prepare, spec, source)), peer, rounds=3 if quick else 5)
    return found


def sources(path: Path) -> dict[str, Any]:
    """The rows of a CSV file in other files beside it, and in memory."""
    table, frame = pyarrow.csv.read_csv(path), pandas.read_csv(path)
    files = {name: path.with_name(f"rows.{name}") for name in ("parquet", "feather", "csv.gz")}
    pyarrow.parquet.write_table(table, files["parquet"])
    pyarrow.feather.write_feather(table, str(files["feather"]))
    with path.open("rb") as plain, gzip.open(files["csv.gz"], "wb", 6) as packed:
        shutil.copyfileobj(plain, packed)
    objects = frame.astype(dict.fromkeys(("colour", "town"), object))
    in_memory = {"table of Arrow": table, "table of polars": polars.read_csv(path), "table of pandas": frame, "objects of pandas": objects}
    return {"parquet": files["parquet"], "feather": files["feather"], "gzip": files["csv.gz"], **in_memory}


def cpu(work: Callable[[], object]) -> Callable[[], float]:
    """A run whose figure is the CPU time of the process."""

    def run() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return run
