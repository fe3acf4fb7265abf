"""Preprocessing with each scaling of numbers, for the readers of model files."""

ROBUST = {"clip_inputs": True, "numbers": {"type": "robust", "clip": "smooth"}, "columns": {"length": {"type": "none", "clip": 2}}}
QUANTILE = {
    "clip_predictions": True,
    "numbers": "quantile",
    "columns": {"pixels": {"type": "quantile", "knots": 4, "clip": 0.5}, "wet": "min_max"},
}
BINS = {"numbers": {"type": "bins", "count": 3, "clip": "smooth"}, "columns": {"length": "min_max", "wet": "bins"}}
TREE = {
    "clip_inputs": True,
    "clip_predictions": True,
    "numbers": {"type": "bins", "edges": "tree"},
    "columns": {"length": "quantile", "pixels": {"type": "min_max", "clip": 0.7}},
}
