"""Ordered classes: the loss `ordinal` (CORN) and the activation `continuation_ratio`, from the formula to runs and predictions."""

import warnings
from typing import ClassVar

import numpy as np
import pytest

import mlpkit
from mlpkit.engine.probabilities import choices, probabilities
from mlpkit.plugin import REGISTRIES, Loss
from mlpkit.spec import Spec
from mlpkit.testing.loss_cases import joint_losses_and_grad, losses_and_grad

ORDINAL = REGISTRIES["losses"].get("ordinal")()
RATIOS = REGISTRIES["activations"].get("continuation_ratio")()
RNG = np.random.default_rng(70)
X = RNG.standard_normal((60, 3))
CODES = np.digitize(X @ [1.0, -1.0, 0.5], [-1.0, 0.0, 1.0])
WORDS = np.array(["low", "middle", "high", "top"])


def spec(loss="ordinal", last="continuation_ratio", epochs=3, **parts):
    layers = [{"units": 6, "activation": "tanh"}, {"activation": last}]
    return {"dtype": "float64", "network": {"layers": layers}, "loss": loss, "training": {"epochs": epochs}, **parts}


def corn_loss(logits, y, classes):
    """The loss of 2111.08851, section 3.3: cross-entropies of the tasks, over the number of all their examples."""
    total, examples = 0.0, 0
    for task in range(classes - 1):
        inside = y > task - 1
        labels, logit = (y[inside] > task).astype(float), logits[inside, task]
        log_sigmoid = -np.logaddexp(0.0, -logit)
        total -= np.sum(log_sigmoid * labels + (log_sigmoid - logit) * (1.0 - labels))
        examples += len(labels)
    return total / examples, examples


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_loss_is_that_of_the_paper_but_for_the_number_of_examples(classes):
    logits, y = 3.0 * RNG.standard_normal((50, classes)), RNG.integers(0, classes, 50)
    losses, _ = joint_losses_and_grad(ORDINAL, logits, y)
    of_paper, examples = corn_loss(logits[:, :-1], y, classes)
    np.testing.assert_allclose(losses.mean() * len(y), of_paper * examples, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_pre_activations(dtype):
    z = np.array([[1e4, -1e4, 1e4], [-1e4, 1e4, -1e4], [1e4, 1e4, -1e4], [0.0, -1e4, 0.0]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, expected in ((0, [1e4, 0, 1e4, np.log(2)]), (1, [0, 2e4, 1e4, np.log(2)]), (2, [1e4, 1e4, 0, 1e4 + np.log(2)])):
            losses, grad = joint_losses_and_grad(ORDINAL, z, np.full(4, number))
            np.testing.assert_allclose(losses, expected, rtol=1e-6)
            assert np.isfinite(grad).all()
            assert not grad[:, -1].any()
    assert joint_losses_and_grad(ORDINAL, z[:0], np.zeros(0, int))[0].shape == (0,)


def test_a_tiny_probability_keeps_its_digits():
    z = np.array([[-30.0, 40.0, -50.0, 7.0]])
    out = np.empty_like(z)
    RATIOS.forward(z, out)
    above = np.exp(-30.0) / (1 + np.exp(-30.0))
    np.testing.assert_allclose(out[0, 1:], [above * np.exp(-40.0), above, above * np.exp(-50.0)], rtol=1e-14)
    np.testing.assert_allclose(losses_and_grad(ORDINAL, out, np.array([3]))[0], -np.log(np.finfo(float).eps))


def test_probabilities_of_float32_are_computed_again():
    z = np.array([[-40.0, 40.0, 1.0], [-0.0, 0.0, 9.0], [np.log(2), 1e-9, 0.0]], "float32")
    out = np.empty_like(z)
    RATIOS.forward(z, out)
    found = probabilities(out, RATIOS, z, one_unit=False)
    exact = np.empty(z.shape)
    RATIOS.forward(z.astype("float64"), exact)
    np.testing.assert_allclose(found, exact, rtol=1e-15)
    np.testing.assert_array_equal(choices(out, RATIOS, z, one_unit=False), found.argmax(axis=1))


def test_cross_entropy_after_the_activation_is_the_same():
    """Unfused: mlpkit fuses the loss with the activation that it names alone."""
    fused, separate = (mlpkit.train(spec(loss), X, CODES) for loss in ("ordinal", "categorical_crossentropy"))
    np.testing.assert_allclose([epoch.loss for epoch in separate.history], [epoch.loss for epoch in fused.history], rtol=1e-12)
    np.testing.assert_allclose(separate.predict_proba(X), fused.predict_proba(X), rtol=1e-9, atol=1e-12)


def test_the_prior_predicts_the_shares():
    targets = np.repeat(np.arange(4), [1, 5, 3, 7])
    z = ORDINAL.prior(targets)[None]
    out = np.empty_like(z)
    RATIOS.forward(z, out)
    np.testing.assert_allclose(out[0], np.array([1, 5, 3, 7]) / 16, rtol=1e-14)
    assert ORDINAL.prior(targets[1:]) is None
    np.testing.assert_allclose(ORDINAL.prior(np.eye(4)[targets]), z[0], rtol=1e-14)


@pytest.mark.parametrize("loss", ["ordinal", "categorical_crossentropy", "mean_squared_error"])
def test_texts_need_an_order(loss):
    """Sorted texts would be high, low, middle, top."""
    with pytest.raises(mlpkit.SpecError, match=r"data\.classes: the order of the classes matters to .*are texts") as error:
        mlpkit.train(spec(loss), X, WORDS[CODES])
    assert "list 'high', 'low', 'middle', 'top' from the lowest to the highest" in str(error.value)
    model = mlpkit.train(spec(loss, data={"classes": WORDS.tolist()}), X, WORDS[CODES])
    assert model.classes.tolist() == WORDS.tolist()
    np.testing.assert_array_equal(model.predict_proba(X), mlpkit.train(spec(loss), X, CODES).predict_proba(X))


def test_numbers_as_texts_need_an_order_too():
    with pytest.raises(mlpkit.SpecError, match=r"data\.classes: the order"):
        mlpkit.train(spec(data={"target_type": "text"}), X, 5 * CODES + 5)  # 10, 15, 20, 5


@pytest.mark.parametrize(
    ("data", "labels", "order"),
    [
        ({"target_type": "class"}, 2.5 * CODES - 5.0, [-5.0, -2.5, 0.0, 2.5]),
        ({}, CODES > 1, [False, True]),
        ({"positive": "low"}, WORDS[np.minimum(CODES, 1)], ["middle", "low"]),
        ({"positive": 0}, np.minimum(CODES, 1), [1, 0]),
    ],
    ids=["numbers", "booleans", "one of two texts", "one of two numbers"],
)
def test_labels_with_an_order(data, labels, order):
    assert mlpkit.train(spec(data=data), X, labels).classes.tolist() == order


def test_softmax_is_refused_with_the_reason():
    with pytest.raises(mlpkit.SpecError, match=r"network\.layers\[1\]\.activation: ordinal is for ordered classes.*'continuation_ratio'"):
        Spec.model_validate(spec(last="softmax"))
    for last in ("linear", "sigmoid"):
        with pytest.raises(mlpkit.SpecError, match=rf"the last layer has {last} \(make the last activation 'continuation_ratio'"):
            Spec.model_validate(spec(last=last))


def test_a_third_party_loss_of_ordered_classes_may_use_softmax():
    class SquaredDistance(Loss):
        """Squared distance of cumulated distributions. Hou, Yu & Samaras 2016, 1611.05916."""

        output: ClassVar[str] = "distribution"
        targets: ClassVar[str] = "classes"
        ordered_classes: ClassVar[bool] = True

        def value_and_grad(self, outputs, targets, losses, grad):
            away = outputs.cumsum(axis=1) - (np.arange(outputs.shape[1]) >= targets[:, None])
            losses[...] = np.square(away).sum(axis=1)
            grad[...] = 2.0 * away[:, ::-1].cumsum(axis=1)[:, ::-1]

    assert mlpkit.train(spec(SquaredDistance(), "softmax"), X, CODES).evaluate(X, CODES)["accuracy"] > 0.2
    with pytest.raises(mlpkit.SpecError, match=r"data\.classes: the order"):
        mlpkit.train(spec(SquaredDistance(), "softmax"), X, WORDS[CODES])


def errors(loss, last, seed):
    """Mean absolute error of class numbers on 2000 rows, after training on 100."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2100, 4))
    latent = x @ [1, 1, -1, 0.5] + 0.5 * x[:, 0] * x[:, 1] + 0.2 * rng.logistic(size=len(x))
    y = np.digitize(latent, np.quantile(latent, np.arange(1, 10) / 10))
    options = {"seed": seed, "optimizer": {"type": "adam", "learning_rate": 0.01}}
    model = mlpkit.train(spec(loss, last, epochs=100, **options), x[:100], y[:100])
    return np.abs(model.predict(x[100:]) - y[100:]).mean()


def test_ordered_classes_are_missed_by_less_than_with_softmax():
    ordered = np.array([errors("ordinal", "continuation_ratio", seed) for seed in range(5)])
    plain = np.array([errors("categorical_crossentropy", "softmax", seed) for seed in range(5)])
    assert (ordered < plain).all()


def test_the_classes_of_a_median_are_those_of_the_paper():
    """The rule in the docstring, for those who want the least absolute error instead of the most frequent class."""
    p = mlpkit.train(spec(epochs=20), X, CODES).predict_proba(X)
    above = np.stack([p[:, number + 1 :].sum(axis=1) for number in range(3)], axis=1)
    np.testing.assert_array_equal((np.cumsum(p, axis=1) < 0.5).sum(axis=1), (above > 0.5).sum(axis=1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_save_load_resume_and_predict(dtype, tmp_path):
    whole_spec = spec("corn", epochs=8, data={"classes": WORDS.tolist()}, metrics=["accuracy", "log_loss"]) | {"dtype": dtype}
    whole, labels, steps = mlpkit.train(whole_spec, X, WORDS[CODES]), WORDS[CODES], []
    part = mlpkit.train(whole_spec, X, labels, stop=lambda: steps.append(0) or len(steps) > 5)
    part.save(tmp_path / "part.h5", training_state=True)
    resumed = mlpkit.train(whole_spec, X, labels, resume=tmp_path / "part.h5")
    np.testing.assert_array_equal(resumed.network.parameters.vector, whole.network.parameters.vector)
    whole.save(tmp_path / "whole.h5")
    loaded = mlpkit.load(tmp_path / "whole.h5")
    np.testing.assert_array_equal(loaded.predict(X), whole.predict(X))
    np.testing.assert_array_equal(loaded.predict(X), WORDS[loaded.predict_proba(X).argmax(axis=1)])
    found = loaded.evaluate(X, labels)
    assert found["accuracy"] == np.mean(loaded.predict(X) == labels)
    np.testing.assert_allclose(found["loss"], found["log_loss"], rtol=1e-6)
    assert loaded.spec.to_dict()["loss"] == whole.spec.to_dict()["loss"]
