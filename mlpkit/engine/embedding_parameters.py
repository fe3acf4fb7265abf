"""Parameters of embeddings: shapes, initial values, and edges of bins from training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mlpkit.plugin import Array
from mlpkit.spec.embeddings import PBLD, AnyEmbedding, CategoryEmbedding, Periodic, PiecewiseLinear

Shapes = dict[str, tuple[int, ...]]


def embedding_shapes(options: AnyEmbedding) -> tuple[Shapes, Shapes]:
    """Return the shapes of the trained and of the fixed parameters of an embedding, by role."""
    count = len(options.inputs or ())
    if isinstance(options, CategoryEmbedding):
        return {"weight": (sum(levels + 1 for levels in options.levels or ()), options.units)}, {}
    trained: Shapes = {}
    if isinstance(options, (PBLD, Periodic)):
        trained["frequency"] = (count, options.frequencies)
    if isinstance(options, PBLD):
        trained["phase"] = (count, options.frequencies)
    trained |= {"weight": (count, options.features, options.units), "bias": (count, options.units)}
    return trained, {"edges": (count, options.bins + 1)} if isinstance(options, PiecewiseLinear) else {}


def initialize_embedding(options: AnyEmbedding, views: Mapping[str, Array], rng: np.random.Generator) -> None:
    """Draw the initial parameters of an embedding; edges of bins are at equal distances from -2 to 2 until they are set from data."""
    if isinstance(options, (PBLD, Periodic)):
        views["frequency"][...] = options.scale * rng.standard_normal(views["frequency"].shape)
    if isinstance(options, PBLD):
        views["phase"][...] = rng.uniform(-math.pi, math.pi, views["phase"].shape)
    if isinstance(options, PiecewiseLinear):
        views["edges"][...] = np.linspace(-2.0, 2.0, options.bins + 1)
    bound = 1.0 / math.sqrt(options.units if isinstance(options, CategoryEmbedding) else options.features)
    for role in ("weight", "bias"):
        if role in views:
            views[role][...] = rng.uniform(-bound, bound, views[role].shape)
    if isinstance(options, CategoryEmbedding):
        views["weight"][np.cumsum([levels + 1 for levels in options.levels or ()], dtype=np.intp) - 1] = 0.0


def set_edges(edges: Array, values: Array) -> None:
    """Set edges of bins, shape (bins + 1,), to quantiles of values, shape (rows,), at equal steps of probability.

    Equal quantiles become one edge; the bins that are then left are beyond the largest value, each one wide, or wider where numbers are so
    large that the dtype would round such edges to equal ones.
    """
    most = np.finfo(edges.dtype).max / 4  # the width of a bin must not overflow
    quantiles = np.quantile(values.astype(np.float64), np.linspace(0.0, 1.0, len(edges)))
    distinct = np.unique(quantiles.clip(-most, most).astype(edges.dtype))
    wide = max(1.0, 4.0 * float(np.spacing(np.abs(distinct[-1]))))
    edges[: len(distinct)] = distinct
    edges[len(distinct) :] = float(distinct[-1]) + wide * np.arange(1, len(edges) - len(distinct) + 1)


def edges_increase(edges: Array) -> bool:
    """Return True if edges of bins, shape (numbers, bins + 1), increase by finite steps."""
    with np.errstate(over="ignore"):
        steps = np.diff(edges, axis=1)
    return bool((steps > 0).all() and np.isfinite(steps).all())
