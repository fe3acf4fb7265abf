"""`python -m tests.benchmarks [GROUP ...] [--threads 1 2] [--quick] [--json FILE]`: mlpkit against its peers.

Prints a Markdown table, and writes all figures with machine, versions and date as JSON. The peers are the extra `bench`;
one that is not installed is left out. Each number of threads has a process of its own, on as many processors, since a
BLAS takes its threads when it is loaded.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

# modelfile forks, which must come before the libraries with threads of their own
GROUPS = (
    "modelfile",
    "xor",
    "training",
    "easy",
    "inference",
    "serving",
    "start",
    "reading",
    "sources",
    "stream",
    "costs",
    "scaling",
    "trips",
    "earlier",
    "ranks",
    "kernels",
    "fused",
    "functions",
)
BY_THREADS = ("modelfile", "training", "stream", "fused")  # the others are of one thread
PACKAGES = ("mlpkit", "numpy", "torch", "jax", "scikit-learn", "onnxruntime", "typer", "pandas", "pyarrow", "safetensors", "h5py")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="mlpkit against its peers.")
    parser.add_argument("groups", nargs="*", help=f"what to measure: {', '.join(GROUPS)}; all of them when left out")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="how many threads both sides have")
    parser.add_argument("--quick", action="store_true", help="less of everything, in about two minutes")
    parser.add_argument("--earlier", help="a folder with another version of mlpkit, which the group 'earlier' compares with")
    parser.add_argument("--json", help="a file for all figures")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.earlier:
        os.environ["MLPKIT_EARLIER"] = os.path.abspath(options.earlier)
    if options.child:
        measure(options.groups, options.quick)
        return
    rows: list[dict[str, Any]] = []
    for threads in options.threads:
        groups = [group for group in options.groups or GROUPS if threads == options.threads[0] or group in BY_THREADS]
        rows += [{**row, "threads": threads} for row in in_a_process(groups, threads, options.quick)]
    from .pairing import table

    print(f"{machine()}\n\n{table(rows)}")
    missing = [name for name, number in versions().items() if number is None and name != "mlpkit"]
    if missing:
        print(f"\nnot installed, and left out: {', '.join(missing)}")
    if options.json:
        about = {"date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions(), "rows": rows}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(about, file, indent=1)


def in_a_process(groups: list[str], threads: int, quick: bool) -> list[dict[str, Any]]:
    """The rows of a process that has so many processors, and says so to whoever asks."""
    count = str(threads)
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)}
    command = [sys.executable, "-m", "tests.benchmarks", *groups, "--child", *(["--quick"] if quick else [])]
    few = (lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])) if hasattr(os, "sched_setaffinity") else None
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=few)
    return [json.loads(line) for line in done.stdout.splitlines()]


def measure(groups: list[str], quick: bool) -> None:
    """Measure here; a line of JSON on stdout for each row."""
    for group in groups:
        print(f"{group} ...", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"tests.benchmarks.{group}").rows(quick):
            print(json.dumps(row.to_json()), flush=True)


def machine() -> str:
    """The processor and the system, in words."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}, {blas()}"


def blas() -> str:
    """NumPy's BLAS with the kernels that it has chosen, which decide what large products take."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "BLAS unknown without threadpoolctl"
    importlib.import_module("numpy")
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(f"{library['internal_api']} {library['version']} for {library.get('architecture', '?')}" for library in found)


def versions() -> dict[str, str | None]:
    """Of mlpkit and the peers; None for what is not installed."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


if __name__ == "__main__":
    main()
