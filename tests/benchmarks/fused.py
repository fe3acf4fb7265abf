"""mlpkit with the package mlpkit-fused, against mlpkit on NumPy alone and its peers: `python -m tests.benchmarks fused`.

With FUSED_LEVEL=1 it uses no AVX-512; set OPENBLAS_CORETYPE=Haswell, XLA_FLAGS=--xla_cpu_max_isa=AVX2 and
NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL" too for what an older processor does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from mlpkit_fused import _engine, _kernels
from mlpkit_fused.engine import FusedEngine

import mlpkit

from . import inference, training, xor
from .networks import NETWORKS, Network, data, labels, model
from .pairing import Row, Run, pair, repeated

GOALS = {"784-256-128-10, batch 128": 1.15, "784-1024-1024-10, batch 256": 1.05}  # against JAX


def rows(quick: bool) -> list[Row]:
    """Steps of the networks, the tutorial's XOR, and predictions."""
    if level := os.environ.get("FUSED_LEVEL"):
        _engine.use_level(int(level))
        _kernels.use_level(int(level))
    return [*steps(quick), *the_tutorial(quick), *predictions(quick)]


@contextmanager
def kernels(switch: str) -> Iterator[None]:
    """Return a context in which a run that begins asks for kernels ("1") or does not ("0")."""
    before = os.environ.get("MLPKIT_KERNELS")
    os.environ["MLPKIT_KERNELS"] = switch
    try:
        yield
    finally:
        os.environ.pop("MLPKIT_KERNELS") if before is None else os.environ.update(MLPKIT_KERNELS=before)


def epochs_of(network: Network, x: np.ndarray, y: np.ndarray, engine: str, switch: str) -> Run:
    """Epochs of one long training."""
    with kernels(switch):  # asked when the run is made
        loop = mlpkit.epochs(model(network, epochs=10_000, engine=engine), x, labels(y))
        next(loop)
    return lambda: next(loop).seconds / network.steps


def steps(quick: bool) -> list[Row]:
    """One row for each network and peer."""
    found = []
    for network in NETWORKS[: 3 if quick else None]:
        x, y = data(network)
        peers: dict[str, tuple[Run, float | None]] = {
            "mlpkit on NumPy": (epochs_of(network, x, y, "numpy", "0"), None),
            "kernels alone": (epochs_of(network, x, y, "numpy", "1"), None),
        }
        for name in ("torch", "jax", "scikit-learn"):
            try:
                epoch = training.PEERS[name](network, x, y)
            except ImportError:
                continue
            goal = GOALS.get(network.name, 1.0) if name == "jax" else None
            peers[name] = training.timed_epoch(epoch, network), goal
        found += pair(f"step of {network.name}", epochs_of(network, x, y, "fused", "1"), peers, "us", 5 if quick else 9, 1e6)
    return found


def the_tutorial(quick: bool) -> list[Row]:
    """The tutorial's loop and its spec."""

    def trained(engine: str, switch: str) -> None:
        with kernels(switch):
            xor.trainer(engine)

    peers = {"tutorial's loop": (lambda: xor.tutorial() and None, 4.0), "mlpkit on NumPy": (partial(trained, "numpy", "0"), None)}
    return pair("the tutorial's XOR, 10,000 epochs", partial(trained, "fused", "1"), peers, "s", 3 if quick else 9)


def predictions(quick: bool) -> list[Row]:
    """Encoded rows, one to many."""
    found = []
    for network in inference.NETWORKS:
        of = model(network).network
        ours = of.using(FusedEngine())
        for count, calls in ((1, 3000), (100, 300), (10_000, 3)):
            x = np.random.default_rng(0).standard_normal((count, network.widths[0])).astype(np.float32)
            peers: dict[str, tuple[Run, float | None]] = {"mlpkit on NumPy": (repeated(partial(of.predict, x), calls), None)}
            for name in ("onnxruntime", "torch"):
                try:
                    predict = inference.PEERS[name](of)
                except ImportError:
                    continue
                peers[name] = repeated(partial(predict, x), calls), 1.0 if name == "onnxruntime" and count == 10_000 else None
            what = f"predict {count:,} row{'s' if count > 1 else ''}, {'-'.join(map(str, network.widths))}"
            found += pair(what, repeated(partial(ours.predict, x), calls), peers, "us", 5 if quick else 11, 1e6)
    return found
