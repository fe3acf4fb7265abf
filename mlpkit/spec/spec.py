"""Spec of a training run: an immutable tree of values, converted from and to JSON, with plugin objects inside.

It contains no arrays. Specs are compared by value. Defaults never change, so that a stored spec without a key keeps its meaning
permanently.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticSerializationError

from mlpkit.errors import Problem, SpecError, join_problems
from mlpkit.files.paths import as_path, expanded
from mlpkit.plugin import (
    Loss,
    Metric,
    Optimizer,
)
from mlpkit.plugin.json_schema import Words
from mlpkit.plugin.since import Since
from mlpkit.spec.consistency import inconsistencies
from mlpkit.spec.data import Data
from mlpkit.spec.decision import Decision
from mlpkit.spec.embeddings import AnyEmbedding
from mlpkit.spec.ensemble import FEWEST_FOLDS, Ensemble, member_seed
from mlpkit.spec.findings import Finding, Findings, findings, path_text
from mlpkit.spec.network import NetworkSpec, one_unit_softmax
from mlpkit.spec.part import Part, Seed, Text, example, raise_any
from mlpkit.spec.preprocessing import NO_PREPROCESSING, Preprocessing
from mlpkit.spec.presets import PRESETS
from mlpkit.spec.presets import expanded as expanded_preset
from mlpkit.spec.reading import read_text
from mlpkit.spec.training import Training
from mlpkit.text import json_text
from mlpkit.text.limits import InParts
from mlpkit.text.shown import shortened

AUTO_BATCH = 256  # rows of a batch of the size "auto", unless there are fewer
MOST_PROBLEMS = 50  # most problems reported at once


class Spec(Part):
    """Complete spec. `Spec.read` reads a JSON file, `Spec.model_validate` a dictionary."""

    model_config = example(
        {
            "data": {"path": "xor.csv", "target": "xor"},
            "network": {"layers": [{"units": 8, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
            "loss": "binary_crossentropy",
            "optimizer": {"type": "adam", "learning_rate": 0.05},
            "training": {"epochs": 500, "batch_size": None},
            "metrics": ["accuracy"],
        }
    )
    schema_uri: str | None = Field(None, alias="$schema", description="path of the JSON Schema, for editors; not stored")
    preset: Annotated[Text | None, Since(6), WithJsonSchema({"anyOf": [{"enum": list(PRESETS)}, {"type": "null"}]})] = Field(
        None, description="name of a part of a spec, which the other keys complete and change; stored as its values"
    )
    name: Text = Field("model", description="name of the model, shown by 'mlpkit info'")
    seed: Seed = Field(0, description="seed of the initial weights, shuffling, dropout and the split")
    dtype: Literal["float32", "float64"] = Field("float32", description="number type of the parameters and of training")
    data: Data = Field(Data(), description="source of the rows and roles of the columns")
    preprocessing: Annotated[
        Preprocessing, BeforeValidator(lambda value: NO_PREPROCESSING if value == "none" else value), Words(("none",))
    ] = Field(Preprocessing(), description="preprocessing of the columns; 'none' leaves numbers unchanged")
    network: NetworkSpec = Field(description="network layers")
    loss: Loss = Field(description="loss function to minimize")
    optimizer: Optimizer = Field("adam", validate_default=True, description="update rule of the parameters")
    training: Training = Field(Training(), description="options of the training loop")
    decision: Annotated[Decision | None, Since(5)] = Field(None, description="threshold for two classes; default: 0.5")
    ensemble: Annotated[Ensemble | None, Since(6)] = Field(None, description="several networks whose predictions are averaged")
    metrics: Annotated[tuple[Metric, ...], InParts] = Field((), description="metrics on the validation rows after each epoch")

    _folder: str | None = PrivateAttr("")  # folder for relative paths; None: the spec is from a model file and its paths are not opened

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, value: Any) -> Any:
        return expanded_preset(value)

    @model_validator(mode="after")
    def _consistent(self) -> Spec:
        return raise_any(self, inconsistencies(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and {**self.__dict__, "schema_uri": None} == {**other.__dict__, "schema_uri": None}

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True))

    # -- reading

    @classmethod
    def read(cls, path: str | Path) -> Spec:
        """Return the spec in a JSON file, whose paths are relative to the file's folder.

        Raises
        ------
        SpecError
            The spec is not valid. The message has every problem with its place in the spec, line and column. If all problems are missing,
            broken or ambiguous plugins, the error is the `PluginError` of that kind.
        """
        text = read_text(path)
        return cls.from_json(text, file=str(path), folder=as_path(path, SpecError, "the spec").parent)

    @classmethod
    def from_json(cls, text: str, *, file: str = "", folder: str | Path = "") -> Spec:
        """Return the spec in a JSON text; `file` is the name for errors, and paths in the spec are relative to `folder`."""
        return cls._build(json_text.parse(text, file), text, file, folder)

    @classmethod
    def model_validate(cls, obj: Any, *, folder: str | Path = "") -> Spec:  # type: ignore[override]  # takes no options of Pydantic
        """Return the spec in a dictionary; errors are those of `Spec.read`, without lines."""
        return cls._build(obj, "", "", folder)

    @classmethod
    def _build(cls, obj: Any, text: str, file: str, folder: str | Path) -> Spec:
        try:
            obj = expanded_preset(obj)
        except Findings as error:
            _raise_problems(error.findings, text, file)
        try:
            spec = super().model_validate(obj)
        except ValidationError as error:
            _raise_problems(list(islice(findings(error, cls, obj), MOST_PROBLEMS + 1)), text, file)
        spec._folder = str(folder)
        return spec

    # -- values

    @property
    def has_paths(self) -> bool:
        """True if paths may be opened; False for the spec of a model file."""
        return self._folder is not None

    def without_paths(self) -> Spec:
        """Return a copy of the spec whose paths are not opened, as for a model file."""
        spec = self.model_copy()
        spec._folder = None
        return spec

    def resolve_path(self, path: str) -> Path:
        """Return a path of the spec as one that can be opened; raise SpecError for the spec of a model file."""
        if self._folder is None:
            help = "pass the rows, or the folder, as arguments"
            raise SpecError(f"the spec is from a model file, and its path {shortened(path, 100)!r} is not opened", help=help)
        return Path(self._folder) / expanded(path)

    def allowing_large(self, allowed: bool = True) -> Spec:
        """Return the spec with or without permission to read files that declare far more than their own size."""
        if self.data.allow_large == allowed:
            return self
        return self.model_copy(update={"data": self.data.model_copy(update={"allow_large": allowed})})

    def with_widths(self, inputs: int, outputs: int, embeddings: Sequence[AnyEmbedding] | None = None) -> Spec:
        """Return the spec with the number of inputs, the embedded inputs and the units of the last layer.

        Parameters
        ----------
        inputs : int
            Number of encoded inputs.
        outputs : int
            Units of the last layer.
        embeddings : sequence of embeddings, optional
            Those of the spec with the inputs and levels of the data. By default, an entry without inputs or columns embeds all inputs.

        Raises
        ------
        SpecError
            The spec has other widths than the data require.
        """
        network, last, at = self.network, self.network.layers[-1], len(self.network.layers) - 1
        for name, width in (("inputs", inputs), ("outputs", outputs)):
            if type(width) is not int or width < 1:
                raise SpecError(f"{name} is {width!r}, but must be an integer of at least 1")
        found: list[Finding] = []
        if network.inputs not in (None, inputs):
            found.append(Finding(("network", "inputs"), f"is {network.inputs}, but the encoded data have {inputs} columns", "remove it"))
        if last.units not in (None, outputs):
            path = ("network", "layers", at, "units")
            found.append(Finding(path, f"the last layer has {last.units} units, but the target needs {outputs}", "remove it"))
        found += one_unit_softmax(outputs if last.units is None else None, last, ("network", "layers", at))
        embedded, problems = network.embedded(inputs, embeddings)
        layers = (*network.layers[:-1], last.model_copy(update={"units": outputs}))
        network = network.model_copy(update={"inputs": inputs, "embeddings": embedded, "layers": layers})
        problems += [*network.embedding_findings(), *network.residual_findings(network.first_width)]
        found += [Finding(("network", *each.path), each.message, each.help) for each in problems]
        if found:
            _raise_problems(found, "", "")
        return self.model_copy(update={"network": network})

    def with_batch_size(self, rows: int) -> Spec:
        """Return the spec with a number for the batch size "auto", for a number of training rows."""
        if self.training.batch_size != "auto":
            return self
        return self.model_copy(update={"training": self.training.model_copy(update={"batch_size": min(AUTO_BATCH, rows)})})

    @property
    def rotates(self) -> bool:
        """True if each member of an ensemble holds out other rows for validation."""
        return self.ensemble is not None and self.ensemble.folds == "rotate"

    def of_member(self, number: int) -> Spec:
        """Return the spec of one member of the ensemble, with its own seed. What concerns the whole is left out.

        A split without a share, which only folds may have, gets that of a fold: the spec of a member is valid by itself.
        """
        assert self.ensemble is not None
        seed, budget, data = member_seed(self.seed, number), self.training.time_budget, self.data
        if self.rotates and data.split is not None and data.split.validation is None:
            share = 1 / max(self.ensemble.members, FEWEST_FOLDS)
            data = data.model_copy(update={"split": data.split.model_copy(update={"validation": share})})
        whole = {"checkpoint": None, "keep_state": False, "keep_residuals": False}
        training = self.training.model_copy(update={**whole, "time_budget": budget and budget / self.ensemble.members})
        return self.model_copy(update={"ensemble": None, "decision": None, "seed": seed, "data": data, "training": training})

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as JSON values with all defaults."""
        try:
            return self.model_dump(mode="json", by_alias=True, exclude={"schema_uri", "preset"})
        except PydanticSerializationError as error:
            if isinstance(error.__cause__, Exception) or error.__cause__ is None:
                raise
            raise error.__cause__ from None  # Ctrl-C, which Pydantic converts to an error


def _raise_problems(found: list[Finding], text: str, file: str) -> NoReturn:
    """Raise one error with all findings and their positions in the text."""
    values, keys = json_text.offsets(text) if text else ({}, {})
    problems = []
    for finding in found[:MOST_PROBLEMS]:
        offset = (keys if finding.at_key else values).get(finding.path)
        what = shortened(finding.message), shortened(finding.help), shortened(path_text(finding.path))
        problems.append(Problem(what[0], what[2], what[1], file) if offset is None else json_text.at_offset(text, offset, file, *what))
    if len(found) > MOST_PROBLEMS:
        problems.append(Problem("there are more problems", help="correct these first", file=file))
    errors = [finding.error for finding in found]
    kind = type(errors[0]) if errors[0] is not None and all(errors) else SpecError
    raise kind(join_problems(problems), problems=problems)


def as_spec(spec: Spec | dict[str, Any] | str | Path) -> Spec:
    """Return a spec from a spec, a dictionary or the path of a file."""
    if isinstance(spec, Spec):
        return spec
    return Spec.read(spec) if isinstance(spec, (str, Path)) else Spec.model_validate(spec)
