"""Predicts by the rules of models/FORMAT.md alone, with h5py or with pyfive: `python predict.py LIBRARY MODEL ROWS [MODEL ROWS ...]`.

ROWS is a JSON file with a list of rows; each has a value by column: a number, a text, true or false, null where one is
missing, or a list of values for a block. A line of JSON is printed for each model: its predictions and what they come from.
"""

import datetime
import hashlib
import importlib
import json
import math
import re
import sys

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gelu(z, approximate):
    inner = np.vectorize(math.erf)(z / math.sqrt(2)) if approximate == "none" else np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))
    return z * (1 + inner) / 2


def gated(z, function):
    a, b = np.hsplit(z, 2)
    return a * function(b)


def continuation_ratio(z):
    above = np.cumprod(np.hstack([np.ones((len(z), 1)), sigmoid(z[:, :-1])]), axis=1)
    return above * np.hstack([sigmoid(-z[:, :-1]), np.ones((len(z), 1))])


SELU = 1.6732632423543772, 1.0507009873554805
ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z, negative_slope: np.where(z > 0, z, negative_slope * z),
    "prelu": lambda z, slope, initial=None: np.where(z > 0, z, slope * z),
    "relu6": lambda z: np.clip(z, 0, 6),
    "relu_squared": lambda z: np.maximum(z, 0) ** 2,
    "elu": lambda z, alpha: np.where(z > 0, z, alpha * (np.exp(z) - 1)),
    "celu": lambda z, alpha: np.where(z > 0, z, alpha * (np.exp(z / alpha) - 1)),
    "selu": lambda z: SELU[1] * np.where(z > 0, z, SELU[0] * (np.exp(z) - 1)),
    "exponential": np.exp,
    "gelu": gelu,
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z, beta, threshold: np.where(beta * z > threshold, z, np.log(1 + np.exp(beta * z)) / beta),
    "squareplus": lambda z, b: (z + np.sqrt(z**2 + b)) / 2,
    "softsign": lambda z: z / (1 + np.abs(z)),
    "lecun_tanh": lambda z: 1.7159 * np.tanh(2 * z / 3),
    "log_sigmoid": lambda z: -np.log(1 + np.exp(-z)),
    "hard_sigmoid": lambda z: np.clip(z + 3, 0, 6) / 6,
    "hard_silu": lambda z: z * np.clip(z + 3, 0, 6) / 6,
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "tanh_shrink": lambda z: z - np.tanh(z),
    "soft_shrink": lambda z, threshold: z - np.clip(z, -threshold, threshold),
    "hard_shrink": lambda z, threshold: np.where(np.abs(z) > threshold, z, 0),
    "gaussian": lambda z: np.exp(-(z**2)),
    "sine": lambda z, omega: np.sin(omega * z),
    "glu": lambda z: gated(z, sigmoid),
    "swiglu": lambda z: gated(z, lambda b: b * sigmoid(b)),
    "geglu": lambda z, approximate: gated(z, lambda b: gelu(b, approximate)),
    "reglu": lambda z: gated(z, lambda b: np.maximum(b, 0)),
    "softmax": lambda z: np.exp(z - z.max(axis=1, keepdims=True)) / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True),
    "log_softmax": lambda z: z - np.log(np.exp(z).sum(axis=1, keepdims=True)),
    "continuation_ratio": continuation_ratio,
}


def read(library, path):
    """Manifest, spec and arrays by path, after every digest has been verified."""
    with importlib.import_module(library).File(path, "r") as file:
        raw = file["manifest"][()].tobytes()
        assert hashlib.sha256(raw).hexdigest() == file.attrs["manifest_sha256"].decode()
        manifest = json.loads(raw)
        arrays = {entry["path"]: file[entry["path"].removeprefix("/")][()] for entry in manifest["objects"]}
    for entry in manifest["objects"]:
        array = arrays[entry["path"]]
        assert (list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()) == (entry["shape"], entry["sha256"]), entry["path"]
    return manifest, json.loads(arrays["/spec"].tobytes()), arrays


def number(value, missing):
    if value is None or value in missing:
        return np.nan
    return float({"true": 1, "false": 0}.get(str(value).lower(), value))


def date_numbers(value, parts, missing):
    if value is None or value in missing:
        return [np.nan] * len(parts)
    moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    moment = moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo else moment
    midnight = datetime.datetime(moment.year, moment.month, moment.day)
    days, fraction = (midnight - datetime.datetime(1970, 1, 1)).days, (moment - midnight) / datetime.timedelta(days=1)
    year, hour = 2 * math.pi * (moment.timetuple().tm_yday - 1) / 365.25, 2 * math.pi * fraction
    known = {"days": days + fraction, "year": moment.year, "month": moment.month, "weekday": moment.weekday()}
    known |= {"day_of_year_sine": math.sin(year), "day_of_year_cosine": math.cos(year)}
    known |= {"hour_sine": math.sin(hour), "hour_cosine": math.cos(hour)}
    return [known[part] for part in parts]


BLANKS, MAGNITUDES = " \t\u00a0\u2009\u202f", {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9}


def signed(text):
    if text[:1] == "(" and text[-1:] == ")":
        return -1, text[1:-1].strip(BLANKS)
    return ({"-": -1, "+": 1}[text[0]], text[1:].strip(BLANKS)) if text[:1] in ("-", "+") else (0, text)


def written(text, unit, decimal, magnitudes):
    sign, text = signed(text.strip(BLANKS).replace("\u2212", "-").replace("\u2013", "-"))
    spellings = sorted(filter(None, unit), key=len, reverse=True)
    text = text.removeprefix(next((one for one in spellings if text.startswith(one)), "")).strip(BLANKS)
    text = text.removesuffix(next((one for one in spellings if text.endswith(one)), "")).strip(BLANKS)
    sign, text = (sign, text) if sign else signed(text)
    magnitude = magnitudes and re.search("(?i)(?<=[0-9., \t\u00a0\u2009\u202f])(k|mn?|bn?)$", text)
    text, power = (text[: magnitude.start()].strip(BLANKS), MAGNITUDES[magnitude[0].lower()]) if magnitude else (text, 0)
    text = re.sub("(?<=[0-9])[.,] ?[-\u2014]{1,2}$", "", text)
    other, indian = (",", "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}") if decimal == "." else (".", "")
    groups = rf"[1-9][0-9]{{0,2}}([{other}'\u2019 \u00a0\u2009\u202f])[0-9]{{3}}(?:\2[0-9]{{3}})*"
    whole, fraction = re.fullmatch(rf"(?=.*[0-9])((?:{groups}{indian}|[0-9]*))(?:[{decimal}]([0-9]*))?", text).group(1, 3)
    return (sign or 1) * float(f"{re.sub('[^0-9]', '', whole) or 0}.{fraction or 0}e{power}")


def raw_numbers(column, value, missing):
    if column["kind"] == "date":
        return date_numbers(value, column["parts"], missing)
    if "notation" in column and isinstance(value, str) and value not in missing:
        words = column["notation"].get("true")
        return [float(value.strip(BLANKS).lower() in words) if words else written(value, **column["notation"])]
    return [number(each, missing) for each in np.atleast_1d(value).tolist()]


def category(value, missing):
    text = str(int(value)) if isinstance(value, float) and value == int(value) else value
    return None if text is None or text in missing else str(text)


def mapped(columns, arrays, scaled):
    """Scaled values with normal scores and clipping, and the places in the bins of each value."""
    columns = [column for column in columns if column["kind"] != "category" for _ in range(column["width"])]
    counts = arrays.get("/preprocess/inputs/knot_counts", np.zeros(len(columns), int))
    knots, scores = (list(arrays.get(f"/preprocess/inputs/{name}", [])) for name in ("knots", "scores"))
    places = []
    for value, column, count in zip(scaled.T, columns, counts.tolist(), strict=True):
        points, knots = np.array(knots[:count]), knots[count:]
        if count and column["treatment"] == "quantile":
            value[:], scores = np.interp(value, points, scores[:count]), scores[count:]
        elif count:
            places.append(np.clip((value[:, None] - points[:-1]) / np.diff(points), 0, 1))
        clip = column.get("clip")
        if clip is not None:
            value[:] = value / np.sqrt(1 + (value / 3) ** 2) if clip == "smooth" else np.clip(value, -clip, clip)
    return scaled, places


def encode(inputs, arrays, rows):
    """The inputs of the network for rows of values by column."""
    missing, parts = inputs["missing"], []
    plain = [column for column in inputs["columns"] if column["kind"] != "category"]
    if plain:
        fill, center, scale = (arrays[f"/preprocess/inputs/{name}"] for name in ("fill", "center", "scale"))
        values = np.array([[value for column in plain for value in raw_numbers(column, row[column["name"]], missing)] for row in rows])
        gaps = np.isnan(values)
        values[gaps] = np.broadcast_to(fill, values.shape)[gaps]
        if "/preprocess/inputs/lower" in arrays:
            values = np.clip(values, arrays["/preprocess/inputs/lower"], arrays["/preprocess/inputs/upper"])
        scaled, places = mapped(inputs["columns"], arrays, (values - center) / scale)
        parts += [scaled, gaps[:, arrays.get("/preprocess/inputs/gaps", [])], *places]
    for column in inputs["columns"]:
        if column["kind"] != "category":
            continue
        texts = [category(row[column["name"]], missing) for row in rows]
        known = column["categories"]
        if column["treatment"] == "embed":
            parts.append(np.array([[known.index(text) if text in known else len(known)] for text in texts]))
        else:
            parts.append(np.array([[text == one for one in known] for text in texts]))
    x = np.hstack(parts).astype(float)
    x[:, inputs.get("zeros", [])] = 0
    return x


def embedded(options, parts, x):
    """The values of an embedding for encoded inputs, row by row."""
    values, (kind, turn) = [], (options["type"], 2 * math.pi)
    for n, index in enumerate(options["inputs"]):
        v = x[:, [index]]
        if kind == "category":
            start, levels = sum(options["levels"][:n]) + n, options["levels"][n]
            known = (v >= 0) & (v < levels) & (v == np.floor(v))
            values.append(parts["weight"][start + np.where(known, v, levels).astype(int)[:, 0]])
            continue
        if kind == "pbld":
            features = np.cos(turn * parts["frequency"][n] * v + parts["phase"][n])
        elif kind == "periodic":
            features = np.hstack([np.sin(turn * parts["frequency"][n] * v), np.cos(turn * parts["frequency"][n] * v)])
        else:
            edges = parts["edges"][n]
            features = np.clip((v - edges[:-1]) / np.diff(edges), 0, 1)
        mapped = parts["bias"][n] + features @ parts["weight"][n]
        values.append(np.maximum(mapped, 0) if kind == "periodic" else mapped)
    return np.hstack([np.empty((len(x), 0)), *values])


def first_inputs(network, arrays, x):
    """The inputs of the first layer."""
    embeddings = network.get("embeddings", [])
    codes = {index for options in embeddings if options["type"] == "category" for index in options["inputs"]}
    values = [x[:, [index for index in range(x.shape[1]) if index not in codes]]]
    for number, options in enumerate(embeddings):
        folder = f"/tensors/embeddings.{number}/"
        parts = {path.removeprefix(folder): array.astype(float) for path, array in arrays.items() if path.startswith(folder)}
        values.append(embedded(options, parts, x))
    return np.hstack(values)


def members_of(spec, arrays, training):
    """The prefixes of the tensors of each member of an ensemble; of an unfinished run only those with a row in the history."""
    if "ensemble" not in spec:
        return [""]
    members = range(spec["ensemble"]["members"])
    begun = {int(number) for number in arrays["/history/member"]} if training else set()
    return [f"members.{number}." for number in members if number in begun or not begun]


def own(arrays, member):
    """The arrays of a member of an ensemble by the paths that they have without one."""
    return {path.replace(f"/tensors/{member}", "/tensors/"): array for path, array in arrays.items()}


def forward(spec, arrays, x):
    """The outputs of the network, in float64."""
    x = first_inputs(spec["network"], arrays, x)
    inputs = [x]  # of each layer
    for index, layer in enumerate(spec["network"]["layers"]):
        name = f"/tensors/layers.{index}"
        scaled = x * arrays[f"{name}/input_scale"] if f"{name}/input_scale" in arrays else x
        z = scaled @ arrays[f"{name}/weight"].astype(float) + arrays.get(f"{name}/bias", np.zeros(1)).astype(float)
        if options := layer["normalization"]:
            batch = options["type"] == "batch"
            part = {
                path.rpartition("/")[2]: array.astype(float) for path, array in arrays.items() if path.startswith(f"{name}.normalization/")
            }
            mean, variance = (part["mean"], part["variance"]) if batch else (z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True))
            if options["type"] == "rms":
                mean, variance = 0.0, (z**2).mean(axis=1, keepdims=True)
            z = (z - mean) / np.sqrt(variance + options["epsilon"]) * part["scale"] + part.get("shift", 0.0)
        activation = layer["activation"]
        options = {"type": activation} if isinstance(activation, str) else dict(activation)
        options |= {
            path.rpartition("/")[2]: array.astype(float) for path, array in arrays.items() if path.startswith(f"{name}.activation/")
        }
        kind = options.pop("type")
        if kind not in ACTIVATIONS:
            raise SystemExit(f"layer {index} has the activation {kind}, which this reader does not know")
        x = ACTIVATIONS[kind](z, **options)
        if back := layer.get("residual"):
            x = x + inputs[-back]
        inputs.append(x)
    return x


LOG_MEAN = ("poisson", "gamma", "tweedie")


def main_output(loss):
    """The number of the output of each target that is its prediction: of several quantiles the one nearest to the median."""
    away = [round(abs(share - 0.5), 12) for share in loss.get("quantiles", [0.5])]
    return away.index(min(away))


def scores_of(target, arrays, outputs, loss):
    """The probabilities or values that predictions come from."""
    if target["task"] == "multilabel":
        return outputs
    if target["form"] == "numbers":
        loss = {"type": loss} if isinstance(loss, str) else loss
        outputs = outputs[:, main_output(loss) :: target.get("outputs_per_target", 1)]  # of gaussian_nll, the means
        values = outputs * arrays["/preprocess/target/scale"] + arrays["/preprocess/target/center"]
        values = np.exp(outputs) if loss["type"] in LOG_MEAN else values
        if "/preprocess/target/lower" in arrays:
            values = np.clip(values, arrays["/preprocess/target/lower"], arrays["/preprocess/target/upper"])
        return values
    return np.hstack([1 - outputs, outputs]) if target["form"] == "binary" else outputs


def decode(target, scores):
    """Predictions from probabilities or values."""
    if target["task"] == "multilabel":
        return (scores > 0.5).astype(int)
    if target["form"] == "numbers":
        return scores
    if "threshold" in target:
        return [target["classes"][int(second > target["threshold"])] for second in scores[:, 1]]
    return [target["classes"][best] for best in scores.argmax(axis=1)]


def main(library, *files):
    for model, table in zip(files[::2], files[1::2], strict=True):
        manifest, spec, arrays = read(library, model)
        with open(table, encoding="utf-8") as file:
            x = encode(manifest["preprocessing"]["inputs"], arrays, json.load(file))
        target, members = manifest["preprocessing"]["target"], members_of(spec, arrays, manifest.get("training"))
        scores = np.mean([scores_of(target, arrays, forward(spec, own(arrays, member), x), spec["loss"]) for member in members], axis=0)
        print(json.dumps({"predictions": np.asarray(decode(target, scores)).tolist(), "scores": scores.tolist()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
