"""Score at the end of a run: beside those of the baselines, with what to try if the model is not better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlpkit.cli.run_summary import best_epoch
from mlpkit.progress.figures import label
from mlpkit.text.json_numbers import finite
from mlpkit.text.shown import counted, one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model
    from mlpkit.preprocessing.prepare import Prepared
    from mlpkit.training.baselines import Baselines

AT_ONCE = 0.1  # share of the epochs up to which the best one came at once
FELL = 0.01  # share of the whole fall of a loss that, in the last tenth of the epochs, means that it was falling still
APART = 0.5  # share of the fall of the training loss that the validation loss is above it if the model has learned rows by heart


def final_score(model: Model, prepared: Prepared, weighted: str) -> dict[str, Any]:
    """Return the score of a finished model by its first metric, those of the baselines on the same rows, and advice, as JSON values.

    If it fails, for example by a plugin, only the "error" is returned: the model is trained and saved.

    Parameters
    ----------
    model : Model
    prepared : Prepared
    weighted : {"none", "loss", "loss and metrics"}
        Figures that use sample weights.
    """
    from mlpkit.plugin.base import RAISED
    from mlpkit.training.baselines import score_baselines

    try:
        found = score_baselines(model.spec, prepared, [member.network for member in model.members], model.target_encoder)
        metric = next(iter(found.scores["model"]))
        return _values(model, found, metric, weighted, bool(prepared.folds))
    except RAISED as error:
        return {"error": one_line(f"{type(error).__name__}: {error}")}


def _values(model: Model, found: Baselines, metric: str, weighted: str, out_of_fold: bool) -> dict[str, Any]:
    scores = {name: found.scores[name][metric] if name in found.scores else math.nan for name in ("model", "constant", "linear")}
    return {
        "metric": metric,
        "weighted": label(metric, weighted) != metric,
        "part": found.part,
        "rows": found.rows,
        "rows_of_part": found.of,
        **finite(scores),
        "constant_prediction": found.constant,
        "linear_rows": found.fitted_rows,
        "training_rows": found.training_rows,
        **({"out_of_fold": True} if out_of_fold else {}),
        "skipped": dict(found.skipped),
        **_decided(model, found, metric),
        "advice": _advice(model, metric, found.constant, scores),
    }


def _decided(model: Model, found: Baselines, first: str) -> dict[str, Any]:
    """Return the threshold of a spec with a decision, and the metrics after the first one that depend on it."""
    from mlpkit.plugin import REGISTRIES

    if model.spec.decision is None or model.target_encoder is None:
        return {}
    others = {name: value for name, value in found.scores["model"].items() if name not in {first, "loss"}}
    decided = {name: value for name, value in others.items() if REGISTRIES["metrics"].get(name).decides}
    return {"threshold": model.target_encoder.threshold, "with_threshold": finite(decided)}


def score_text(score: dict[str, Any]) -> str:
    """Return a score as one line: its rows, the baselines, and advice if there is any."""
    if "error" in score:
        return f"no score beside baselines: {score['error']}"
    count, of = score["rows"], score["rows_of_part"]
    some = "" if count == of else f"{count:,} of "
    rows = (
        f"{some}{counted(of, 'validation row')}" if score["part"] == "validation" else f"{some}the {counted(of, 'row')} it was trained on"
    )
    rows += ", each by the member that has held it out" if score.get("out_of_fold") else ""
    text = f"{'weighted ' if score['weighted'] else ''}{score['metric']} {_number(score['model'])} on {rows}"
    text += f"; {score['constant_prediction']} {_number(score['constant'])}, "
    if score["skipped"]:
        text += f"no linear model: {score['skipped']['linear']}"
    else:
        fitted, training = score["linear_rows"], score["training_rows"]
        text += f"linear {_number(score['linear'])}" + (f" (fitted on {fitted:,} of {training:,} rows)" if fitted < training else "")
    if score.get("with_threshold"):
        decided = ", ".join(f"{name} {_number(value)}" for name, value in score["with_threshold"].items())
        text += f"; with the threshold {score['threshold']:.4g}: {decided}"
    return one_line(text + (f"; {score['advice']}" if score["advice"] else ""))


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _advice(model: Model, metric: str, constant: str, scores: dict[str, float]) -> str | None:
    """Return a sentence if a baseline is as good as the model, with what to try; None if the model is better, or cannot be compared."""
    from mlpkit.plugin import REGISTRIES

    sign = 1.0 if metric != "loss" and REGISTRIES["metrics"].get(metric).higher_is_better else -1.0
    ahead = {name: sign * (scores["model"] - scores[name]) for name in ("constant", "linear")}  # NaN without a score
    if ahead["constant"] <= 0:
        what = f"always predicting {'a constant' if constant == 'constant' else f'the {constant}'}"
        return f"no better than {what}: {_to_try(model.members[0]) or 'check that the inputs and the target are the right columns'}"
    if ahead["linear"] == 0 and len(model.spec.network.layers) > 1:
        return "a linear model is as good: a network without hidden layers may be enough"
    if ahead["linear"] < 0:
        return f"a linear model is better: {_to_try(model.members[0]) or 'try a larger network, or another learning rate'}"
    return None


def _to_try(model: Model) -> str:
    """Return what the losses of the epochs suggest, or an empty string."""
    history, best = model.history, best_epoch(model)
    last, count = best or history[-1], len(history)
    losses = [epoch.loss if epoch.validation_loss is None else epoch.validation_loss for epoch in history]
    early = best is not None and count < model.spec.training.epochs
    if best is not None and count > 1 and best.number - history[0].number < max(1, AT_ONCE * count):
        return f"the best epoch was {last.number} of {count}, try a lower learning rate"
    fall = history[0].loss - last.loss
    if count > 1 and fall <= 0:
        return "the loss did not fall, try a lower learning rate"
    tenth = max(1, count // 10)
    if not early and (count == 1 or losses[-1 - tenth] - losses[-1] > FELL * (losses[0] - losses[-1])):
        return "the loss was still falling, try more epochs"
    if last.validation_loss is not None and last.validation_loss - last.loss > APART * fall:
        return "the validation loss is far above the training loss, try more rows, dropout, weight decay or a smaller network"
    return ""
