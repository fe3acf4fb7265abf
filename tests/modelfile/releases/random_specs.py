"""Random specs that use the keys of mlpkit 0.3 alone, with rows to train on: the same for the same seed."""

import csv

import h5py
import numpy as np

ROWS = 40
ACTIVATIONS = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "softmax", {"type": "leaky_relu", "negative_slope": 0.2}]
INITIALIZERS = [
    *("auto", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "zeros", "constant", "random_normal"),
    *({"type": "constant", "value": 0.1}, {"type": "random_normal", "mean": 0.05, "stddev": 0.2}),
]
RATES = [
    *(0.02, {"type": "constant", "value": 0.03}, {"type": "cosine", "initial": 0.05}, {"type": "cosine", "initial": 0.02, "final": 0.01}),
    *({"type": "step", "initial": 0.05, "every": 1}, {"type": "step", "initial": 0.02, "gamma": 0.5, "every": 2}),
]
ADAM = {"beta1": [0.8], "beta2": [0.99], "epsilon": [1e-6], "amsgrad": [True]}
NORMALIZATION = [
    *(None, "batch", "layer", {"type": "batch", "momentum": 0.8, "epsilon": 1e-3}, {"type": "layer", "epsilon": 1e-4}),
]
TASKS = {  # losses, last activations and metrics
    "number": (["mean_squared_error", "mean_absolute_error"], ["linear", "leaky_relu"], ["mse", "rmse", "mae", "r2"]),
    "binary": (["binary_crossentropy"], ["sigmoid"], ["accuracy", "log_loss"]),
    "class": (["categorical_crossentropy"], ["softmax"], ["accuracy", "log_loss"]),
}


class Draw:
    """The choices of one seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng([seed, 3])

    def one(self, values):
        return values[self.rng.integers(len(values))]

    def some(self, **options):
        """Some of the options, each with one of its values."""
        return {name: self.one(values) for name, values in options.items() if self.rng.random() < 0.4}


def spec_of(seed, folder):
    """A spec whose data lie in a folder, and the rows to predict."""
    draw = Draw(seed)
    task = list(TASKS)[seed % 3]
    kind = draw.one(["csv", "csv", "tsv", "hdf5"])
    losses, last, metrics = TASKS[task]
    data, table = data_of(draw, task, kind, folder)
    final = draw.one(last)
    layers = [layer_of(draw, units=int(draw.rng.integers(2, 7)), activation=draw.one(ACTIVATIONS)) for _ in range(draw.rng.integers(1, 4))]
    width = {"units": 3} if task == "class" and draw.rng.random() < 0.5 else {}
    layers.append({**layer_of(draw, activation=final, **width), "dropout": 0.0})
    scalings = {"linear": ["standardize", "none"], "leaky_relu": ["none"]}.get(final, ["none", "auto"])
    spec = {
        "network": {"layers": layers},
        "data": data,
        "preprocessing": preprocessing_of(draw, table, scalings),
        "loss": draw.one(losses),
        "optimizer": optimizer_of(draw),
        "training": training_of(draw, data, metrics, folder),
        "metrics": metrics,
        **draw.some(name=["drawn"], seed=[1, 7], dtype=["float64"]),
    }
    return spec, [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def table_of(draw, task, kind):
    rng = draw.rng
    a, b = rng.normal(size=(2, ROWS)).round(3).tolist()
    colour, flag = [("red", "green", "blue")[number] for number in rng.integers(3, size=ROWS)], (rng.random(ROWS) < 0.5).tolist()
    table = {"a": a, "b": b} if kind == "hdf5" else {"a": a, "b": b, "colour": colour, "flag": flag}
    y = [x - 2 * z + 1 for x, z in zip(a, b, strict=True)]
    names = ("no", "yes") if task == "binary" else ("low", "middle", "high")
    steps = np.digitize(y, [1.0] if task == "binary" else [0.0, 2.0]).tolist()
    labels = steps if kind == "hdf5" else [names[step] for step in steps]
    targets = {"y": y, "z": [-x for x in a]} if task == "number" else {"y": labels}
    return table, targets


def data_of(draw, task, kind, folder):
    """The part `data`, and the input columns; the file is written."""
    table, targets = table_of(draw, task, kind)
    if kind != "hdf5" and draw.rng.random() < 0.5:
        table["a"] = [None if row % 7 == 2 else value for row, value in enumerate(table["a"])]
    chosen = list(targets)[: 1 + draw.rng.integers(len(targets))]
    data = {"target": chosen if len(chosen) > 1 else chosen[0]}
    data |= draw.some(weight=["w"], in_memory=[kind != "hdf5"], inputs=[list(table)[:2], list(table)[:3]])
    if kind != "hdf5":
        data |= draw.some(missing=[["-"], {"only": ["", "none of it"]}])
    splits = [{"validation": 0.3}, {"validation": 0.25, "seed": 5, "stratify": False}, *([] if kind == "hdf5" else [{"column": "part"}])]
    chosen_split = draw.one([*splits, "file", None])
    separator = draw.one([";", "|"]) if kind == "csv" and draw.rng.random() < 0.5 else None
    columns = {**table, **{name: targets[name] for name in chosen}}
    if "weight" in data:
        columns["w"] = (1 + draw.rng.random(ROWS)).round(2).tolist()
    if chosen_split == {"column": "part"}:
        columns["part"] = ["validation" if row % 4 == 1 else "train" for row in range(ROWS)]
    ending = {"csv": "csv", "tsv": "tsv", "hdf5": "h5"}[kind]
    for name in ("rows", "held_out"):
        write(folder / f"{name}.{ending}", columns, kind, separator)
    data |= {"path": f"rows.{ending}", **draw.some(format=[kind]), **({"separator": separator} if separator else {})}
    if chosen_split is not None:
        data |= {"validation": f"held_out.{ending}"} if chosen_split == "file" else {"split": chosen_split}
    return data, {name: table[name] for name in data.get("inputs", table)}


def write(path, columns, kind, separator):
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[name] = np.array(values)
        return
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if kind == "tsv" else separator or ",")
        writer.writerow(columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True))


def preprocessing_of(draw, table, targets):
    options = draw.some(numbers=["none"], target=targets)
    columns = {"a": draw.one(["none", "standardize"])} if draw.rng.random() < 0.4 else {}
    if "colour" in table and draw.rng.random() < 0.4:
        columns["colour"] = draw.one(["ignore", "one_hot"])
    if not any(isinstance(value, str) for values in table.values() for value in values):
        options |= draw.some(categories=["none"])
    if None not in table["a"]:
        options |= draw.some(missing=["none"])
    return {**options, **({"columns": columns} if columns else {})}


def layer_of(draw, **given):
    drawn = draw.some(
        dropout=[0.1, 0.3], normalization=NORMALIZATION, bias=[False], weight_initializer=INITIALIZERS, bias_initializer=INITIALIZERS[5:]
    )
    return {**drawn, **given}


def optimizer_of(draw):
    rate = draw.some(learning_rate=RATES)
    if draw.rng.random() < 0.5:
        return {"type": "adam", **rate, **draw.some(**ADAM)}
    return {"type": "sgd", **rate, **draw.one([{}, {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True}])}


def training_of(draw, data, metrics, folder):
    held_out = "split" in data or "validation" in data
    stopping = {"monitor": draw.one(["validation_loss", *metrics] if held_out else ["training_loss"])}
    stopping |= draw.some(patience=[3], min_delta=[0.01])
    every = draw.one([{"epochs": 50}, {"minutes": 60.0}, {"epochs": 60, "minutes": 30.0}])  # longer than a run: none is written
    points = {"folder": str(folder / "points"), **every, **draw.some(keep=[1])}
    sizes = [8, 16, None] if data.get("in_memory", True) else [8, 16]
    drawn = draw.some(batch_size=sizes, shuffle=[False], early_stopping=[stopping], checkpoint=[points])
    return {"epochs": int(draw.rng.integers(1, 4)), **drawn}
