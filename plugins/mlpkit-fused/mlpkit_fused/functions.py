"""Codes of the activations and losses that the C code has, with their options."""

from __future__ import annotations

from typing import Any, TypeAlias

from mlpkit.activations.exponential_units import SELU_ALPHA, SELU_SCALE
from mlpkit.plugin.builtin_names import CLASSES
from mlpkit_fused import _engine

Coded: TypeAlias = tuple[int, tuple[float, ...]]  # an index of the names in C, and at least two options, 0 where there is none
MOST_OPTIONS = 8  # of an operation of a program


def activation_code(activation: Any) -> Coded | None:
    """Return the code and the options of an activation; None for one that is not built in."""
    name, options = _builtin_name("activations", activation), (0.0, 0.0)
    match name:
        case "leaky_relu":
            options = activation.negative_slope, 0.0
        case "elu":
            options = activation.alpha, 1.0
        case "selu":
            name, options = "elu", (SELU_ALPHA, SELU_SCALE)
        case "celu":
            options = activation.alpha, 1.0 / activation.alpha
        case "gelu" | "geglu":
            name = name if activation.approximate == "none" else f"{name}_tanh"
        case "softplus":
            options = activation.beta, activation.threshold
        case "squareplus":
            options = activation.b, 0.0
        case "soft_shrink" | "hard_shrink":
            options = activation.threshold, 0.0
        case "sine":
            options = activation.omega, 0.0
    return _coded(_engine.activations, name, options)


def loss_code(loss: Any, fused: bool) -> Coded | None:
    """Return the code and the options of a loss.

    Parameters
    ----------
    loss : Loss
    fused : bool
        True for the form that includes the last activation.

    Returns
    -------
    tuple or None
        None for a loss that is not built in, and for a form that is not written in C.
    """
    name = _builtin_name("losses", loss)
    options: tuple[float, ...] = (0.0, 0.0)
    match name:
        case "huber":
            options = loss.delta, 0.0
        case "smooth_l1":
            options = loss.beta, 0.0
        case "binary_crossentropy":
            options = loss.label_smoothing, loss.pos_weight - 1.0
        case "categorical_crossentropy":
            name, options = "crossentropy_of_classes", (loss.label_smoothing, 0.0)
        case "binary_focal_crossentropy":
            options = loss.gamma, -1.0 if loss.alpha is None else loss.alpha
        case "categorical_focal_crossentropy":
            name, options = "focal_of_classes", (loss.gamma, loss.alpha)
        case "quantile" if len(loss.quantiles) == 1:
            options = loss.quantiles[0], 0.0
        case "quantile":
            name, options = "quantiles", (float(len(loss.quantiles)), *loss.quantiles)
    fits = fused == (loss.joint_with is not None) and len(options) <= MOST_OPTIONS
    return _coded(_engine.losses, name, options) if fits else None


def _builtin_name(kind: str, plugin: Any) -> str:
    """Return the name of a built-in of exactly this class, or an empty text."""
    place = f"{type(plugin).__module__}:{type(plugin).__qualname__}"
    return next((name for name, location in CLASSES[kind].items() if place == f"mlpkit.{kind}.{location}"), "")


def _coded(names: tuple[str, ...], name: str, options: tuple[float, ...]) -> Coded | None:
    return (names.index(name), options) if name in names else None
