"""The loop: what it yields, when it stops, which weights it leaves, and that a step allocates nothing."""

import gc
import math
import tracemalloc
from contextlib import closing, nullcontext
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit.data.dataset import Dataset
from mlpkit.engine.network import Network
from mlpkit.engine.workspace import Workspace
from mlpkit.optimizers import Adam
from mlpkit.plugin import Activation, Loss, Optimizer
from mlpkit.spec import Spec
from mlpkit.threads import one_thread
from mlpkit.training.divergence import divergence
from mlpkit.training.evaluation import mean_loss
from mlpkit.training.random_generators import random_stream
from mlpkit.training.run import Run

RNG = np.random.default_rng(3)
ROWS = RNG.standard_normal((50, 3))
TARGETS = np.tanh(ROWS @ RNG.standard_normal((3, 2)))


def epochs(network, spec, train, validation=None, measure=None, stop=None):
    with closing(Run(network, spec, train, validation, measure, stop, done=0)) as run:
        while (epoch := run.next_epoch()) is not None:
            yield epoch


def make(training=None, last="linear", hidden=None, **changes):
    layers = [{"units": 6, "activation": "tanh", **(hidden or {})}, {"units": 2, "activation": last}]
    spec = {"dtype": "float64", "network": {"inputs": 3, "layers": layers}, "loss": "mse", "training": training or {"epochs": 5}, **changes}
    spec = Spec.model_validate(spec)
    network = Network(spec.network, spec.dtype)
    network.initialize(random_stream(spec.seed, "weights"))
    return network, spec


def run(network, spec, rows=40, weights=None, measure=None, stop=None):
    """Train on the first rows, validate on the rest."""
    train = Dataset(ROWS[:rows], TARGETS[:rows], weights)
    return epochs(network, spec, train, Dataset(ROWS[40:], TARGETS[40:]), measure, stop)


def test_epochs_are_numbered_and_measured():
    network, spec = make({"epochs": 3}, optimizer={"type": "adam", "learning_rate": 0.02})
    records = list(run(network, spec, measure=lambda answers, network: {"spread": float(answers.outputs.std())}))
    assert [record.number for record in records] == [1, 2, 3]
    assert all(record.learning_rate == 0.02 and record.seconds > 0 and record.metrics.keys() == {"spread"} for record in records)
    errors = (network.predict(ROWS[40:]) - TARGETS[40:]) ** 2
    assert records[-1].validation_loss == pytest.approx(errors.mean(), rel=1e-12)


def test_the_loss_of_an_epoch_is_measured_before_its_steps():
    network, spec = make({"epochs": 1, "batch_size": None})
    before = ((network.predict(ROWS[:40]) - TARGETS[:40]) ** 2).mean()
    assert next(run(network, spec)).loss == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize(
    "training", [{"batch_size": 7}, {"batch_size": 40}, {"batch_size": None}, {"batch_size": 1000}, {"shuffle": False}]
)
def test_the_same_seed_gives_the_same_bits(training):
    vectors = []
    for _ in range(2):
        network, spec = make({"epochs": 4, **training}, hidden={"dropout": 0.3, "normalization": "batch"})
        list(run(network, spec))
        vectors.append(network.parameters.vector.copy())
    np.testing.assert_array_equal(*vectors)


def test_another_seed_gives_other_weights():
    first, second = make(seed=1)[0], make(seed=2)[0]
    assert not np.array_equal(first.parameters.vector, second.parameters.vector)


def test_batches_follow_the_shuffled_order_and_the_optimizer_written_out():
    network, spec = make({"epochs": 2, "batch_size": 16}, optimizer={"type": "sgd", "learning_rate": 0.1})
    reference, _ = make()
    list(run(network, spec))
    rng = random_stream(0, "shuffle")
    weight0, weight1, bias0, bias1 = (reference.parameters.views[f"layers.{i}.{n}"] for n in ("weight", "bias") for i in (0, 1))
    for _ in range(2):
        order = np.arange(40)
        rng.shuffle(order)
        for start in range(0, 40, 16):
            x, t = ROWS[order[start : start + 16]], TARGETS[order[start : start + 16]]
            a = np.tanh(x @ weight0 + bias0)
            d1 = (a @ weight1 + bias1 - t) * 2 / 2 / len(x)
            d0 = (d1 @ weight1.T) * (1 - a * a)
            for parameter, gradient in ((weight1, a.T @ d1), (bias1, d1.sum(0)), (weight0, x.T @ d0), (bias0, d0.sum(0))):
                parameter -= 0.1 * gradient
    np.testing.assert_allclose(network.parameters.vector, reference.parameters.vector, rtol=1e-12)


def test_a_row_of_weight_two_counts_like_two_rows():
    training = {"epochs": 30, "batch_size": None}
    weights = np.where(np.arange(40) < 10, 2.0, 1.0)
    weighted, spec = make(training)
    list(run(weighted, spec, weights=weights / weights.mean()))
    twice, spec = make(training)
    rows = np.concatenate([np.arange(40), np.arange(10)])
    list(epochs(twice, spec, Dataset(ROWS[rows], TARGETS[rows])))
    np.testing.assert_allclose(weighted.parameters.vector, twice.parameters.vector, rtol=1e-9)


def test_weights_of_one_change_no_bit():
    plain, spec = make()
    list(run(plain, spec))
    weighted, spec = make()
    list(run(weighted, spec, weights=np.ones(40)))
    np.testing.assert_array_equal(plain.parameters.vector, weighted.parameters.vector)


STOPPING = {"epochs": 500, "early_stopping": {"patience": 3}}
FAST = {"type": "adam", "learning_rate": 0.3}


def best_of(network, records):
    """The vector after the record with the lowest validation loss, and that loss; records is consumed."""
    kept = (math.inf, None)
    for record in records:
        if record.validation_loss < kept[0]:
            kept = record.validation_loss, network.parameters.vector.copy()
    return kept


def test_early_stopping_waits_and_restores_the_best():
    network, spec = make(STOPPING, optimizer=FAST)
    losses = []

    def watched():
        for record in run(network, spec):
            losses.append(record.validation_loss)
            yield record

    best, vector = best_of(network, watched())
    assert len(losses) < 500
    assert losses.index(best) == len(losses) - 4
    np.testing.assert_array_equal(network.parameters.vector, vector)


def test_early_stopping_on_a_metric_where_more_is_better():
    network, spec = make({"epochs": 50, "early_stopping": {"patience": 2, "monitor": "r2"}}, metrics=["r2"])
    values = iter([0.1, 0.5, 0.9, 0.8, 0.7, 1.0])
    vectors = []
    for _ in run(network, spec, measure=lambda outputs, network: {"r2": next(values)}):
        vectors.append(network.parameters.vector.copy())
    assert len(vectors) == 5
    np.testing.assert_array_equal(network.parameters.vector, vectors[2])


def test_a_metric_that_is_nan_is_no_improvement_and_no_end():
    network, spec = make({"epochs": 4, "early_stopping": {"patience": 3, "monitor": "r2"}}, metrics=["r2"])
    values, vectors = iter([math.nan, 0.1, 0.2, math.nan]), []
    for _ in run(network, spec, measure=lambda outputs, network: {"r2": next(values)}):
        vectors.append(network.parameters.vector.copy())
    np.testing.assert_array_equal(network.parameters.vector, vectors[2])


def test_the_monitored_training_loss_is_that_of_the_weights_that_are_kept():
    training = {"epochs": 20, "batch_size": None, "early_stopping": {"patience": 20, "monitor": "training_loss"}}
    network, spec = make(training, optimizer={"type": "sgd", "learning_rate": 2.5})
    data = Dataset(ROWS, TARGETS)
    losses = [record.metrics["training_loss"] for record in epochs(network, spec, data)]
    assert losses.index(min(losses)) < len(losses) - 1
    assert mean_loss(network, spec.loss, data)[0] == min(losses)


def test_min_delta_asks_for_more_than_a_little():
    network, spec = make({"epochs": 50, "early_stopping": {"patience": 2, "monitor": "r2", "min_delta": 0.1}}, metrics=["r2"])
    values = iter([0.1, 0.15, 0.19, 0.9])
    assert len(list(run(network, spec, measure=lambda outputs, network: {"r2": next(values)}))) == 3


@pytest.mark.parametrize("end", ["break", "exception", "last epoch", "stop"])
def test_the_best_weights_are_restored_whatever_ended_the_run(end):
    steps = 6
    network, spec = make(
        {"epochs": steps, "early_stopping": {"patience": 100}, "batch_size": None}, optimizer={"type": "sgd", "learning_rate": 2.5}
    )
    done, vectors = [], []

    def consume():
        for record in run(network, spec, stop=lambda: end == "stop" and len(done) == steps - 1):
            done.append(record.validation_loss)
            vectors.append(network.parameters.vector.copy())
            if end == "exception" and len(done) == steps - 1:
                raise KeyboardInterrupt
            if end == "break" and len(done) == steps - 1:
                break

    if end == "exception":
        with pytest.raises(KeyboardInterrupt):
            consume()
    else:
        consume()
    gc.collect()
    best = int(np.argmin(done))
    assert best < len(done) - 1, "the run must end on weights that are not the best"
    np.testing.assert_array_equal(network.parameters.vector, vectors[best])


def test_stop_ends_the_run_between_two_batches():
    network, spec = make({"epochs": 5, "batch_size": 8})
    asked = []
    records = list(run(network, spec, stop=lambda: len(asked) == 7 or asked.append(1)))
    assert len(records) == 1, "five batches are an epoch; the run ended in the second"


@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_a_run_that_diverges_names_epoch_layer_and_remedy(activation):
    network, spec = make(
        {"epochs": 200}, hidden={"activation": activation}, optimizer={"type": "sgd", "learning_rate": 1e6}, dtype="float32"
    )
    data = Dataset(ROWS.astype("f4"), TARGETS.astype("f4"))
    with pytest.raises(
        mlpkit.TrainingError, match=r"the loss became (nan|inf) in epoch \d+ of 200; the (parameters|outputs) of layer \d"
    ) as caught:
        list(epochs(network, spec, data))
    assert "learning rate (it was 1e+06)" in caught.value.help


@pytest.mark.parametrize(("activation", "part"), [("prelu", "activation"), ("glu", "weight")])
def test_the_diagnosis_counts_units_and_sees_every_parameter(activation, part):
    network, spec = make(hidden={"activation": activation})
    views = [view for name, view in network.parameters.views.items() if name.startswith(f"layers.0.{part}")]
    views[0].flat[0] = np.nan
    error = divergence(network, spec, ROWS, math.nan, "in epoch 1 of 5", 0.1)
    assert f"the parameters of layer 0 ({activation}, 6 units) are no longer finite" in error.message


def test_a_diverged_run_with_early_stopping_leaves_the_best_weights():
    network, spec = make(
        {"epochs": 200, "early_stopping": {"patience": 100}}, optimizer={"type": "sgd", "learning_rate": 1e3}, hidden={"activation": "relu"}
    )
    vectors = [network.parameters.vector.copy()]
    with pytest.raises(mlpkit.TrainingError):
        best_of(network, run(network, spec))
    assert np.isfinite(network.parameters.vector).all()
    assert len(vectors) == 1


def test_divergence_in_the_last_step_is_noticed():
    network, spec = make({"epochs": 1, "batch_size": None}, optimizer={"type": "sgd", "learning_rate": 1e300}, dtype="float32")
    with pytest.raises(mlpkit.TrainingError, match="epoch 1 of 1; the parameters of layer 0"):
        list(epochs(network, spec, Dataset(ROWS.astype("f4"), TARGETS.astype("f4"))))


class Lazy(Loss):
    """A loss that fills nothing."""

    def value_and_grad(self, outputs, targets, losses, grad):
        pass


def test_a_loss_that_fills_nothing_is_not_taken_for_a_value():
    network, spec = make(loss=Lazy)
    with pytest.raises(mlpkit.BrokenPlugin, match=r"the loss 'lazy' of your own class .*:Lazy gives NaN for moderate numbers"):
        list(run(network, spec))


def test_a_network_larger_than_memory():
    with pytest.raises(mlpkit.SpecError, match=r"parameters, which do not fit in memory"):
        mlpkit.Model({"network": {"layers": [{"units": 10**10}, {"units": 10**10}]}, "loss": "mse"}, inputs=2)


class Poisoned(Loss):
    """A loss that is NaN for finite outputs."""

    def value_and_grad(self, outputs, targets, losses, grad):
        losses[:] = np.nan
        grad[:] = 0


def test_a_loss_that_is_nan_by_itself_is_named():
    network, spec = make(loss=Poisoned)
    with pytest.raises(mlpkit.BrokenPlugin, match=r"the loss 'poisoned' of your own class .*:Poisoned gives NaN for moderate numbers"):
        list(run(network, spec))


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"type": "constant", "value": 0.5}, [0.5] * 4),
        ({"type": "step", "initial": 1.0, "gamma": 0.5, "every": 2}, [1.0, 1.0, 0.5, 0.5]),
        ({"type": "cosine", "initial": 1.0, "final": 0.2}, [0.2 + 0.8 * (1 + math.cos(math.pi * e / 4)) / 2 for e in range(4)]),
    ],
)
def test_schedules(schedule, rates):
    network, spec = make({"epochs": 4}, optimizer={"type": "sgd", "learning_rate": schedule})
    assert [record.learning_rate for record in run(network, spec)] == pytest.approx(rates, rel=1e-12)


class Recorder(Optimizer):
    """Notes the learning rate and the step of every call."""

    calls: ClassVar[list] = []

    def step(self, w, grad, *state, lr, t):
        self.calls.append((lr, t))


def test_a_schedule_is_asked_at_every_step():
    Recorder.calls.clear()
    network, spec = make({"epochs": 2, "batch_size": 10}, optimizer=Recorder(learning_rate={"type": "cosine", "initial": 1.0}))
    list(run(network, spec))
    expected = [((1 + math.cos(math.pi * step / 8)) / 2, step + 1) for step in range(8)]
    assert [rate for rate, _ in Recorder.calls] == pytest.approx([rate for rate, _ in expected])
    assert [step for _, step in Recorder.calls] == list(range(1, 9))


class TensorAdam(Adam):
    """Adam, asked tensor by tensor."""

    scope: ClassVar[str] = "tensor"


def test_tensor_scope_is_the_vector_cut_in_tensors():
    whole, spec = make(hidden={"normalization": "batch"}, optimizer="adam")
    list(run(whole, spec))
    cut, spec = make(hidden={"normalization": "batch"}, optimizer=TensorAdam())
    list(run(cut, spec))
    np.testing.assert_array_equal(whole.parameters.vector, cut.parameters.vector)


def test_dropout_drops_its_share_and_only_while_training():
    network, spec = make(hidden={"dropout": 0.25, "units": 400})
    workspace = Workspace(network, spec.loss, 50, rng=np.random.default_rng(0))
    workspace.loss_and_gradient(ROWS, TARGETS)
    hidden = workspace.layers[0]
    assert (hidden.dropout.mask == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert set(np.unique(hidden.dropout.mask)) == {0.0, 1 / 0.75}
    np.testing.assert_array_equal(network.predict(ROWS), network.predict(ROWS))
    expected = np.tanh(ROWS @ network.layers[0].weight) @ network.layers[1].weight
    np.testing.assert_allclose(network.predict(ROWS), expected, rtol=1e-12)


def test_batch_normalization_predicts_with_running_averages():
    network, spec = make({"epochs": 200, "batch_size": None}, hidden={"normalization": {"type": "batch", "momentum": 0.5}})
    list(run(network, spec))
    views = network.parameters.views
    before = ROWS[:40] @ views["layers.0.weight"]
    assert "layers.0.bias" not in views
    np.testing.assert_allclose(views["layers.0.normalization.mean"], before.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(views["layers.0.normalization.variance"], before.var(axis=0, ddof=1), rtol=0.05)


STEADY = [
    {"last": "linear", "loss": "mse"},
    {"last": "linear", "loss": "mae"},
    {"last": "sigmoid", "loss": "mse"},
    {"last": "sigmoid", "loss": "binary_crossentropy"},
    {"last": "softmax", "loss": "categorical_crossentropy"},
    {"last": "softmax", "loss": "mse", "hidden": {"activation": "softmax"}},
    {"last": "tanh", "loss": "mse", "hidden": {"activation": "relu", "dropout": 0.2}},
    {"last": "linear", "loss": "mse", "hidden": {"activation": "leaky_relu", "normalization": "batch"}},
    {"last": "linear", "loss": "mse", "hidden": {"activation": "sigmoid", "normalization": "layer"}},
    {"last": "linear", "loss": "mse", "optimizer": {"type": "sgd", "momentum": 0.9, "nesterov": True}},
    {"last": "linear", "loss": "mse", "optimizer": {"type": "adam", "amsgrad": True}},
]


@pytest.mark.parametrize("case", STEADY, ids=lambda case: "-".join(str(value) for value in case.values())[:60])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alone", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["one thread", "all cores"])
def test_a_training_step_allocates_nothing_that_grows(case, weighted, alone):
    rows, inputs, units, outputs = 20_000, 20, 64, 10
    case = {"optimizer": "adam", **case, "hidden": {"activation": "tanh", **case.get("hidden", {})}}
    layers = [{"units": units, **case["hidden"]}, {"units": outputs, "activation": case["last"]}]
    spec = Spec.model_validate(
        {
            "network": {"inputs": inputs, "layers": layers},
            "loss": case["loss"],
            "optimizer": case["optimizer"],
            "training": {"epochs": 4, "batch_size": 8000},
        }
    )
    network = Network(spec.network)
    network.initialize(np.random.default_rng(0))
    x = np.random.default_rng(0).standard_normal((rows, inputs), dtype=np.float32)
    t = np.arange(rows) % outputs if spec.loss.targets == "classes" else np.zeros((rows, outputs), np.float32)
    loop = epochs(network, spec, Dataset(x, t, np.ones(rows, np.float32) if weighted else None))
    with one_thread() if alone else nullcontext():
        next(loop)
        tracemalloc.start()
        next(loop)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 100_000


def test_options_that_are_off_cost_no_call():
    def calls(**layer):
        layers = [{"units": 8, "activation": "tanh", **layer}, {"units": 2, "activation": "softmax"}]
        spec = Spec.model_validate({"network": {"inputs": 3, "layers": layers}, "loss": "categorical_crossentropy"})
        workspace = Workspace(Network(spec.network), spec.loss, 4)
        return len(workspace.forward) + len(workspace.backward)

    assert calls() == 4 + 5  # tanh, a product, two biases; back, two products, two biases and through tanh
    assert calls(dropout=0.5) == calls() + 3  # the mask is drawn, and multiplied with each way
    assert calls(normalization="layer") == calls() + 2


def test_a_plugin_that_reshapes_its_arrays_is_trained_as_any_other():
    class Flattening(Activation):
        def forward(self, z, out):
            np.tanh(z.reshape(-1), out.reshape(-1))

        def backward(self, z, out, grad):
            grad *= 1 - out * out

    losses = []
    for activation in ("tanh", Flattening):
        layers = [{"units": 16, "activation": activation}, {"units": 2, "activation": "softmax"}]
        spec = Spec.model_validate({"dtype": "float64", "network": {"inputs": 3, "layers": layers}, "loss": "categorical_crossentropy"})
        network = Network(spec.network, "float64")
        network.initialize(np.random.default_rng(0))
        data = Dataset(np.random.default_rng(1).standard_normal((50, 3)), np.arange(50) % 2)
        losses.append([epoch.loss for epoch in epochs(network, spec, data)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)


def test_a_validation_that_diverges_is_an_error_and_no_warning():
    layers = [{"units": 4, "activation": "relu"}, {"units": 2, "activation": "softmax"}]
    network = {"inputs": 3, "layers": layers}
    spec = Spec.model_validate({"dtype": "float32", "network": network, "loss": "categorical_crossentropy", "training": {"epochs": 1}})
    made = Network(spec.network)
    made.initialize(np.random.default_rng(0))
    far = Dataset(np.full((2, 3), 3e38, "f4"), np.array([0, 1]))
    near = Dataset(np.random.default_rng(1).standard_normal((9, 3)).astype("f4"), np.arange(9) % 2)
    with pytest.raises(mlpkit.TrainingError, match="the loss became"):
        list(epochs(made, spec, near, far))


# -- what a run leaves that fails


class FarStep(mlpkit.Schedule):
    """A good rate for some epochs, then one that overflows."""

    good: float = 5.0

    def at(self, progress) -> float:
        return 0.05 if progress.epoch < self.good else 1e300


@pytest.mark.parametrize("stopping", [None, {"patience": 50}])
@pytest.mark.parametrize("split", [None, {"validation": 0.3}])
def test_a_run_that_diverges_leaves_the_best_finished_epoch(stopping, split):
    if stopping is not None and split is None:
        stopping = {**stopping, "monitor": "training_loss"}
    spec = {
        "dtype": "float64",
        "data": {"split": split},
        "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 2}]},
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": FarStep()},
        "training": {"epochs": 50, "batch_size": 10, "early_stopping": stopping},
    }
    with pytest.raises(mlpkit.TrainingError, match=r"the model has the weights of epoch \d, the best finished one") as caught:
        mlpkit.train(spec, ROWS, TARGETS)
    model = caught.value.model
    assert len(model.history) == 5
    best = min(model.history, key=lambda epoch: epoch.validation_loss).number if split else 5
    if stopping is not None and split is None:
        best = min(model.history, key=lambda epoch: epoch.metrics["training_loss"]).number
    spec["training"] = {"epochs": best, "batch_size": 10}
    spec["optimizer"] = {"type": "sgd", "learning_rate": 0.05}
    np.testing.assert_array_equal(model.network.parameters.vector, mlpkit.train(spec, ROWS, TARGETS).network.parameters.vector)
    assert model.training_state is None
    model.predict(ROWS)


def test_a_run_that_diverges_at_once_has_no_model_but_no_broken_weights_either():
    _, spec = make(optimizer={"type": "sgd", "learning_rate": 1e300})
    model = mlpkit.Model(spec, inputs=3)
    before = model.network.parameters.vector.copy()
    with pytest.raises(mlpkit.TrainingError) as caught:
        list(mlpkit.epochs(model, ROWS, TARGETS))
    assert caught.value.model is None
    np.testing.assert_array_equal(model.network.parameters.vector, before)


def test_an_error_of_a_plugin_has_the_model_too():
    calls = []

    class Worn(mlpkit.Elementwise):
        def function(self, z):
            calls.append(1)
            if len(calls) == 20:
                raise RuntimeError("worn out")
            return np.tanh(z)

        def derivative(self, z, y):
            return 1 - y * y

    layers = [{"units": 4, "activation": Worn()}, {"units": 2}]
    with pytest.raises(mlpkit.BrokenPlugin, match="worn out") as caught:
        mlpkit.train({"network": {"layers": layers}, "loss": "mse", "training": {"epochs": 50, "batch_size": 10}}, ROWS, TARGETS)
    assert 0 < len(caught.value.model.history) < 20


# -- ties, and a last batch of one row


def test_of_two_epochs_with_the_same_metric_the_one_of_less_validation_loss_is_the_best():
    labels = (ROWS[:, 0] > 0).astype(int)  # all are right after the first epochs
    spec = {
        "network": {"layers": [{"units": 8, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
        "data": {"split": {"validation": 0.3}},
        "loss": "binary_crossentropy",
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": {"epochs": 30, "early_stopping": {"monitor": "accuracy", "patience": 25}},
        "metrics": ["accuracy"],
    }
    model = mlpkit.train(spec, ROWS, labels)
    most = max(epoch.metrics["accuracy"] for epoch in model.history)
    tied = [epoch for epoch in model.history if epoch.metrics["accuracy"] == most]
    assert len(tied) > 3
    best = min(tied, key=lambda epoch: epoch.validation_loss)
    assert best is not tied[0]
    spec["training"] = {"epochs": best.number}
    np.testing.assert_array_equal(model.network.parameters.vector, mlpkit.train(spec, ROWS, labels).network.parameters.vector)


@pytest.mark.parametrize("rows", [33, 65, 64, 34, 32, 2])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_last_batch_of_one_row_joins_the_batch_before_it_under_batch_normalization(rows, shuffle):
    sizes = []

    class Measured(mlpkit.Elementwise):
        def function(self, z):
            sizes.append(len(z))
            return z

        def derivative(self, z, y):
            return np.ones_like(z)

    def spec(normalization):
        layers = [{"units": 3, "normalization": normalization, "activation": Measured()}, {"units": 1}]
        training = {"epochs": 2, "batch_size": 32, "shuffle": shuffle}
        return {"network": {"layers": layers}, "loss": "mse", "training": training}

    x, y = RNG.standard_normal((rows, 2)), RNG.standard_normal(rows)
    model = mlpkit.Model(spec("batch"), inputs=2)
    for _ in mlpkit.epochs(model, x, y):
        steps, sizes[:] = list(sizes), []
        assert sum(steps) == rows
        assert 1 not in steps
        assert steps[:-1] == [32] * (len(steps) - 1)
    sizes.clear()
    loop = mlpkit.epochs(mlpkit.Model(spec("layer"), inputs=2), x, y)
    next(loop)
    assert sizes[-1] == (rows % 32 or 32)  # other networks have the batches that they had


def test_batch_normalization_on_one_row_is_an_error():
    spec = {"network": {"layers": [{"units": 3, "normalization": "batch"}, {"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    model = mlpkit.train(spec, ROWS, TARGETS[:, 0])
    with pytest.raises(mlpkit.DataError, match="batch normalization needs at least two training rows"):
        mlpkit.epochs(model, ROWS[:1], TARGETS[:1, 0])
