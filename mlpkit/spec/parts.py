"""The parts of a spec: data, preprocessing, network and training, each a frozen value that checks itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlpkit.plugin import REGISTRIES, Activation, Initializer, Plugin
from mlpkit.plugin.json_schema import Words
from mlpkit.plugin.since import Since
from mlpkit.spec.csv_options import MISSING, Encoding, Header, Missing, check_separator
from mlpkit.spec.file_format import FileFormat, given_twice
from mlpkit.spec.normalization import BatchNormalization, Normalization
from mlpkit.spec.part import AnyColumn, ColumnName, Count, Flag, Names, Number, Part, Seed, Text, example, raise_any
from mlpkit.spec.validation import Finding
from mlpkit.text.column_names import same_form
from mlpkit.text.limits import InParts

Treatment = Literal["standardize", "none", "one_hot", "ignore"]


def _each_once(value: Any) -> Any:
    """Return it; an error for a column that is there in two Unicode forms, of which one would be lost."""
    names = [same_form(name) for name in value if isinstance(name, str)] if isinstance(value, Mapping) else []
    if twice := next((name for name, count in Counter(names).items() if count > 1), None):
        raise ValueError(f"names the column {twice!r} twice, in two Unicode forms")
    return value


class Split(Part):
    """The validation rows: a share of them drawn by a generator of its own, or as a column says."""

    model_config = example({"validation": 0.2})

    validation: Annotated[Number, Field(gt=0, lt=1)] | None = Field(None, description="share of the rows, between 0 and 1")
    stratify: Flag = Field(True, description="keep the classes' shares equal in both parts")
    seed: Seed | None = Field(None, description="of the split alone; the spec's seed when left out")
    column: ColumnName | None = Field(None, description="a column that says 'train', 'validation' or 'test' for each row")

    @model_validator(mode="after")
    def _one_way(self) -> Split:
        if (self.validation is None) == (self.column is None):
            raise ValueError("give either 'validation', a share of the rows, or 'column', which says what each row is for")
        return self


class Data(Part):
    """The source of the rows and the roles of their columns."""

    model_config = example({"path": "penguins.csv", "target": "species", "inputs": ["island", "body_mass_g"], "split": {"validation": 0.2}})

    path: Text | None = Field(None, description="CSV, TSV, NPZ, NPY or HDF5 file, relative to the spec; '-' for stdin")
    format: Annotated[FileFormat | None, Since(5, older=(None, "csv", "tsv", "npz", "npy", "hdf5"))] = Field(
        None,
        description="reader of the file, such as 'csv', or an object with its name as type and its options; by the suffix if left out",
    )
    separator: Annotated[str, Field(strict=True, min_length=1, max_length=1), AfterValidator(check_separator)] | None = Field(
        None, description="of CSV files; sniffed when left out"
    )
    in_memory: Flag = Field(
        True, description="false: the inputs of an NPY or HDF5 file stay on disk, and are shuffled in chunks; for data larger than memory"
    )
    header: Annotated[Header, Since(4)] = Field(
        True, description="false: a CSV file has no line of names, and its columns are x0, x1, ...; a list names them"
    )
    encoding: Annotated[Encoding, Since(4)] = Field("utf-8", description="of CSV files")
    decimal: Annotated[Literal[".", ","], Since(4)] = Field(".", description="of the numbers in CSV files")
    allow_large: Annotated[Flag, Since(4)] = Field(False, description="read a file that claims more than 1,000 times its own size")
    missing: Missing = Field(
        MISSING, description='texts that mean a missing value, beside the usual ones; {"only": [...]} in place of the usual ones'
    )
    target: Names | None = Field(None, description="the column, or the columns, to predict")
    target_type: Annotated[Literal["auto", "number", "class", "text"], Since(4)] = Field(
        "auto", description="'class': each different value is a class; 'text': each different text is; 'auto': as the loss needs"
    )
    missing_target: Annotated[Literal["error", "drop"], Since(4)] = Field(
        "error", description="what to do with training rows whose target is missing"
    )
    inputs: Names | None = Field(None, description="the columns to predict from: all others when left out")
    weight: ColumnName | None = Field(None, description="a column with what each row counts")
    split: Split | None = Field(None, description="the validation rows, taken from the rows of 'path'")
    validation: Text | None = Field(None, description="a file with the validation rows")

    @model_validator(mode="after")
    def _consistent(self) -> Data:
        found = given_twice(self.format, self.model_fields_set)
        if self.split is not None and self.validation is not None:
            found.append(Finding(("validation",), "'split' and 'validation' both choose the validation rows", "keep one of them"))
        special = [("target", name) for name in self.target or ()] + [("weight", self.weight)] * (self.weight is not None)
        inputs = set(self.inputs or ())  # a file may name a hundred thousand
        for key, name in special:
            if name in inputs:
                found.append(Finding((key,), f"the column {name!r} is an input too", "take it out of 'inputs'"))
        if self.weight is not None and self.weight in (self.target or ()):
            found.append(Finding(("weight",), f"the column {self.weight!r} is the target too"))
        column = None if self.split is None else self.split.column
        for use, names in (("the target", self.target), ("an input", self.inputs), ("the weight", (self.weight,))):
            if column is not None and column in (names or ()):
                found.append(Finding(("split", "column"), f"the column {column!r} is {use} too", "name one that is for the split alone"))
        for key, names in (("target", self.target), ("inputs", self.inputs)):
            repeated = sorted(name for name, count in Counter(names).items() if count > 1)
            found += [Finding((key,), f"the column {name!r} is named twice") for name in repeated]
        return raise_any(self, found)


class Preprocessing(Part):
    """The preprocessing of the columns. Everything is fitted on the training rows alone and saved in the model.

    A text column with more than 20 different texts, of which most rows have one of their own, holds names, dates in words
    or numbers with units: it is refused, unless `columns` says "ignore", or insists with "one_hot".
    """

    model_config = example({"target": "robust", "columns": {"zip": "one_hot", "id": "ignore"}})

    numbers: Literal["standardize", "none"] = Field("standardize", description="to mean 0 and deviation 1")
    categories: Literal["one_hot", "none"] = Field(
        "one_hot", description="one 0/1 column per category, which rows must share; 'none' refuses text"
    )
    missing: Literal["impute", "none"] = Field("impute", description="median and an indicator column; 'none' refuses gaps")
    target: Annotated[Literal["auto", "standardize", "robust", "none"], Since(4, values=("robust",))] = Field(
        "auto",
        description="'auto' scales numbers as the loss wants where the last activation gives any size and sign; "
        "'standardize' by mean and deviation, 'robust' by median and quartiles; predictions are scaled back",
    )
    columns: Annotated[Mapping[AnyColumn, Treatment], InParts, BeforeValidator(_each_once)] = Field(
        {}, description="what is done to single columns"
    )


NO_PREPROCESSING = {"numbers": "none", "categories": "none", "missing": "none", "target": "none"}


class Layer(Part):
    """One layer: outputs = activation(normalization(x @ weight + bias)), then dropout while it trains."""

    model_config = example({"units": 64, "activation": "relu", "normalization": "batch", "dropout": 0.2})

    units: Count | None = Field(None, description="width; may be left out in the last layer, where the target decides")
    activation: Activation = Field("linear", validate_default=True, description="function of the layer's pre-activations")
    dropout: Annotated[Number, Field(ge=0, lt=1)] = Field(0.0, description="share of the outputs that training drops (1207.0580)")
    normalization: Normalization | None = Field(None, description="'batch' or 'layer'")
    bias: Flag = Field(True, description="a layer with batch normalization has none: its shift does the same")
    weight_initializer: Annotated[
        Initializer | None, BeforeValidator(lambda value: None if value == "auto" else value), Words(("auto",))
    ] = Field(None, description="'auto', the default: what the activation recommends")
    bias_initializer: Initializer = Field("zeros", validate_default=True, description="initial bias")
    learning_rate_factor: Annotated[Number, Field(gt=0), Since(5)] = Field(1.0, description="times the learning rate, for this layer")
    trainable: Annotated[Flag, Since(5)] = Field(
        True, description="false: the layer keeps its weights, and its batch normalization the running averages"
    )

    @model_validator(mode="after")
    def _resolve_initializer(self) -> Layer:
        if self.weight_initializer is None:
            recommended = REGISTRIES["initializers"].get(self.activation.initializer)()
            object.__setattr__(self, "weight_initializer", recommended)
        return self

    @property
    def has_bias(self) -> bool:
        """Return whether the layer has a bias of its own."""
        return self.bias and not isinstance(self.normalization, BatchNormalization)


class NetworkSpec(Part):
    """The layers, from the inputs on."""

    model_config = example({"layers": [{"units": 32, "activation": "relu"}, {"activation": "softmax"}]})

    inputs: Count | None = Field(None, description="width of the encoded inputs; the data decide when left out")
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, description="from the first hidden layer to the output layer"), InParts]

    @model_validator(mode="after")
    def _consistent(self) -> NetworkSpec:
        found: list[Finding] = []
        for index, layer in enumerate(self.layers[:-1]):
            if layer.units is None:
                found.append(Finding(("layers", index), "'units' is missing", "only the last layer may leave it out"))
        last, at = self.layers[-1], len(self.layers) - 1
        if last.dropout:
            found.append(
                Finding(("layers", at, "dropout"), "dropout in the last layer would drop predictions", "put it in the layers before")
            )
        found += one_unit_softmax(last.units, last, ("layers", at))
        if not any(layer.trainable for layer in self.layers):
            found.append(Finding(("layers",), "no layer is trainable", "leave out 'trainable' in at least one layer"))
        return raise_any(self, found)


class EarlyStopping(Part):
    """Stop when the monitored figure has not improved for `patience` epochs. The best weights are always restored."""

    model_config = example({"monitor": "accuracy", "patience": 20})

    monitor: Text = Field("validation_loss", description="'validation_loss', 'training_loss' or the name of one of the metrics")
    patience: Count = Field(10, description="epochs without improvement")
    min_delta: Annotated[Number, Field(ge=0)] = Field(0.0, description="what counts as an improvement")


class Checkpoint(Part):
    """Files from which a run can go on, written while it trains; the best stays beside the last ones."""

    model_config = example({"minutes": 10, "keep": 2})

    folder: Annotated[Text | None, Since(4, values=(None,))] = Field(
        None,
        description="relative to the spec, made when it is not there; each run has its own: one named after the model file if left out",
    )
    epochs: Count | None = Field(None, description="one after every so many epochs; each epoch when 'minutes' is left out too")
    minutes: Annotated[Number, Field(gt=0)] | None = Field(None, description="one after so many minutes, in the middle of an epoch too")
    keep: Count = Field(2, description="how many of the last ones stay")

    @model_validator(mode="after")
    def _some_interval(self) -> Checkpoint:
        if self.epochs is None and self.minutes is None:
            object.__setattr__(self, "epochs", 1)
        return self


class Training(Part):
    """The loop."""

    model_config = example({"epochs": 200, "batch_size": 128, "early_stopping": {"patience": 20}})

    epochs: Count = Field(100, description="passes over the training rows")
    batch_size: Count | None = Field(32, description="rows per step; null: all of them")
    shuffle: Flag = Field(True, description="draw a new order of the rows in each epoch")
    early_stopping: EarlyStopping | None = Field(None, description="stop when the monitored figure no longer improves")
    checkpoint: Checkpoint | None = Field(None, description="write checkpoints; null: none")
    keep_state: Annotated[Flag, Since(4)] = Field(
        False, description="save the optimizer's arrays in the file of a finished run too, so that it can go on"
    )
    weighted_metrics: Annotated[Flag, Since(4)] = Field(
        False, description="weight the rows in the metrics of validation, as they are in the loss"
    )


def plugin_name(plugin: Plugin) -> str:
    """The bare name of a plugin object."""
    name: str = REGISTRIES[plugin.kind].info(type(plugin)).name
    return name


def one_unit_softmax(units: int | None, last: Layer, path: tuple[str | int, ...]) -> list[Finding]:
    if units != 1 or last.activation.output != "distribution":
        return []
    message = f"{plugin_name(last.activation)} over one unit is always 1: nothing could be learned"
    return [Finding((*path, "activation"), message, "use 'sigmoid' with 'binary_crossentropy' for two classes, 'linear' for a number")]
