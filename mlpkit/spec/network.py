"""Network: its layers with their options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from mlpkit.plugin import REGISTRIES, Activation, Initializer, plugin_name
from mlpkit.plugin.json_schema import Words
from mlpkit.plugin.since import Since
from mlpkit.spec.dropout import Dropout, rate_of
from mlpkit.spec.embeddings import AnyEmbedding, CategoryEmbedding, Embedding
from mlpkit.spec.findings import Finding
from mlpkit.spec.normalization import BatchNormalization, Normalization
from mlpkit.spec.part import Count, Flag, Number, Part, example, raise_any
from mlpkit.spec.weight_constraint import WeightConstraint
from mlpkit.text.limits import InParts
from mlpkit.text.shown import counted, shortened


class Layer(Part):
    """Layer: outputs = activation(normalization(x @ weight + bias)), then dropout during training, then `residual`."""

    model_config = example({"units": 64, "activation": "relu", "normalization": "batch", "dropout": 0.2})

    units: Count | None = Field(None, description="number of units; may be omitted in the last layer, where the target determines it")
    activation: Activation = Field("linear", validate_default=True, description="function of the layer's pre-activations")
    dropout: Dropout = Field(0.0, description="share of the outputs dropped in training (1207.0580), or 'alpha' or 'gaussian' with a rate")
    residual: Annotated[Count | None, Since(5)] = Field(
        None,
        description="adds the inputs of the layer `residual` - 1 places before to the outputs, after dropout (1512.03385); "
        "1: of this layer; both need the same width",
    )
    normalization: Normalization | None = Field(None, description="'batch', 'layer' or 'rms'")
    bias: Flag = Field(True, description="add a bias; ignored with batch normalization, whose shift replaces it")
    weight_initializer: Annotated[
        Initializer | None, BeforeValidator(lambda value: None if value == "auto" else value), Words(("auto",))
    ] = Field(None, description="initial weights; 'auto': as the activation recommends")
    bias_initializer: Initializer = Field("zeros", validate_default=True, description="initial bias")
    learning_rate_factor: Annotated[Number, Field(gt=0), Since(5)] = Field(1.0, description="times the learning rate, for this layer")
    decay_factor: Annotated[Number, Field(ge=0), Since(5)] = Field(1.0, description="times the weight decay, for this layer")
    l1: Annotated[Number, Field(ge=0), Since(5)] = Field(0.0, description="factor of the penalty sum(|weights|), minimized with the loss")
    l2: Annotated[Number, Field(ge=0), Since(5)] = Field(0.0, description="factor of the penalty sum(weights^2), minimized with the loss")
    weight_constraint: Annotated[WeightConstraint | None, Since(5)] = Field(
        None, description="'max_norm', 'unit_norm' or 'non_negative', applied after each step"
    )
    trainable: Annotated[Flag, Since(5)] = Field(
        True, description="false: weights and the running averages of batch normalization are not updated"
    )

    @model_validator(mode="after")
    def _resolve_initializer(self) -> Layer:
        if self.weight_initializer is None:
            recommended = REGISTRIES["initializers"].get(self.activation.initializer)()
            object.__setattr__(self, "weight_initializer", recommended)
        return self

    def __str__(self) -> str:
        """Return width, activation and options, such as "64 units, relu, batch normalization, dropout 0.2"."""
        units = "the last layer" if self.units is None else f"{self.units} unit{'s' * (self.units != 1)}"
        return ", ".join(filter(None, (units, plugin_name(self.activation), self.options_text())))

    def options_text(self) -> str:
        """Return the other options that differ from their defaults, such as "batch normalization, dropout 0.2"."""
        found = [] if self.normalization is None else [f"{self.normalization.type} normalization"]
        if rate := rate_of(self.dropout):
            found.append(f"{'' if isinstance(self.dropout, float) else f'{self.dropout.type} '}dropout {rate:g}")
        found += [] if self.residual is None else [f"residual {self.residual}"]
        found += [f"{key} {value:g}" for key, value in (("l1", self.l1), ("l2", self.l2)) if value]
        found += [] if self.weight_constraint is None else [self.weight_constraint.type]
        found += ["no bias"] * (not self.bias) + ["not trained"] * (not self.trainable)
        return ", ".join(found)

    @property
    def has_bias(self) -> bool:
        """True if the layer has a bias of its own."""
        return self.bias and not isinstance(self.normalization, BatchNormalization)


class NetworkSpec(Part):
    """Layers of the network, in order."""

    model_config = example({"layers": [{"units": 32, "activation": "relu"}, {"activation": "softmax"}]})

    inputs: Count | None = Field(None, description="number of encoded inputs; default: determined by the data")
    input_dropout: Annotated[Number, Field(ge=0, lt=1), Since(5)] = Field(
        0.0, description="share of the encoded inputs dropped in training"
    )
    input_noise: Annotated[Number, Field(ge=0), Since(5)] = Field(
        0.0, description="standard deviation of the normal noise added to the encoded inputs in training, before 'input_dropout'"
    )
    embeddings: Annotated[tuple[Embedding, ...], InParts, Since(6)] = Field(
        (), description="learned functions of single inputs, whose values are further inputs of the first layer, in order"
    )
    input_scale: Annotated[Flag, Since(6)] = Field(
        False, description="multiply each input of the first layer by a trained factor, 1 at first (2407.04491)"
    )
    initialize_from_data: Annotated[Flag, Since(6)] = Field(
        False,
        description="divide the initial weights of each hidden layer by the standard deviation of its pre-activations on training rows, "
        "and draw biases that would be 0, so that the pre-activations of the rows lie around 0 (2407.04491)",
    )
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, description="layers from the first hidden layer to the output layer"), InParts]

    @model_validator(mode="after")
    def _consistent(self) -> NetworkSpec:
        found: list[Finding] = []
        for index, layer in enumerate(self.layers[:-1]):
            if layer.units is None:
                found.append(Finding(("layers", index), "'units' is missing", "only the last layer may omit it"))
        last, at = self.layers[-1], len(self.layers) - 1
        found += [*self.embedding_findings(), *self.residual_findings(self.first_width)]
        if rate_of(last.dropout):
            found.append(Finding(("layers", at, "dropout"), "dropout in the last layer would drop predictions", "use it in earlier layers"))
        found += one_unit_softmax(last.units, last, ("layers", at))
        if not any(layer.trainable for layer in self.layers):
            found.append(Finding(("layers",), "no layer is trainable", "remove 'trainable' from at least one layer"))
        return raise_any(self, found)

    @property
    def levels(self) -> dict[int, int]:
        """Number of levels of each input that is the number of a category, by index."""
        embedded = [each for each in self.embeddings if isinstance(each, CategoryEmbedding)]
        return {index: levels for each in embedded for index, levels in zip(each.inputs or (), each.levels or (), strict=False)}

    @property
    def codes(self) -> tuple[int, ...]:
        """Indices of the inputs that are numbers of categories, which their vectors replace."""
        return tuple(sorted(self.levels))

    @property
    def plain_inputs(self) -> tuple[int, ...]:
        """Indices of the inputs that are inputs of the first layer themselves."""
        codes = set(self.codes)
        return tuple(index for index in range(self.inputs or 0) if index not in codes)

    @property
    def first_width(self) -> int | None:
        """Number of inputs of the first layer: all inputs but numbers of categories, then the embeddings; None if it is not known yet."""
        if self.inputs is None or any(each.inputs is None for each in self.embeddings):
            return None
        return self.inputs - len(self.codes) + sum(each.width for each in self.embeddings)

    def embedded(self, inputs: int, found: Sequence[AnyEmbedding] | None) -> tuple[tuple[AnyEmbedding, ...], list[Finding]]:
        """Return the embeddings with their inputs, and findings where these differ from the spec.

        Parameters
        ----------
        inputs : int
            Number of encoded inputs.
        found : sequence of embeddings, optional
            The embeddings with the inputs that the data determine; default: all inputs, for an embedding of numbers without columns.
        """
        embeddings, findings = [], []
        for index, own in enumerate(self.embeddings):
            of_data = None if found is None else found[index]
            path = ("embeddings", index, "inputs")
            if of_data is not None and own.inputs is None:
                own = of_data
            elif of_data is not None and own != of_data:
                message = f"is {list(own.inputs or ())}, but the columns are the encoded inputs {list(of_data.inputs or ())}"
                findings.append(Finding(path, shortened(message), "remove it: the data determine it"))
            elif own.inputs is None and (own.columns is not None or isinstance(own, CategoryEmbedding)):
                findings.append(
                    Finding(path, "the inputs of the columns are not known without data", "give the indices, or train on a table")
                )
                own = own.model_copy(update={"inputs": ()})
            elif own.inputs is None:
                own = own.model_copy(update={"inputs": tuple(range(inputs))})
            embeddings.append(own)
        return tuple(embeddings), findings

    def embedding_findings(self) -> list[Finding]:
        """Return findings for embedded inputs that do not exist, are embedded twice, or have no number of levels."""
        found: list[Finding] = []
        codes: set[int] = set()
        for index, embedding in enumerate(self.embeddings):
            path, inputs = ("embeddings", index, "inputs"), embedding.inputs or ()
            if inputs and self.inputs is not None and max(inputs) >= self.inputs:
                found.append(Finding(path, f"there is no input {max(inputs)}", "remove it: the data determine it"))
            if len(set(inputs)) < len(inputs):
                found.append(Finding(path, "an input is named twice", "remove it: the data determine it"))
            if isinstance(embedding, CategoryEmbedding):
                if len(embedding.levels or ()) != len(inputs):
                    path = ("embeddings", index, "levels")
                    found.append(Finding(path, "there is not one number of levels for each input", "remove both: the data determine them"))
                if codes & set(inputs):
                    found.append(Finding(path, "an input is embedded by two entries", "name different 'columns' in each"))
                codes |= set(inputs)
        for index, embedding in enumerate(self.embeddings):
            if not isinstance(embedding, CategoryEmbedding) and codes & set(embedding.inputs or ()):
                path = ("embeddings", index, "inputs")
                found.append(Finding(path, "a number of a category is embedded as a number", "remove it: the data determine it"))
        return found

    def residual_findings(self, inputs: int | None) -> list[Finding]:
        """Return findings for residual connections that do not fit a number of first inputs, or None if it is not known yet."""
        found, widths = [], [inputs, *(layer.units for layer in self.layers)]  # of the inputs of each layer
        for index, layer in enumerate(self.layers):
            if layer.residual is None:
                continue
            path, from_layer = ("layers", index, "residual"), index - layer.residual + 1
            if index == len(self.layers) - 1:
                message = "a residual connection of the last layer would change the range of the predictions"
                found.append(Finding(path, message, "use it in earlier layers"))
            elif from_layer < 0:
                found.append(Finding(path, f"the network has only {counted(index, 'layer')} before this one", f"use at most {index + 1}"))
            elif None not in (layer.units, widths[from_layer]) and layer.units != widths[from_layer]:
                message = f"the inputs of layer {from_layer} have width {widths[from_layer]}, but this layer has {layer.units} units"
                found.append(Finding(path, message, "give both the same width"))
        return found


def one_unit_softmax(units: int | None, last: Layer, path: tuple[str | int, ...]) -> list[Finding]:
    if units != 1 or last.activation.output != "distribution":
        return []
    message = f"{plugin_name(last.activation)} over one unit is always 1, so nothing can be learned"
    return [Finding((*path, "activation"), message, "use 'sigmoid' with 'binary_crossentropy' for two classes, 'linear' for a number")]
