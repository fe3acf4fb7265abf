"""Checks that train, save and load models with a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.errors import DataError, MLPKitError, SpecError
from mlpkit.model.model import Model
from mlpkit.model.train import epochs, train
from mlpkit.plugin import Loss, Metric, Optimizer, Plugin, Schedule, plugin_name
from mlpkit.preprocessing.prepare import prepare
from mlpkit.spec import as_spec
from mlpkit.testing.cases import Case, case_of
from mlpkit.testing.check_run import CheckFunction
from mlpkit.testing.failure_messages import NotApplicable, expect, expect_close, expect_finite, expect_same_bits
from mlpkit.testing.fresh_process import answers_of, predicted_elsewhere
from mlpkit.testing.variants import variants

EPOCHS = 60  # enough for an easy problem
TARGETS = ("numbers", "binary", "classes")
STEPS_OF_4 = 4  # epochs of six batches each
SHARE = 0.1  # smallest relative decrease of the loss


@contextmanager
def folder() -> Iterator[Path]:
    """Return a temporary folder for one check."""
    with TemporaryDirectory(prefix="mlpkit-testing-") as name:
        yield Path(name)


def trained(case: Case) -> Model:
    """Return a model trained on a case."""
    return train(case.spec, case.rows, case.y)


def saved_model(plugin: Plugin) -> None:
    """Check that a saved model, loaded in a new process, predicts the same bits."""
    case = case_of(plugin)
    model = trained(case.training(epochs=1))
    with folder() as place:
        model.save(place / "model.h5")
        found = predicted_elsewhere(plugin, place / "model.h5", case.rows)
    expect_same_bits(found, answers_of(model, case.rows), "predictions here and in a new process", "compute from the options alone")


def trains(plugin: Plugin) -> None:
    """Check that training for about 20 steps completes and gives identical bits, whatever was trained in between."""
    case = case_of(plugin).training(epochs=STEPS_OF_4)
    vectors = []
    for between in ([], variants(plugin)[:1], []):
        for other in between:
            with suppress(MLPKitError):
                trained(case_of(other).training(epochs=1))
        vectors.append(trained(case).network.parameters.vector.copy())
    advice = "compute from the arguments and the options alone, and keep nothing between calls"
    expect_finite(vectors[0], "after a training, a parameter", "see the other checks, or change the learning rate")
    for vector in vectors[1:]:
        expect_same_bits(vector, vectors[0], "parameters of the same training twice", advice)


def learns(plugin: Plugin) -> None:
    """Check that a small network reduces its loss on an easy problem."""
    history = trained(case_of(plugin).training(epochs=EPOCHS)).history
    first, last = history[0].loss, history[-1].loss
    found = f"the loss went from {first:.4g} to {last:.4g} in {len(history)} epochs of an easy problem"
    expect(
        first - last > SHARE * abs(first),
        found,
        f"it should fall by {SHARE:.0%} at least: see the other checks, or change the learning rate",
    )


def resume(plugin: Optimizer | Schedule) -> None:
    """Check that a resumed run gives the bits of an uninterrupted run."""
    case = case_of(plugin).training(epochs=4)
    spec = as_spec(case.spec)
    with folder() as place:
        model = Model.for_data(spec, prepare(spec, case.rows, case.y))
        with closing(epochs(model, case.rows, case.y)) as run:
            reached = [epoch.number for epoch in islice(run, 2)]
            if len(reached) < 2:
                raise NotApplicable("its run ends in the first epoch")
            model.save(place / "half.h5", training_state=True)
        unbroken = train(spec, case.rows, case.y)
        again = train(as_spec(spec.to_dict()), case.rows, case.y, resume=place / "half.h5")
    advice = "list all arrays kept between steps in the class variable state, and keep nothing elsewhere"
    vectors = again.network.parameters.vector, unbroken.network.parameters.vector
    expect_same_bits(*vectors, "parameters of a resumed and of an uninterrupted run", advice)


def wrong_targets(loss: Loss) -> None:
    """Check that targets that do not fit are rejected before training with a clear error."""
    expect(loss.targets in TARGETS, f"targets is {loss.targets!r}", f"make it one of {', '.join(TARGETS)}")
    case = case_of(loss)
    for what, y in _wrong(loss, case.y):
        try:
            train(case.training(epochs=1).spec, case.rows, y)
        except (DataError, SpecError):
            continue
        except Exception as error:
            found = f"targets {what} end in {type(error).__name__}: {error}"
            expect(False, found, "let mlpkit check the targets by the class variable targets")
        expect(
            False,
            f"targets {what} are trained on",
            "declare in the class variable targets what the loss accepts: numbers, binary or classes",
        )


def _wrong(loss: Loss, y: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "with a missing row", y[:-1]
    yield "with one value only", np.repeat(y[:1], len(y), axis=0)
    if y.dtype.kind == "f":
        yield "with three strings", np.resize(["low", "middle", "high"], len(y))
        yield "with a NaN", np.concatenate([y[:1] * np.nan, y[1:]])
    signed = loss.target_sign if y.dtype.kind == "f" else "any"
    for number in {"nonzero": (0.0,), "nonnegative": (-1.0,), "positive": (0.0, -1.0)}.get(signed, ()):
        yield f"with {number:g}, though target_sign is {loss.target_sign!r}", np.concatenate([y[:1] * 0 + number, y[1:]])
    if loss.targets == "binary":
        yield "of three classes", np.resize([0, 1, 2], len(y))
        yield "of 0, 0.5 and 1", np.resize([[0.0, 1.0], [0.5, 0.0]], (len(y), 2))
    if loss.targets == "classes":
        yield "in two columns", np.column_stack([y, y])
        yield "with real numbers", np.random.default_rng(0).standard_normal(len(y))


def evaluate(metric: Metric) -> None:
    """Check that `model.evaluate` reports the metric of the model's predictions."""
    case = case_of(metric)
    model = trained(case)
    weights = np.resize([1.0, 2.0, 0.5], len(case.rows))
    name = plugin_name(metric)
    found = model.evaluate(case.rows, case.y, metrics=metric, weights=weights)[name]
    expect(isinstance(found, float) and bool(np.isfinite(found)), f"evaluate gives {found!r}", "return a finite float")
    answers, targets = answers_of(model, case.rows), case.y
    if metric.task == "classification":
        targets = targets.astype(int)
    elif metric.task == "regression":
        answers, targets = answers[:, None], targets[:, None]
    figure = metric.compute(answers, targets.astype(float) if metric.task == "multilabel" else targets, weights)
    advice = "compute the value from outputs, targets and weights alone"
    expect_close(np.array(found), np.array(figure), "the value of evaluate, against that of the predictions,", advice, rtol=1e-5)
    expect(name in model.history[-1].metrics, f"training does not report {name!r}", "see mlpkit.Metric")


CHECKS: dict[str, dict[str, CheckFunction]] = {
    "activations": {"trains": trains, "learns": learns, "saved_model": saved_model},
    "losses": {"trains": trains, "wrong_targets": wrong_targets, "learns": learns, "saved_model": saved_model},
    "optimizers": {"trains": trains, "resume": resume, "learns": learns, "saved_model": saved_model},
    "initializers": {"trains": trains, "saved_model": saved_model},
    "schedules": {"trains": trains, "resume": resume, "learns": learns, "saved_model": saved_model},
    "metrics": {"trains": trains, "evaluate": evaluate, "saved_model": saved_model},
}
