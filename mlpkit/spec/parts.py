"""Parts of a spec (data, preprocessing, network, training) as frozen values with validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlpkit.plugin import REGISTRIES, Activation, Initializer, Plugin
from mlpkit.plugin.json_schema import Words
from mlpkit.plugin.since import Since
from mlpkit.spec.csv_options import MISSING, Encoding, Header, Missing, check_separator
from mlpkit.spec.dropout import Dropout, rate_of
from mlpkit.spec.file_format import CSV_OPTIONS, FileFormat, given_twice
from mlpkit.spec.findings import Finding
from mlpkit.spec.normalization import BatchNormalization, Normalization
from mlpkit.spec.part import AnyColumn, ColumnName, Count, Flag, Names, Number, Part, Seed, Text, example, raise_any
from mlpkit.spec.weight_average import WeightAverage
from mlpkit.spec.weight_constraint import WeightConstraint
from mlpkit.text.column_names import same_form
from mlpkit.text.limits import InParts

Treatment = Literal["standardize", "none", "one_hot", "ignore"]


def _each_once(value: Any) -> Any:
    """Return the value; raise ValueError for a column that appears in two Unicode forms."""
    names = [same_form(name) for name in value if isinstance(name, str)] if isinstance(value, Mapping) else []
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValueError(f"names the column {twice!r} twice, in two Unicode forms")
    return value


class Split(Part):
    """Validation rows: a random share of the rows, or rows marked in a column."""

    model_config = example({"validation": 0.2})

    validation: Annotated[Number, Field(gt=0, lt=1)] | None = Field(None, description="share of the rows, between 0 and 1")
    stratify: Flag = Field(True, description="keep the shares of the classes equal in training and validation rows")
    seed: Seed | None = Field(None, description="seed of the split; default: the seed of the spec")
    column: ColumnName | None = Field(None, description="column with 'train', 'validation' or 'test' for each row")

    @model_validator(mode="after")
    def _one_way(self) -> Split:
        if (self.validation is None) == (self.column is None):
            raise ValueError("give either 'validation', a share of the rows, or 'column', the column with the use of each row")
        return self


class Data(Part):
    """Source of the rows, and roles of their columns."""

    model_config = example({"path": "penguins.csv", "target": "species", "inputs": ["island", "body_mass_g"], "split": {"validation": 0.2}})

    path: Text | None = Field(None, description="CSV, TSV, NPZ, NPY or HDF5 file, relative to the spec; '-' for stdin")
    format: Annotated[FileFormat | None, Since(5, older=(None, "csv", "tsv", "npz", "npy", "hdf5"))] = Field(
        None,
        description="reader of the file, such as 'csv', or an object with its name as type and its options; default: by the suffix",
    )
    separator: Annotated[str, Field(strict=True, min_length=1, max_length=1), AfterValidator(check_separator)] | None = Field(
        None, description="separator in CSV files; default: detected"
    )
    in_memory: Flag = Field(
        True, description="false: inputs of NPY and HDF5 files stay on disk and are shuffled in chunks, for data larger than memory"
    )
    header: Annotated[Header | None, Since(4)] = Field(
        None,
        description="header line of CSV files; false: there is none, and the columns are x0, x1, ...; a list sets their names; "
        "true: it may look like a row of data; null: that is an error",
    )
    encoding: Annotated[Encoding, Since(4)] = Field("utf-8", description="encoding of CSV files")
    decimal: Annotated[Literal[".", ","], Since(4)] = Field(".", description="decimal mark in CSV files")
    allow_large: Annotated[Flag, Since(4)] = Field(False, description="read files that declare more than 1,000 times their own size")
    missing: Missing = Field(
        MISSING, description='texts for missing values in addition to the default ones; {"only": [...]} replaces the default ones'
    )
    target: Names | None = Field(None, description="column or columns to predict")
    target_type: Annotated[Literal["auto", "number", "class", "text"], Since(4)] = Field(
        "auto", description="'class': each distinct value is a class; 'text': each distinct text is a class; 'auto': by the loss"
    )
    missing_target: Annotated[Literal["error", "drop"], Since(4)] = Field(
        "error", description="handling of training rows with a missing target"
    )
    inputs: Names | None = Field(None, description="input columns; default: all other columns")
    weight: ColumnName | None = Field(None, description="column of sample weights")
    split: Split | None = Field(None, description="validation rows, taken from the rows of 'path'")
    validation: Text | None = Field(None, description="file with the validation rows")

    @model_validator(mode="after")
    def _consistent(self) -> Data:
        found = given_twice(self.format, {key for key in CSV_OPTIONS if getattr(self, key) != type(self).model_fields[key].default})
        if self.split is not None and self.validation is not None:
            found.append(Finding(("validation",), "'split' and 'validation' both select the validation rows", "remove one of them"))
        special = [("target", name) for name in self.target or ()] + [("weight", self.weight)] * (self.weight is not None)
        inputs = set(self.inputs or ())  # a file may name a hundred thousand
        for key, name in special:
            if name in inputs:
                found.append(Finding((key,), f"the column {name!r} is an input too", "remove it from 'inputs'"))
        if self.weight is not None and self.weight in (self.target or ()):
            found.append(Finding(("weight",), f"the column {self.weight!r} is the target too"))
        column = None if self.split is None else self.split.column
        for use, names in (("the target", self.target), ("an input", self.inputs), ("the weight", (self.weight,))):
            if column is not None and column in (names or ()):
                found.append(Finding(("split", "column"), f"the column {column!r} is {use} too", "use a column that is only for the split"))
        for key, names in (("target", self.target), ("inputs", self.inputs)):
            repeated = sorted(name for name, count in Counter(names).items() if count > 1)
            found += [Finding((key,), f"the column {name!r} is listed twice") for name in repeated]
        return raise_any(self, found)


class Preprocessing(Part):
    """Preprocessing of the columns, fitted on the training rows only and saved in the model.

    A text column with more than 20 distinct texts, most of them unique, probably contains names, dates or numbers with units. It raises an
    error unless `columns` sets it to "ignore" or "one_hot".
    """

    model_config = example({"target": "robust", "columns": {"zip": "one_hot", "id": "ignore"}})

    numbers: Literal["standardize", "none"] = Field("standardize", description="'standardize': to mean 0 and standard deviation 1")
    categories: Literal["one_hot", "none"] = Field("one_hot", description="one 0/1 column per category; 'none' raises an error for text")
    missing: Literal["impute", "none"] = Field(
        "impute", description="'impute': by the median, with an indicator column; 'none' raises an error for missing values"
    )
    target: Annotated[Literal["auto", "standardize", "robust", "none"], Since(4, values=("robust",))] = Field(
        "auto",
        description="'auto' scales numbers as the loss recommends if the last activation is unbounded on both sides; "
        "'standardize' by mean and standard deviation, 'robust' by median and quartiles; predictions are scaled back",
    )
    columns: Annotated[Mapping[AnyColumn, Treatment], InParts, BeforeValidator(_each_once)] = Field(
        {}, description="handling of single columns"
    )


NO_PREPROCESSING = {"numbers": "none", "categories": "none", "missing": "none", "target": "none"}


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
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, description="layers from the first hidden layer to the output layer"), InParts]

    @model_validator(mode="after")
    def _consistent(self) -> NetworkSpec:
        found: list[Finding] = []
        for index, layer in enumerate(self.layers[:-1]):
            if layer.units is None:
                found.append(Finding(("layers", index), "'units' is missing", "only the last layer may omit it"))
        last, at = self.layers[-1], len(self.layers) - 1
        found += self.residual_findings(self.inputs)
        if rate_of(last.dropout):
            found.append(Finding(("layers", at, "dropout"), "dropout in the last layer would drop predictions", "use it in earlier layers"))
        found += one_unit_softmax(last.units, last, ("layers", at))
        if not any(layer.trainable for layer in self.layers):
            found.append(Finding(("layers",), "no layer is trainable", "remove 'trainable' from at least one layer"))
        return raise_any(self, found)

    def residual_findings(self, inputs: int | None) -> list[Finding]:
        """Return findings for residual connections that do not fit a number of network inputs, or None if it is not known yet."""
        found, widths = [], [inputs, *(layer.units for layer in self.layers)]  # of the inputs of each layer
        for index, layer in enumerate(self.layers):
            if layer.residual is None:
                continue
            path, from_layer = ("layers", index, "residual"), index - layer.residual + 1
            if index == len(self.layers) - 1:
                message = "a residual connection of the last layer would change the range of the predictions"
                found.append(Finding(path, message, "use it in earlier layers"))
            elif from_layer < 0:
                found.append(Finding(path, f"there are only {index} layers before this one", f"use at most {index + 1}"))
            elif None not in (layer.units, widths[from_layer]) and layer.units != widths[from_layer]:
                message = f"the inputs of layer {from_layer} have width {widths[from_layer]}, but this layer has {layer.units} units"
                found.append(Finding(path, message, "give both the same width"))
        return found


class EarlyStopping(Part):
    """Early stopping if the monitored value has not improved for `patience` epochs. The best weights are always restored."""

    model_config = example({"monitor": "accuracy", "patience": 20})

    monitor: Text = Field("validation_loss", description="'validation_loss', 'training_loss' or the name of one of the metrics")
    patience: Count = Field(10, description="epochs without improvement")
    min_delta: Annotated[Number, Field(ge=0)] = Field(0.0, description="smallest change that counts as an improvement")


class Checkpoint(Part):
    """Checkpoints, from which a run can be resumed. The best one is kept in addition to the most recent ones."""

    model_config = example({"minutes": 10, "keep": 2})

    folder: Annotated[Text | None, Since(4, values=(None,))] = Field(
        None,
        description="folder relative to the spec, created if missing, for one run only; default: named after the model file",
    )
    epochs: Count | None = Field(None, description="epochs between checkpoints; 1 if 'minutes' is omitted too")
    minutes: Annotated[Number, Field(gt=0)] | None = Field(None, description="minutes between checkpoints, which may fall within an epoch")
    keep: Count = Field(2, description="number of recent checkpoints to keep")

    @model_validator(mode="after")
    def _some_interval(self) -> Checkpoint:
        if self.epochs is None and self.minutes is None:
            object.__setattr__(self, "epochs", 1)
        return self


class Training(Part):
    """Options of the training loop."""

    model_config = example({"epochs": 200, "batch_size": 128, "early_stopping": {"patience": 20}})

    epochs: Count = Field(100, description="passes over the training rows")
    batch_size: Count | None = Field(32, description="rows per step; null: all rows")
    shuffle: Flag = Field(True, description="shuffle the rows in each epoch")
    early_stopping: EarlyStopping | None = Field(None, description="stop when the monitored value no longer improves")
    checkpoint: Checkpoint | None = Field(None, description="options of checkpoints; null: none")
    keep_state: Annotated[Flag, Since(4)] = Field(
        False, description="save the state of the optimizer also after a finished run, so that it can be continued"
    )
    weighted_metrics: Annotated[Flag, Since(4)] = Field(False, description="apply sample weights in validation metrics, as in the loss")
    clip_value: Annotated[Number | None, Field(gt=0), Since(5)] = Field(
        None, description="largest absolute value of a number of the gradient"
    )
    clip_norm: Annotated[Number | None, Field(gt=0), Since(5)] = Field(
        None, description="largest Euclidean norm of the gradient of all parameters, after 'clip_value' (1211.5063)"
    )
    weight_decay: Annotated[Number, Field(ge=0), Since(5)] = Field(
        0.0, description="decoupled weight decay: in each step weights are multiplied by 1 - learning rate * weight_decay (1711.05101)"
    )
    decay_all: Annotated[Flag, Since(5)] = Field(False, description="biases, scales and shifts decay too")
    average: Annotated[WeightAverage | None, Since(5)] = Field(
        None, description="'ema' or 'swa': the model predicts with an average of the weights"
    )


def plugin_name(plugin: Plugin) -> str:
    """Return the name of a plugin object, without its distribution."""
    name: str = REGISTRIES[plugin.kind].info(type(plugin)).name
    return name


def one_unit_softmax(units: int | None, last: Layer, path: tuple[str | int, ...]) -> list[Finding]:
    if units != 1 or last.activation.output != "distribution":
        return []
    message = f"{plugin_name(last.activation)} over one unit is always 1, so nothing can be learned"
    return [Finding((*path, "activation"), message, "use 'sigmoid' with 'binary_crossentropy' for two classes, 'linear' for a number")]
