"""Schedules against torch.optim.lr_scheduler, or the formula of the paper. See reference/make_schedules.py."""

import math
from pathlib import Path

import numpy as np
import pytest

import mlpkit
from mlpkit.errors import SpecError
from mlpkit.plugin import REGISTRIES, Progress

from .builtins import OPTIONS, builtin

REFERENCE = dict(np.load(Path(__file__).parent / "reference" / "schedules.npz"))
EPOCHS, STEPS = 12, 10
COSINE = {"type": "cosine", "initial": 0.1}
CASES = {  # name in the reference data: name and options
    "epoch/step": ("step", {"initial": 0.1, "every": 4, "gamma": 0.3}),
    "epoch/piecewise": ("piecewise", {"boundaries": [3, 7], "rates": [0.1, 0.02, 0.004]}),
    "epoch/exponential": ("exponential", {"initial": 0.1, "gamma": 0.9}),
    "epoch/sequential": (
        "sequential",
        {
            "schedules": [
                {"type": "exponential", "initial": 0.1, "gamma": 0.8},
                COSINE | {"final": 0.01},
                {"type": "step", "initial": 0.1, "every": 2, "gamma": 0.5},
            ],
            "boundaries": [3, 8],
        },
    ),
    "step/cosine": ("cosine", {"initial": 0.1, "final": 0.01}),
    "step/polynomial": ("polynomial", {"initial": 0.1, "power": 2.0}),
    "step/linear": ("linear", {"initial": 0.1, "final": 0.01}),
    "step/exponential_steps": ("exponential", {"initial": 0.1, "gamma": 0.9}),
    "step/one_cycle": ("one_cycle", {"maximum": 0.1}),
    "step/one_cycle_linear": ("one_cycle", {"maximum": 0.1, "rise": 0.4, "anneal": "linear", "div_factor": 10, "final_div_factor": 100}),
    "step/triangular": ("cyclic", {"initial": 0.01, "maximum": 0.1, "rise": 2, "fall": 1}),
    "step/triangular2": ("cyclic", {"initial": 0.01, "maximum": 0.1, "rise": 2, "mode": "triangular2"}),
    "step/exp_range": ("cyclic", {"initial": 0.01, "maximum": 0.1, "rise": 1.5, "mode": "exp_range", "gamma": 0.9}),
    "step/restarts": ("cosine_restarts", {"initial": 0.1, "period": 3}),
    "step/longer_restarts": ("cosine_restarts", {"initial": 0.1, "final": 0.01, "period": 1, "factor": 2}),
    "step/warmup": ("warmup", {"then": 0.1, "epochs": 3, "start": 0.25}),
    "step/warmup_cosine": ("warmup", {"then": COSINE, "epochs": 2}),
}
FORMULAS = {  # of t = epoch / epochs and the epoch, where PyTorch lacks the schedule
    "constant": ({"value": 0.02}, lambda t, epoch: 0.02),
    "inverse_time": ({"initial": 0.1, "decay": 0.5}, lambda t, epoch: 0.1 / (1 + 0.5 * epoch)),
    "inverse_sqrt": (
        {"maximum": 0.1, "warmup": 2},
        lambda t, epoch: 0.1 * math.sqrt(2) * min(epoch**-0.5, epoch * 2**-1.5) if epoch else 0,
    ),
    "coslog4": ({"maximum": 0.1}, lambda t, epoch: 0.1 * 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + (2**4 - 1) * t)))),
    "flat_cosine": (
        {"initial": 0.1, "flat": 0.6, "final": 0.02},
        lambda t, epoch: 0.1 if t < 0.6 else 0.06 + 0.04 * math.cos(math.pi * (t - 0.6) / 0.4),
    ),
    "wsd": (
        {"maximum": 0.1, "warmup": 0.1, "decay": 0.3, "final": 0.01},
        lambda t, epoch: t if t < 0.1 else 0.1 if t < 0.7 else 0.1 - 0.09 * (t - 0.7) / 0.3,
    ),
}


def schedule(name, **options):
    return REGISTRIES["schedules"].get(name)(**options)


def rates(of, epochs=EPOCHS, steps=STEPS, history=None):
    """Return the rate before every step of a run."""
    total = epochs * steps
    found = []
    for step in range(total):
        epoch = step // steps if of.once_per_epoch else step / steps
        columns = {name: column[:epoch] for name, column in history.items()} if history and epoch else {}
        found.append(of.at(Progress(epoch / epochs, epoch, epochs, round(epoch * steps), total, columns)))
    return np.array(found)


def test_every_schedule_has_its_reference():
    assert {name for name, _ in CASES.values()} | set(FORMULAS) | {"reduce_on_plateau"} == set(REGISTRIES["schedules"].builtins)


@pytest.mark.parametrize("case", [case for case in CASES if "one_cycle" not in case])
def test_schedule(case):
    name, options = CASES[case]
    found = rates(schedule(name, **options))
    np.testing.assert_allclose(found[::STEPS] if case.startswith("epoch") else found, REFERENCE[case], rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("case", [case for case in CASES if "one_cycle" in case])
def test_one_cycle(case):
    """PyTorch's phases end at the steps rise * total - 1 and total - 1: the same shape over a step less."""
    name, options = CASES[case]
    of, total = schedule(name, **options), EPOCHS * STEPS
    peak = of.rise * total - 1
    for step, rate in enumerate(REFERENCE[case]):
        done = of.rise * step / peak if step <= peak else of.rise + (1 - of.rise) * (step - peak) / (total - 1 - peak)
        assert of.at(Progress(min(done, 1.0), done * EPOCHS, EPOCHS, step, total)) == pytest.approx(rate, rel=1e-10)


@pytest.mark.parametrize("name", FORMULAS)
def test_schedule_by_its_formula(name):
    options, formula = FORMULAS[name]
    places = np.arange(EPOCHS * STEPS) / STEPS
    expected = [formula(epoch / EPOCHS, epoch) for epoch in places]
    np.testing.assert_allclose(rates(schedule(name, **options)), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("shape", "left"), [("cosine", lambda s: (1 + math.cos(math.pi * s)) / 2), ("sqrt", lambda s: 1 - math.sqrt(s))])
def test_shapes_of_the_decay(shape, left):
    of = schedule("wsd", maximum=0.1, warmup=0.0, decay=0.5, final=0.02, shape=shape)
    expected = [0.1 if step <= 60 else 0.02 + 0.08 * left((step / 120 - 0.5) / 0.5) for step in range(120)]
    np.testing.assert_allclose(rates(of), expected, rtol=1e-12)


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0, 3.7])
def test_restarts_begin_exactly_at_the_end_of_a_period(factor):
    of = schedule("cosine_restarts", initial=0.1, period=0.7, factor=factor)
    begin, length = 0.0, 0.7
    while begin + length < 1000:
        begin, length = begin + length, length * factor
        for epoch, rate in ((begin + 1e-9, 0.1), (begin - 1e-9, 0.0), (begin + length / 2, 0.05)):
            assert of.at(Progress(epoch / 1e4, epoch, 10_000, 0, 10_000)) == pytest.approx(rate, abs=1e-6)


PLATEAUS = {
    "default": {},
    "patient": {"factor": 0.5, "patience": 2, "threshold": 0.05},
    "cooldown": {"factor": 0.3, "patience": 1, "cooldown": 3, "minimum": 1e-3},
    "higher": {"higher_is_better": True, "factor": 0.5, "patience": 0, "threshold": 0.01},
}


@pytest.mark.parametrize("name", PLATEAUS)
def test_reduce_on_plateau(name):
    of = schedule("reduce_on_plateau", initial=0.1, monitor="loss", **PLATEAUS[name])
    found = rates(of, 60, 1, {"loss": REFERENCE["plateau/figures"]})
    np.testing.assert_allclose(found, REFERENCE[f"plateau/{name}"], rtol=1e-12)
    assert len(set(found)) > 1


@pytest.mark.parametrize("name", PLATEAUS)
def test_a_plateau_inside_of_others_sees_its_own_part_of_the_history(name):
    plateau = {"type": "reduce_on_plateau", "initial": 0.1, "monitor": "loss", **PLATEAUS[name]}
    figures = np.concatenate([np.full(5, 0.001), REFERENCE["plateau/figures"]])  # no later figure is better than the first ones
    warm = schedule("warmup", then=plateau, epochs=5, start=0.0)
    parts = schedule("sequential", schedules=[{"type": "linear", "initial": 0.2}, plateau], boundaries=[5])
    for of, before in ((warm, [0, 0.02, 0.04, 0.06, 0.08]), (parts, [0.2, 0.16, 0.12, 0.08, 0.04])):
        assert of.once_per_epoch
        assert of.history_columns == ("loss",)
        found = rates(of, 65, 3, {"loss": figures})[::3]
        np.testing.assert_allclose(found, [*before, *REFERENCE[f"plateau/{name}"]], rtol=1e-12, atol=1e-17)


def test_a_warm_up_by_fraction_follows_the_clock():
    of = schedule("warmup", then=COSINE, fraction=0.25, start=0.0)
    late = Progress(0.125, 0.0, 100, 0, 1000)  # an eighth of the time has passed in the first epoch
    assert of.at(late) == pytest.approx(0.05)
    assert of.at(late._replace(fraction=0.625, epoch=1.0)) == pytest.approx(0.05)  # half of the cosine


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_part_that_a_run_does_not_reach_has_a_rate(epochs):
    """Rates of another number of epochs are compared when a run is resumed, before they are checked."""
    parts = schedule("sequential", schedules=[COSINE, COSINE, {"type": "polynomial", "initial": 0.1}], boundaries=[1, 2])
    for of in (parts, schedule("warmup", then=COSINE, epochs=2)):
        found = [of.at(Progress(epoch / epochs, epoch, epochs, 0, 10)) for epoch in np.linspace(0, epochs, 31)]
        assert np.isfinite(found).all()
        assert min(found) >= 0


def test_a_warm_up_without_a_length_is_a_twentieth_of_the_run():
    np.testing.assert_array_equal(rates(schedule("warmup", then=COSINE)), rates(schedule("warmup", then=COSINE, fraction=0.05)))


def run(learning_rate, epochs=5, **spec):
    x = np.random.default_rng(0).standard_normal((20, 2))
    whole = {"network": {"layers": [{}]}, "loss": "mse", "optimizer": {"type": "sgd", "learning_rate": learning_rate}, **spec}
    return mlpkit.train({**whole, "training": {"epochs": epochs, "batch_size": 5}}, x, x[:, 0])


TOO_LONG = {
    "warmup": ({"then": 0.1, "epochs": 5}, "the warm-up of 5 epochs does not end within a run of 5 epochs"),
    "piecewise": ({"boundaries": [2, 9], "rates": [3, 2, 1]}, "the boundary at 9 epochs is not within a run of 5 epochs"),
    "cosine_restarts": ({"initial": 0.1, "period": 6}, "the first period of 6 epochs is longer than a run of 5 epochs"),
    "cyclic": ({"initial": 0.1, "maximum": 0.2, "rise": 3}, "a cycle of 6 epochs is longer"),
    "inverse_sqrt": ({"maximum": 0.1, "warmup": 7}, "the warm-up of 7 epochs does not end"),
    "sequential": ({"schedules": [COSINE, COSINE], "boundaries": [5]}, "the boundary at 5 epochs is not within"),
}
INSIDE = {"type": "sequential", "schedules": [COSINE, {"type": "warmup", "then": 0.1, "epochs": 2}], "boundaries": [3]}


@pytest.mark.parametrize(
    "entry", [*({"type": name, **options} for name, (options, _) in TOO_LONG.items()), INSIDE], ids=lambda e: e["type"]
)
def test_a_schedule_longer_than_the_run_is_refused_before_training(entry):
    with pytest.raises(SpecError) as error:
        run(entry)
    assert "optimizer.learning_rate" in str(error.value)
    assert TOO_LONG.get(entry["type"], (None, ""))[1] in str(error.value) or "the warm-up of 2 epochs" in str(error.value)


WRONG = {
    "a warm-up to nothing": ("warmup", {}, "then"),
    "boundaries out of order": ("piecewise", {"boundaries": [3, 2], "rates": [3, 2, 1]}, "increasing order"),
    "a rate too few": (
        "piecewise",
        {"boundaries": [2, 3], "rates": [3, 2]},
        "one more of the rates than of the boundaries, but there are 2 and 2",
    ),
    "a rate below 0": ("piecewise", {"boundaries": [2], "rates": [3, -2]}, "at least 0"),
    "a fraction above 1": ("warmup", {"then": 0.1, "fraction": 1.5}, "less than 1"),
    "both lengths": ("warmup", {"then": 0.1, "fraction": 0.5, "epochs": 2}, "either in epochs or as a fraction"),
    "shares above 1": ("wsd", {"maximum": 0.1, "warmup": 0.6, "decay": 0.6}, "more than the run"),
    "a schedule too few": ("sequential", {"schedules": [COSINE], "boundaries": [2]}, "one more of the schedules"),
    "a boundary at 0": ("sequential", {"schedules": [COSINE, COSINE], "boundaries": [0]}, "above 0"),
    "a period of rounding": ("cosine_restarts", {"initial": 0.1, "period": 1e-308, "factor": 1000}, "period"),
    "a rise of rounding": ("cyclic", {"initial": 0.1, "maximum": 0.2, "rise": 1e-320}, "rise"),
    "a maximum below the minimum": ("cyclic", {"initial": 0.2, "maximum": 0.1, "rise": 1}, "less than the initial"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_refused(case):
    name, options, words = WRONG[case]
    with pytest.raises(SpecError, match=words) as error:
        run({"type": name, **options})
    assert "optimizer.learning_rate" in str(error.value)


@pytest.mark.parametrize("name", sorted({name for kind, name in OPTIONS if kind == "schedules"}))
def test_a_run_has_the_rates_of_its_schedule(name):
    of = builtin("schedules", name)
    if name == "reduce_on_plateau":
        of = of.model_copy(update={"monitor": "loss"})
    rates_of_epochs = [epoch.learning_rate for epoch in run(of).history]
    assert len(rates_of_epochs) == 5
    if not of.once_per_epoch:
        assert any(rate in rates(of, 5, 4) for rate in rates_of_epochs)


def test_a_warm_up_before_a_plateau_trains():
    plateau = {"type": "reduce_on_plateau", "initial": 0.1, "monitor": "loss", "patience": 0, "threshold": 0.9}
    found = [epoch.learning_rate for epoch in run({"type": "warmup", "then": plateau, "epochs": 2, "start": 0.5}, epochs=6).history]
    np.testing.assert_allclose(found, [0.05, 0.075, 0.1, 0.1, 0.01, 0.001], rtol=1e-12)
    with pytest.raises(SpecError, match="validation"):
        run({"type": "warmup", "then": plateau | {"monitor": "validation_loss"}, "epochs": 2})
