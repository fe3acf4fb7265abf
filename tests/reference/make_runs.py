"""Make runs.npz: loss curves of PyTorch in float64 for 200 specs, which draw_runs.py draws from all options.

Run `python tests/reference/make_runs.py` with torch installed; the tests read only the file, so that they need no PyTorch. A spec whose
run is not finite in PyTorch, or whose loss grows to the 100-fold, is drawn again. Curves are those of 100 steps, or of 10 where the sign of
a rounding error decides on a step.
"""

import json
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from draw_runs import INPUTS, ROWS, draw
from make_losses import bce, categorical_focal, crammer_singer, cross_entropy, focal, pinball, rows_of, signs
from make_optimizers import double_precision
from torch import optim
from torch.nn import functional as F

SEED, RUNS, HELD_OUT, KEPT = 20, 200, 10, 5  # seed, runs, validation rows, epochs between two kept validation losses
BATCH = {"momentum": 0.9, "epsilon": 1e-5}


# -- the parts of a network


def named(part):
    """Name and options of a plugin."""
    return (part, {}) if isinstance(part, str) else (part["type"], {key: value for key, value in part.items() if key != "type"})


def halves(gate):
    return lambda z: z.chunk(2, 1)[0] * gate(z.chunk(2, 1)[1])


ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "relu6": F.relu6,
    "relu_squared": lambda z: F.relu(z) ** 2,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "squareplus": lambda z: (z + torch.sqrt(z**2 + 4)) / 2,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "lecun_tanh": lambda z: 1.7159 * torch.tanh(2 * z / 3),
    "log_sigmoid": F.logsigmoid,
    "hard_sigmoid": lambda z: F.relu6(z + 3) / 6,  # the derivative of F.hardsigmoid is 1/6 as float32, also in float64
    "hard_silu": F.hardswish,
    "hard_tanh": F.hardtanh,
    "tanh_shrink": F.tanhshrink,
    "soft_shrink": lambda z, threshold: F.softshrink(z, threshold),
    "hard_shrink": lambda z, threshold: F.hardshrink(z, threshold),
    "gaussian": lambda z: torch.exp(-(z**2)),
    "sine": lambda z, omega=1.0: torch.sin(omega * z),
    "glu": partial(F.glu, dim=1),
    "swiglu": halves(F.silu),
    "geglu": lambda z, approximate="none": halves(partial(F.gelu, approximate=approximate))(z),
    "reglu": halves(F.relu),
    "softmax": partial(F.softmax, dim=1),
    "log_softmax": partial(F.log_softmax, dim=1),
    "leaky_relu": F.leaky_relu,
    "exponential": torch.exp,
    "elu": F.elu,
    "celu": F.celu,
}
GATED = ("glu", "swiglu", "geglu", "reglu")


def each(function):
    return lambda y, t, **options: rows_of(function(y, t, reduction="none", **options))


LOSSES = {
    "mse": each(F.mse_loss),
    "mae": each(F.l1_loss),
    "huber": each(F.huber_loss),
    "smooth_l1": each(F.smooth_l1_loss),
    "log_cosh": lambda y, t: rows_of(torch.log(torch.cosh(y - t))),
    "mape": lambda y, t: rows_of(100 * (y - t).abs() / t.abs()),
    "msle": lambda y, t: rows_of((torch.log1p(y) - torch.log1p(t)) ** 2),
    "quantile": pinball,
    "gaussian_nll": lambda z, t, epsilon: rows_of(
        F.gaussian_nll_loss(z[:, ::2], t, F.softplus(z[:, 1::2]) + epsilon, eps=0, reduction="none")
    ),
    "poisson": each(F.poisson_nll_loss),
    "gamma": lambda z, t: rows_of(z + t * torch.exp(-z)),
    "tweedie": lambda z, t, power: rows_of(torch.exp((2 - power) * z) / (2 - power) + t * torch.exp((1 - power) * z) / (power - 1)),
    "cosine_similarity": lambda y, t: 1 - F.cosine_similarity(y, t),  # F.cosine_embedding_loss adds 1e-12 to squares of lengths
    "bce": lambda z, t, label_smoothing=0.0, pos_weight=1.0: bce(z, t, label_smoothing, pos_weight),
    "binary_focal": lambda z, t, gamma=2.0: focal(z, t, gamma, 0.25),
    "hinge": lambda z, t: rows_of(torch.relu(1 - signs(t) * z)),
    "squared_hinge": lambda z, t: rows_of(torch.relu(1 - signs(t) * z) ** 2),
    "cross_entropy": cross_entropy,
    "categorical_focal": lambda z, t, **options: categorical_focal(z, F.one_hot(t, z.shape[1]), **options),
    "categorical_hinge": crammer_singer,
    "kl_divergence": lambda z, t: F.kl_div(torch.log_softmax(z, 1), t, reduction="none").sum(1),
}
OF_PREACTIVATIONS = (
    "bce",
    "binary_focal",
    "hinge",
    "squared_hinge",
    "cross_entropy",
    "categorical_focal",
    "categorical_hinge",
    "kl_divergence",
)


def start(number, name, shape):
    """Initial weights: the rule that tests/training/test_runs.py has too."""
    u = np.random.default_rng([number, zlib.crc32(name.encode())]).uniform(-1, 1, shape)
    role = name.rpartition(".")[2]
    if role == "weight":
        return u * 1.5 / np.sqrt(shape[0])
    return {"scale": 1 + 0.2 * u, "slope": 0.25 + 0.1 * u, "mean": 0 * u, "variance": 1 + 0 * u}.get(role, 0.2 * u)


class Layer:
    """Tensors and running averages of a layer, and its outputs."""

    def __init__(self, options, number, index, inputs):
        self.options, self.trained = options, options.get("trainable", True)
        self.activation = named(options["activation"])
        self.normalization, self.norm = named(options.get("normalization") or "none")
        columns = options["units"] * (2 if self.activation[0] in GATED else 1)
        shapes = {"weight": (inputs, columns)}
        if options.get("bias", True) and self.normalization != "batch":
            shapes["bias"] = (columns,)
        if self.normalization != "none":
            shapes |= {"normalization.scale": (columns,), "normalization.shift": (columns,)}
        if self.normalization == "rms":
            del shapes["normalization.shift"]
        if self.activation[0] == "prelu":
            shapes["activation.slope"] = (options["units"],)
        made = {role: start(number, f"layers.{index}.{role}", shape) for role, shape in shapes.items()}
        made["weight"] = made["weight"].T.copy()  # (units, inputs) in PyTorch
        self.tensors = {role: torch.tensor(array, requires_grad=self.trained) for role, array in made.items()}
        self.running = [torch.zeros(columns), torch.ones(columns)]

    def normalized(self, z, training):
        scale, shift = (self.tensors.get(f"normalization.{role}") for role in ("scale", "shift"))
        if self.normalization == "batch":
            options = BATCH | self.norm
            learning = training and self.trained
            return F.batch_norm(z, *self.running, scale, shift, learning, 1 - options["momentum"], options["epsilon"])
        if self.normalization == "layer":
            return F.layer_norm(z, z.shape[1:], scale, shift, self.norm.get("epsilon", 1e-5))
        return F.rms_norm(z, z.shape[1:], scale, 1e-6) if self.normalization == "rms" else z

    def activated(self, z):
        name, options = self.activation
        return F.prelu(z, self.tensors["activation.slope"]) if name == "prelu" else ACTIVATIONS[name](z, **options)

    def product(self, x):
        return F.linear(x, self.tensors["weight"], self.tensors.get("bias"))


class Network:
    def __init__(self, layers, number):
        widths = [INPUTS, *(layer["units"] for layer in layers)]
        self.layers = [Layer(layer, number, index, widths[index]) for index, layer in enumerate(layers)]

    def outputs(self, x, training=False, fused=False):
        """Outputs, or pre-activations of the last layer for a fused loss."""
        values = [x]
        for layer in self.layers:
            z = layer.normalized(layer.product(values[-1]), training)
            if fused and layer is self.layers[-1]:
                return z
            residual = layer.options.get("residual")
            values.append(layer.activated(z) + (values[-residual] if residual else 0.0))
        return values[-1]

    def trained(self):
        return [(layer.options, role, tensor) for layer in self.layers if layer.trained for role, tensor in layer.tensors.items()]

    def measure(self, x):
        """Set the running averages of batch normalization to the moments of all rows, from the first layer to the last."""
        for layer in self.layers:
            if layer.normalization == "batch" and layer.trained:
                seen = []
                original, layer.normalized = layer.normalized, lambda z, _, seen=seen: seen.append(z) or z
                self.outputs(x)
                layer.normalized = original
                layer.running = [seen[0].mean(0), seen[0].var(0)]


# -- the training


class Lion(optim.Optimizer):
    """Algorithm 2 of 2302.06675, without its decay."""

    def __init__(self, params, lr, betas=(0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for w in group["params"]:
                m, (a, b) = self.state[w].setdefault("m", torch.zeros_like(w)), group["betas"]
                w -= group["lr"] * torch.sign(a * m + (1 - a) * w.grad)
                m.copy_(b * m + (1 - b) * w.grad)


RULES = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adamax": optim.Adamax,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rmsprop": optim.RMSprop,
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
    "rprop": optim.Rprop,
    "lion": Lion,
    "muon": partial(optim.Muon, weight_decay=0.0),
}
NAMES = {"epsilon": "eps", "rho": "alpha", "initial_accumulator": "initial_accumulator_value"}  # in PyTorch


def rule_of(name, options):
    """A PyTorch optimizer with mlpkit's options."""
    options = ({"rho": 0.9} if name == "rmsprop" else {}) | options
    if "beta1" in options or "beta2" in options:
        options["betas"] = options.pop("beta1", 0.9), options.pop("beta2", 0.999)
    names = NAMES | ({"rho": "rho"} if name == "adadelta" else {})
    return partial(RULES[name], **{names.get(key, key): value for key, value in options.items()})


def grouped(net, name, options, rate, decay, everything):
    """Optimizers with a group for each tensor: one, or for Muon one of matrices and Adam for the rest; "decay" is times the rate."""
    groups, others = [], []
    for layer, role, tensor in net.trained():
        factor = 0.015 if name == "muon" and role != "weight" else 1.0
        decays = role == "weight" or (everything and role != "activation.slope")
        own = decay * layer.get("decay_factor", 1.0) / factor if decays else 0.0
        group = {"params": [tensor], "lr": rate * layer.get("learning_rate_factor", 1.0) * factor}
        group |= {"weight_decay": own, "decay": 0.0} if name == "adamw" else {"decay": own}
        (groups if factor == 1.0 else others).append(group)
    return [*([rule_of(name, options)(groups, lr=rate)] if groups else []), *([optim.Adam(others)] if others else [])]


def first_rate(rate):
    """The constant or first learning rate, without a warm-up."""
    if isinstance(rate, float):
        return rate
    return first_rate(rate["then"]) if "then" in rate else rate["initial"] if "initial" in rate else rate["rates"][0]


PLATEAU = ("factor", "patience", "threshold", "cooldown")
BY_EPOCH = ("step", "piecewise", "reduce_on_plateau")  # other schedules change the rate at every step


def scheduler(o, kind, options, epochs, per_epoch):
    """PyTorch's schedule for an optimizer whose groups have their first rates."""
    total, lr = epochs * per_epoch, optim.lr_scheduler
    rates = [group["lr"] for group in o.param_groups]
    if kind == "cosine":
        final = options["final"] / options["initial"]
        return lr.LambdaLR(o, lambda step: final + (1 - final) * (1 + np.cos(np.pi * step / total)) / 2)
    if kind == "cyclic":
        most = [rate * options["maximum"] / options["initial"] for rate in rates]
        return lr.CyclicLR(o, rates, most, step_size_up=options["rise"] * per_epoch, cycle_momentum=False)
    if kind == "warmup":
        warm = options["epochs"] * per_epoch
        return lr.SequentialLR(o, [lr.LinearLR(o, 0.1, 1.0, warm), lr.CosineAnnealingLR(o, total - warm)], [warm])
    made = {
        "step": lambda: lr.StepLR(o, options["every"], options["gamma"]),
        "piecewise": lambda: lr.MultiStepLR(o, options["boundaries"], 0.5),
        "exponential": lambda: lr.ExponentialLR(o, options["gamma"] ** (1 / per_epoch)),
        "polynomial": lambda: lr.PolynomialLR(o, total, options["power"]),
        "linear": lambda: lr.LinearLR(o, 1.0, 0.2, total),
        "cosine_restarts": lambda: lr.CosineAnnealingWarmRestarts(o, options["period"] * per_epoch, options["factor"]),
        "reduce_on_plateau": lambda: lr.ReduceLROnPlateau(o, **{key: options[key] for key in PLATEAU if key in options}),
    }
    return made[kind]()


class Training:
    """A run of a spec: penalties, clipping, decay, the rule, constraints and the average, in this order."""

    def __init__(self, drawn, number, data):
        self.spec, self.data = drawn["spec"], data
        self.net = Network(self.spec["network"]["layers"], number)
        name, options = named(self.spec["optimizer"])
        rate = options.pop("learning_rate")
        kind, self.schedule = ("constant", {}) if isinstance(rate, float) else named(rate)
        options_of_training = self.spec["training"]
        own = options.pop("weight_decay", 0.01 if name == "adamw" else 0.0)
        decay = options_of_training.get("weight_decay", 0.0) or own, options_of_training.get("decay_all", False)
        batch = options_of_training["batch_size"]
        self.size = batch if isinstance(batch, int) else ROWS
        self.rows = ROWS // self.size * self.size if options_of_training.get("drop_last") else ROWS
        self.per_epoch, self.kind = -(-self.rows // self.size), kind
        self.optimizers = grouped(self.net, name, options, first_rate(rate), *decay)
        made = [] if kind == "constant" else self.optimizers
        self.schedulers = [scheduler(each, kind, self.schedule, options_of_training["epochs"], self.per_epoch) for each in made]
        self.loss, self.loss_options = named(self.spec["loss"])
        self.average, self.share = [torch.zeros_like(tensor) for _, _, tensor in self.net.trained()], 0.0

    def losses(self, x, t, training=False):
        outputs = self.net.outputs(x, training, self.loss in OF_PREACTIVATIONS)
        return LOSSES[self.loss](outputs, t, **self.loss_options)

    def step(self, rows):
        x, t, weights = (self.data[key][rows] for key in ("x", "t", "weights"))
        for _, _, tensor in self.net.trained():
            tensor.grad = None
        loss = (weights * self.losses(x, t, training=True)).sum()
        (loss / len(x) + self.penalty()).backward()
        with torch.no_grad():
            for _, _, tensor in self.net.trained():  # a tensor without effect, such as the weights of a dead network
                tensor.grad = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            self.clip()
            self.shrink()
            for optimizer in self.optimizers:
                optimizer.step()
            self.constrain()
        return loss.item()

    def penalty(self):
        weights = [(layer, tensor) for layer, role, tensor in self.net.trained() if role == "weight"]
        return sum(layer.get("l1", 0) * w.abs().sum() + layer.get("l2", 0) * (w**2).sum() for layer, w in weights)

    def clip(self):
        value, norm = (self.spec["training"].get(key) for key in ("clip_value", "clip_norm"))
        grads = [tensor.grad for _, _, tensor in self.net.trained()]
        if value is not None:
            for grad in grads:
                grad.clamp_(-value, value)
        if norm is not None:
            factor = min(1.0, norm / torch.sqrt(sum((grad**2).sum() for grad in grads)))
            for grad in grads:
                grad *= factor

    def shrink(self):
        """Decoupled weight decay, which AdamW has itself."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["params"][0].mul_(1 - group["lr"] * group["decay"])

    def constrain(self):
        for layer, role, w in self.net.trained():
            kind, options = named(layer.get("weight_constraint") or "none")
            if role == "weight" and kind == "non_negative":
                w.clamp_(min=0.0)
            elif role == "weight" and kind != "none":
                norms = w.norm(dim=1, keepdim=True)
                w /= norms if kind == "unit_norm" else (norms / options["value"]).clamp(min=1.0)

    def run(self):
        """Mean losses of the epochs on training rows, and on the validation rows after each."""
        found, validation, epochs = [], [], self.spec["training"]["epochs"]
        for epoch in range(epochs):
            total = 0.0
            for begin in range(0, self.rows, self.size):
                total += self.step(slice(begin, min(begin + self.size, self.rows)))
                for each in self.schedulers if self.kind not in BY_EPOCH else []:
                    each.step()
                self.collect(epoch, epochs, last=begin + self.size >= self.rows)
            found.append(total / self.rows)
            validation.append(self.validate())
            for each in self.schedulers if self.kind in BY_EPOCH else []:
                monitored = found[-1] if self.schedule.get("monitor") == "loss" else validation[-1]
                each.step(monitored) if self.kind == "reduce_on_plateau" else each.step()
        return np.array(found), np.array(validation)

    def collect(self, epoch, epochs, last):
        """Average the weights, as the docstrings of `ema` and `swa` say."""
        kind, options = named(self.spec["training"].get("average") or "none")
        decay = options.get("decay")
        if kind == "ema":
            self.average = [decay * a + (1 - decay) * w.detach() for a, (_, _, w) in zip(self.average, self.net.trained(), strict=True)]
            self.share = decay * self.share + 1 - decay
        elif kind == "swa" and last and epoch + 1 >= max(1, np.ceil(0.75 * epochs)):
            self.average = [a + w.detach() for a, (_, _, w) in zip(self.average, self.net.trained(), strict=True)]
            self.share += 1

    @torch.no_grad()
    def validate(self):
        """The validation loss, with the averaged weights if there are any."""
        tensors = [tensor for _, _, tensor in self.net.trained()]
        kept, running = [tensor.clone() for tensor in tensors], [layer.running for layer in self.net.layers]
        if self.share:
            for tensor, average in zip(tensors, self.average, strict=True):
                tensor.copy_(average / self.share)
            self.net.measure(self.data["x"])
        loss = self.losses(self.data["held_x"], self.data["held_t"]).mean().item()
        for tensor, old in zip(tensors, kept, strict=True):
            tensor.copy_(old)
        for layer, old in zip(self.net.layers, running, strict=True):
            layer.running = old
        return loss


# -- data and file


def rows_and_targets():
    rng, count = np.random.default_rng(SEED), ROWS + HELD_OUT
    x = rng.uniform(-1.5, 1.5, (count, INPUTS))
    y = 0.6 * np.sin(x[:, :3]) + 0.2 * x[:, [3]] + 0.1 * rng.uniform(-1, 1, (count, 3))  # between -1 and 1
    found = {"x": x, "weights": rng.uniform(0.2, 2.0, ROWS), "numbers": y, "several": y, "nonzero": np.sign(y) * (0.5 + np.abs(y))}
    found |= {"nonnegative": np.maximum(y, 0), "positive": np.exp(y), "counts": np.floor(np.exp(1 + y)), "labels": (y > 0.2).astype(int)}
    shares = np.exp(y)
    return found | {"label": (y[:, :1] > 0.2).astype(int), "classes": y.argmax(1), "shares": shares / shares.sum(1, keepdims=True)}


def data_of(drawn, found):
    """Tensors of a run; weights have a mean of 1."""
    kind = drawn["kind"]
    t = found[kind] if kind == "classes" else found[kind][:, : drawn["targets"]].astype(float)
    weights = found["weights"].copy() if drawn["weighted"] else np.ones(ROWS)
    by_class = drawn["spec"]["data"].get("class_weight")
    if by_class:
        labels = found[kind][:ROWS].reshape(-1)
        total = np.bincount(labels, weights)
        weights *= (weights.sum() / len(total) / total)[labels] if by_class == "balanced" else np.array([1.0, 4.0, 1.0])[labels]
    arrays = {"x": found["x"][:ROWS], "t": t[:ROWS], "held_x": found["x"][ROWS:], "held_t": t[ROWS:], "weights": weights / weights.mean()}
    return {key: torch.tensor(array) for key, array in arrays.items()}


def sensitive(spec):
    """True if a rounding error may become a step of full length, or another learning rate."""
    rate = spec["optimizer"]["learning_rate"]
    return spec["optimizer"]["type"] in ("rprop", "lion", "muon") or (isinstance(rate, dict) and rate["type"] == "reduce_on_plateau")


def whole_run(number, found):
    """The spec of a number and its curves, from the first attempt that stays finite."""
    for attempt in range(20):
        drawn = draw(SEED, number, attempt)
        if not any(layer.get("trainable", True) for layer in drawn["spec"]["network"]["layers"]):
            continue
        losses, validation = Training(drawn, number, data_of(drawn, found)).run()
        if np.isfinite([*losses, *validation]).all() and np.abs(losses).max() < 100 * max(1.0, abs(losses[0])):
            return drawn, losses, validation
    raise RuntimeError(f"no run of number {number} is finite")


def main(folder):
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    found = rows_and_targets()
    arrays, specs = {f"data/{key}": array for key, array in found.items()}, []
    with double_precision():
        for number in range(RUNS):
            drawn, losses, validation = whole_run(number, found)
            specs.append(drawn)
            epochs = len(losses) // 10 if sensitive(drawn["spec"]) else len(losses)
            arrays |= {f"{number}/losses": losses[:epochs], f"{number}/validation": validation[KEPT - 1 : epochs : KEPT]}
    text = np.frombuffer(json.dumps({"seed": SEED, "runs": specs}).encode(), np.uint8)
    print(f"seed {SEED}: {sum(drawn['attempt'] > 0 for drawn in specs)} of {RUNS} specs drawn again")
    np.savez_compressed(folder / "runs.npz", specs=text, **arrays)


if __name__ == "__main__":
    main(Path(__file__).parent)
