"""Makes the golden files of an mlpkit that is installed: `python make.py FOLDER`, run with a wheel that was released.

Each is a small model in a file ``VERSION-NAME.h5``, VERSION being that of the container, with the rows that it was asked
and what it answered beside it in ``VERSION-NAME.json``. The run of ``state`` is not finished: its rows are there too, and what
it answers when it is. The plugin of ``snake`` is that of plugins/mlpkit-snake, which must be installed. Golden files are never
made again: a later mlpkit must read them.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np

import mlpkit
from mlpkit.model.model import Model
from mlpkit.preprocessing.prepare import prepare

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(40, 3))
TABLE = {
    "size": [None if row % 9 == 4 else round(float(value), 3) for row, value in enumerate(NUMBERS[:, 0])],
    "colour": [("red", "green", "blue")[row % 3] for row in range(40)],
    "old": [row % 4 == 0 for row in range(40)],
    "kind": [("a", "b", "c")[int(value > 0) + (row % 3 == 0)] for row, value in enumerate(NUMBERS[:, 0])],
}


def layers(*widths, **options):
    return [{"units": width, "activation": "tanh", **options} for width in widths]


def model(network, loss, rows, y=None, **rest):
    spec = {"network": {"layers": network}, "loss": loss, "training": {"epochs": 3, "batch_size": 16}, **rest}
    return mlpkit.train(spec, rows, y)


def tables():
    split = {"target": "kind", "split": {"validation": 0.25}}
    stopping = {"epochs": 6, "batch_size": 8, "early_stopping": {"patience": 2}}
    mixed = [*layers(6, normalization="batch", dropout=0.2), *layers(5, normalization="layer"), {"activation": "softmax"}]
    return model(mixed, "categorical_crossentropy", TABLE, data=split, training=stopping, metrics=["accuracy"])


def models():
    """Each model with the rows that it is asked."""
    bits = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    xor = [*layers(2), {"units": 1, "activation": "sigmoid"}]
    rows = [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]
    yield "xor", model(xor, "binary_crossentropy", bits, np.array([0, 1, 1, 0])), bits.tolist()
    yield "table", tables(), [{name: value for name, value in row.items() if name != "kind"} for row in rows]
    yield "deep", model([*layers(*[3] * 12), {"activation": "linear"}], "mse", NUMBERS, NUMBERS.sum(1)), NUMBERS[:5].tolist()
    plain = {"dtype": "float64", "preprocessing": "none"}
    yield "plain", model([*layers(4), {"activation": "linear"}], "mse", NUMBERS, NUMBERS[:, :1] ** 2, **plain), NUMBERS[:5].tolist()
    several = [{"units": 4, "activation": {"type": "leaky_relu", "negative_slope": 0.2}}, {"activation": "linear"}]
    snake = [{"units": 4, "activation": {"type": "mlpkit-snake:snake", "a": 0.5}}, {"activation": "linear"}]
    yield "snake", model(snake, "mse", NUMBERS, NUMBERS.sum(1)), NUMBERS[:5].tolist()
    yield "several", model(several, "mae", NUMBERS, 10 * NUMBERS[:, :2] + 3), NUMBERS[:5].tolist()


def answers(made, rows):
    asked = rows if isinstance(rows[0], dict) else np.array(rows)
    told = {"predictions": made.predict(asked).tolist()}
    return told if made.classes is None else {**told, "probabilities": made.predict_proba(asked).tolist()}


def keep(folder, name, made, rows, **more):
    """Give the file of a model its name, and put what it answers beside it."""
    stem = f"{mlpkit.inspect(folder / 'model.h5')['container']}-{name}"
    (folder / "model.h5").rename(folder / f"{stem}.h5")
    (folder / f"{stem}.json").write_text(json.dumps({"rows": rows, **answers(made, rows), **more}))


def unfinished(folder):
    """A run that was stopped in the middle of its third epoch, with all that a run can have."""
    finished, rows = tables(), [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]
    asked = itertools.count()
    prepared = prepare(finished.spec, TABLE)
    stopped = Model.for_data(finished.spec, prepared)
    for _ in stopped.epochs(prepared, stop=lambda: next(asked) == 10):
        pass
    stopped.save(folder / "model.h5", training_state=True)
    rows = [{name: value for name, value in row.items() if name != "kind"} for row in rows]
    keep(folder, "state", mlpkit.load(folder / "model.h5"), rows, table=TABLE, finished=answers(finished, rows))


def ensemble(folder):
    """An ensemble whose members hold out other rows, since container 1.5."""
    rows = [
        {name: value for name, value in zip(TABLE, values, strict=True) if name != "kind"} for values in zip(*TABLE.values(), strict=True)
    ]
    network = [*layers(4, normalization="batch"), {"activation": "softmax"}]
    rest = {"data": {"target": "kind"}, "ensemble": {"members": 3, "folds": "rotate"}, "metrics": ["accuracy"]}
    made = model(network, "categorical_crossentropy", TABLE, **rest)
    made.save(folder / "model.h5")
    keep(folder, "ensemble", made, rows)


def own_missing(folder):
    """A model of a file in which "NA" is a country and "-" is a missing value, as a list in data.missing said until version 1.3."""
    countries, sizes = ("NA", "DE", "FR", "-"), [round(float(value), 2) for value in NUMBERS[:, 0]]
    lines = [f"{countries[row % 4]},{'-' if row % 7 == 3 else size},{'ab'[row % 4 == 0]}" for row, size in enumerate(sizes)]
    (folder / "rows.csv").write_text("\n".join(["country,size,kind", *lines, ""]))
    data = {"target": "kind", "missing": ["-"]}
    made = model([*layers(4), {"units": 1, "activation": "sigmoid"}], "binary_crossentropy", folder / "rows.csv", data=data)
    made.save(folder / "model.h5")
    rows = [{"country": country, "size": size} for country in countries for size in (None, 0.5)]
    keep(folder, "missing", made, rows, csv=(folder / "rows.csv").read_text(), of_csv=answers_of_file(made, folder / "rows.csv"))
    (folder / "rows.csv").unlink()


def learned(folder):
    """A model with embeddings of all kinds and factors of the inputs, since spec schema 6."""
    table = {name: values for name, values in TABLE.items() if name != "kind"}
    table |= {"other": NUMBERS[:, 1].round(3).tolist(), "code": [(7, 8, 9, 9)[row % 4] if row else 1 for row in range(40)]}
    embeddings = [
        {"type": "pbld", "frequencies": 4, "scale": 0.5},
        {"type": "category", "columns": ["colour", "code"], "units": 2},
        {"type": "periodic", "columns": "other", "frequencies": 3, "units": 2},
        {"type": "piecewise_linear", "columns": ["size", "other"], "bins": 4, "units": 2},
    ]
    network = {"embeddings": embeddings, "input_scale": True, "layers": [*layers(4), {"activation": "linear"}]}
    spec = {"network": network, "loss": "mse", "training": {"epochs": 20, "batch_size": 16}, "dtype": "float64"}
    spec["preprocessing"] = {"columns": {"colour": "embed", "code": "embed"}}
    made = mlpkit.train(spec, table, NUMBERS.sum(1))
    made.save(folder / "model.h5")
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    keep(folder, "learned", made, [*rows, {**rows[0], "colour": None, "code": 5}])


def answers_of_file(made, path):
    return {"predictions": made.predict(path).tolist(), "probabilities": made.predict_proba(path).tolist()}


def main(folder):
    for name, made, rows in models():
        made.save(folder / "model.h5")
        keep(folder, name, made, rows)
    unfinished(folder)
    own_missing(folder)
    learned(folder)
    ensemble(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
