"""Outputs of an ONNX model: labels and probabilities, or numbers in the units of the data, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlpkit.engine.probabilities import is_own
from mlpkit.export.onnx.graph import DOUBLE, INT, TEXT, Graph
from mlpkit.export.onnx.network import Outputs
from mlpkit.export.onnx.plugins import predicted
from mlpkit.export.onnx.value import Value
from mlpkit.export.source import Source
from mlpkit.model.combination import SPREAD
from mlpkit.plugin import Activation

LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"
LABEL_TYPES = {"str": TEXT, "int64": INT, "float64": DOUBLE, "bool": np.dtype(bool)}


class Target:
    """Decoder of the outputs of networks.

    Parameters
    ----------
    op : Graph
    source : Source
    refused : Value, shape (rows, 1), or None
        True for rows that mlpkit refuses: their probabilities and numbers are NaN.
    """

    def __init__(self, op: Graph, source: Source, refused: Value | None) -> None:
        self.op, self.source, self.refused = op, source, refused
        self.task, self.form = source.target["task"], source.target["form"]
        self.activation: Activation = source.spec.network.layers[-1].activation

    def outputs(self, members: Sequence[Outputs]) -> dict[str, Value]:
        """Return the outputs of the model by name."""
        if self.task == "regression":
            return {name: self._or_nan(part) for name, part in self._numbers(members).items()}
        each = [self.probabilities(member) for member in members]
        scores = self._average(each)
        if self.task == "multilabel":
            label = self.op.cast(scores > 0.5, LABEL_TYPES[self.source.target["label_type"]])
        else:
            labels = LABEL_TYPES[self.source.target["label_type"]]
            classes = np.array(self.source.target["classes"], labels)
            label = self.op("Gather", self.op.constant(classes, labels), self._choice(members, scores), axis=0, dtype=labels)
        return {LABEL: label, PROBABILITIES: self._or_nan(scores)}

    def _or_nan(self, scores: Value) -> Value:
        return scores if self.refused is None else self.op.where(self.refused, np.array(np.nan), scores)

    def _average(self, each: Sequence[Value]) -> Value:
        total = each[0]
        for other in each[1:]:
            total = total + other
        return total if len(each) == 1 else total / float(len(each))

    # -- classes

    def probabilities(self, member: Outputs) -> Value:
        """Return the probability of each class or label, as `mlpkit.engine.probabilities.probabilities` computes them."""
        op, one_unit = self.op, self.form == "binary"
        z, found = (op.cast(value, DOUBLE) for value in (member.z, member.outputs))
        if is_own(self.activation, "Sigmoid"):
            return op.concatenate([op.sigmoid(-z), op.sigmoid(z)]) if one_unit else op.sigmoid(z)
        if is_own(self.activation, "Softmax"):
            found = op("Exp", z - op.row_max(z))
        if is_own(self.activation, "ContinuationRatio"):
            found = self.activation.onnx(op, z)
        if self.activation.output == "distribution":
            total = op.row_sum(found)
            return found / op.where(total > 0.0, total, 1.0)
        return op.concatenate([1.0 - found, found]) if one_unit else found

    def _choice(self, members: Sequence[Outputs], scores: Value) -> Value:
        """Return the number of the class of each row, shape (rows,)."""
        op, threshold = self.op, self.source.target.get("threshold", 0.5)
        if len(self.source.target["classes"]) == 2 and (len(members) > 1 or threshold != 0.5):
            return self._second(op.columns(scores, 1) > threshold)
        if len(members) > 1 or is_own(self.activation, "ContinuationRatio"):
            return op.row_argmax(scores)
        z, outputs = members[0]
        if is_own(self.activation, "Softmax"):
            return op.row_argmax(z)
        if self.form == "binary":
            return self._second(z > 0.0 if is_own(self.activation, "Sigmoid") else outputs > 0.5)
        return op.row_argmax(outputs)

    def _second(self, condition: Value) -> Value:
        return self.op("Reshape", self.op.cast(condition, INT), np.array([-1]))

    # -- numbers

    def _numbers(self, members: Sequence[Outputs]) -> dict[str, Value]:
        """Return all that the outputs predict: the average of the members' predictions, and further parts by name."""
        op, each = self.op, [self._parts(self.op.cast(member.outputs, DOUBLE)) for member in members]
        first = next(iter(each[0]))
        found = {name: self._average([parts[name] for parts in each]) for name in each[0]}
        if len(each) > 1 and len(found) > 1 and SPREAD in found:  # the law of total variance
            squares = self._average([parts[SPREAD] ** 2 for parts in each])
            away = self._average([(parts[first] - found[first]) ** 2 for parts in each])
            found[SPREAD] = op("Sqrt", squares + away)
        return {PREDICTION if name == first else name: part for name, part in found.items()}

    def _parts(self, outputs: Value) -> dict[str, Value]:
        arrays, loss = self.source.target_arrays, self.source.spec.loss
        center, scale = arrays["center"], arrays["scale"]
        by_loss = self.source.target.get("decoded_by_loss")
        found = predicted(self.op, loss, outputs, center, scale) if by_loss else {"": outputs * scale + center}
        first = next(iter(found))
        if "lower" in arrays:
            return {**found, first: self.op.clip(found[first], arrays["lower"], arrays["upper"])}
        return dict(found)
