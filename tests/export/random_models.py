"""Random models with every kind of column, treatment, layer and target, and rows as they come later."""

import numpy as np

ACTIVATIONS = [
    *("linear", "sigmoid", "tanh", "relu", "relu6", "relu_squared", "elu", "celu", "selu", "gelu", "silu", "mish", "softplus"),
    *("squareplus", "softsign", "lecun_tanh", "log_sigmoid", "hard_sigmoid", "hard_silu", "hard_tanh", "tanh_shrink", "soft_shrink"),
    *("hard_shrink", "gaussian", "sine", "glu", "swiglu", "geglu", "reglu", "prelu", "softmax", "log_softmax", "continuation_ratio"),
    *({"type": "leaky_relu", "negative_slope": 0.3}, {"type": "gelu", "approximate": "tanh"}, {"type": "softplus", "beta": 2.0}),
]
SCALINGS = ["standardize", "robust", "min_max", "quantile", "bins", "none"]
CLIPS = [None, "smooth", 1.5]
TARGETS = {  # loss, last activation and the kind of the target
    "classes": ("categorical_crossentropy", "softmax"),
    "binary": ("binary_crossentropy", "sigmoid"),
    "two classes": ("categorical_crossentropy", "softmax"),
    "labels": ("binary_crossentropy", "sigmoid"),
    "ordered": ("ordinal", "continuation_ratio"),
    "indicators": ("mean_squared_error", "softmax"),
    "number": ("mean_squared_error", "linear"),
    "numbers": ("mean_absolute_error", "linear"),
    "counts": ("poisson", "linear"),
    "means": ("gaussian_nll", "linear"),
    "quantiles": ({"type": "quantile", "quantiles": [0.1, 0.5, 0.8]}, "linear"),
}
ROWS = 80


def columns(rng):
    """Some columns of every kind by name."""
    gaps = rng.random(ROWS) < 0.15
    towns = np.array(["Ulm", "Köln", "é 'x'", "a,b", "Ulm "], object)[rng.integers(0, 5, ROWS)]
    days = np.datetime64("2019-01-05T00:00:00") + rng.integers(0, 4 * 365 * 86_400, ROWS).astype("timedelta64[s]")
    price = [None if gap else f"{number:,.2f} €" for gap, number in zip(gaps, rng.normal(2000, 900, ROWS), strict=True)]
    found = {
        "size": np.where(gaps, np.nan, rng.lognormal(0, 1, ROWS)),
        "age": rng.integers(1, 90, ROWS),
        "town": [None if gap else text for gap, text in zip(gaps, towns, strict=True)],
        "kind": rng.integers(-2, 4, ROWS),
        "level": [float(each) if each < 4 else None for each in rng.integers(0, 5, ROWS)],
        "wet": rng.integers(0, 2, ROWS).astype(bool),
        "member": [["yes", "No", None][each] for each in rng.integers(0, 3, ROWS)],
        "pixels": rng.normal(size=(ROWS, 3)),
        "day": days,
        "price": price,
        "constant": np.full(ROWS, 2.5),
    }
    surely, share = rng.choice(["age", "town", "kind", "day"]), rng.choice([0.1, 0.6, 0.9])
    return {name: values for name, values in found.items() if name == surely or rng.random() < share}


def later(rng, data):
    """The columns with values that training did not have: unseen levels, more missing values, far numbers."""
    gaps = rng.random(ROWS) < 0.2
    changed = {name: np.asarray(values, object).copy() for name, values in data.items()}
    for name, values in changed.items():
        if name in ("size", "age", "constant"):
            far = values.astype(float) * rng.choice([1, 1, -3, 1e3], ROWS)
            changed[name] = np.where(gaps, np.nan, far)
        elif name == "town":
            changed[name] = [
                None if gap else "Rom" if row % 9 == 0 else text for row, (gap, text) in enumerate(zip(gaps, values, strict=True))
            ]
        elif name == "kind":
            changed[name] = np.where(rng.random(ROWS) < 0.2, 77, values).astype(int)
        elif name == "wet":
            changed[name] = [None if gap else bool(value) for gap, value in zip(gaps, values, strict=True)]
        elif name == "day":
            moved = values.astype("datetime64[us]") + rng.integers(-300, 300, ROWS).astype("timedelta64[D]") * 90
            changed[name] = np.where(gaps, np.datetime64("NaT"), moved)
        elif name == "pixels":
            changed[name] = np.where(gaps[:, None], np.nan, values.astype(float) * 2)
        else:
            changed[name] = list(values)
    return changed


def targets(rng, form):
    number = rng.normal(50, 20, ROWS)
    return {
        "classes": {"y": np.array(["b", "a", "ç"])[rng.integers(0, 3, ROWS)]},
        "binary": {"y": rng.integers(0, 2, ROWS).astype(bool)},
        "two classes": {"y": np.array([-1.0, 4.0])[rng.integers(0, 2, ROWS)]},
        "labels": {"y": rng.integers(0, 2, ROWS), "z": rng.integers(0, 2, ROWS)},
        "ordered": {"y": rng.integers(0, 4, ROWS)},
        "indicators": {"y": rng.integers(3, 6, ROWS)},
        "number": {"y": number},
        "numbers": {"y": number, "z": rng.normal(size=ROWS)},
        "counts": {"y": rng.integers(0, 9, ROWS)},
        "means": {"y": number, "z": rng.normal(size=ROWS)},
        "quantiles": {"y": number},
    }[form]


def treatments(rng, data):
    found = {}
    for name in data:
        scaling = {"type": str(rng.choice(SCALINGS)), "clip": CLIPS[rng.integers(3)]}
        if name in ("size", "age", "pixels", "price", "wet") and rng.random() < 0.5:
            found[name] = scaling
        elif name in ("kind", "level"):
            found[name] = {"type": "embed", "fewest": 1} if rng.random() < 0.5 else "one_hot"
        elif name == "town" and rng.random() < 0.5:
            found[name] = {"type": "embed", "fewest": int(rng.choice([1, 10]))}
        elif name == "day":
            found[name] = {"type": "date", "clip": CLIPS[rng.integers(3)]}
        elif name == "member":
            found[name] = "boolean"
    return found


def embeddings(rng, data, treated):
    embedded = [name for name, asked in treated.items() if isinstance(asked, dict) and asked["type"] == "embed"]
    found = [{"type": "category", "columns": embedded, "units": 2}] if embedded else []
    numbers = [name for name in data if name in ("size", "age", "pixels") and treated.get(name, {}).get("type") != "bins"]
    if numbers and rng.random() < 0.6:
        kind = str(rng.choice(["pbld", "periodic", "piecewise_linear"]))
        sizes = {"bins": 4} if kind == "piecewise_linear" else {"frequencies": 3, "scale": 0.3}
        found.append({"type": kind, "columns": numbers[: int(rng.integers(1, 3))], "units": 2, **sizes})
    return found


def layers(rng, last):
    found = []
    for number in range(int(rng.integers(0, 4))):
        normalization = [None, "batch", "layer", "rms"][rng.integers(4)]
        residual = 1 if number and rng.random() < 0.4 else None
        activation = ACTIVATIONS[rng.integers(len(ACTIVATIONS))]
        found.append({"units": 5, "activation": activation, "normalization": normalization, "residual": residual})
    return [*found, {"activation": last}]


def random_model(seed):
    """The spec, the training table, and rows as they come later."""
    rng = np.random.default_rng(seed)
    data = columns(rng)
    form = [*TARGETS][seed % len(TARGETS)]
    loss, last = TARGETS[form]
    target, treated = targets(rng, form), treatments(rng, data)
    names = [*target]
    spec = {
        "data": {
            "target": names if len(names) > 1 else names[0],
            "inputs": [*data],
            **({"units": {"price": ["€"]}} if "price" in data else {}),
        },
        "preprocessing": {
            "numbers": {"type": str(rng.choice(SCALINGS)), "clip": CLIPS[rng.integers(3)]},
            "columns": treated,
            "clip_inputs": bool(rng.random() < 0.3),
            "clip_predictions": bool(rng.random() < 0.3 and form not in ("labels",) and last == "linear"),
        },
        "dtype": ["float32", "float64"][rng.integers(2)],
        "network": {"embeddings": embeddings(rng, data, treated), "input_scale": bool(rng.random() < 0.3), "layers": layers(rng, last)},
        "loss": loss,
        "training": {"epochs": 3, "learning_rate_factors": {"input_scale": 2.0}},
        "seed": seed,
    }
    if form in ("binary", "two classes") and rng.random() < 0.5:
        spec["decision"] = {"threshold": 0.3}
    if rng.random() < 0.3:
        spec["ensemble"] = {"members": 2}
    return spec, data | target, later(rng, data)
