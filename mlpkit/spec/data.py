"""Data: source of the rows and roles of the columns."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mlpkit.plugin.since import Since
from mlpkit.spec.class_labels import Label, Labels
from mlpkit.spec.csv_options import MISSING, Encoding, Header, Missing, check_separator
from mlpkit.spec.data_paths import DataPaths
from mlpkit.spec.file_format import CSV_OPTIONS, FileFormat, given_twice
from mlpkit.spec.findings import Finding, Findings
from mlpkit.spec.part import ColumnName, Flag, Names, Number, Part, Seed, Text, example, raise_any
from mlpkit.spec.units import Units
from mlpkit.spec.weights import ClassWeight, TargetWeights

NEWER = (("jsonl", 8), ("parquet", 8), ("arrow", 8), ("xlsx", 8))
EITHER = "give either 'validation', a share of the rows, or 'column', the column with the use of each row"


class Split(Part):
    """Validation and test rows: shares of the rows, drawn at random or by groups or hashes or the latest, or rows marked in a column."""

    model_config = example({"validation": 0.2})

    validation: Annotated[Number, Field(gt=0, lt=1)] | None = Field(
        None, description="share of the rows, between 0 and 1; not used with 'rotate' in 'ensemble'"
    )
    stratify: Flag = Field(True, description="keep the shares of the classes equal in training and validation rows")
    seed: Seed | None = Field(None, description="seed of the split; default: the seed of the spec")
    column: ColumnName | None = Field(None, description="column with 'train', 'validation' or 'test' for each row")
    group: Annotated[ColumnName | None, Since(5)] = Field(
        None,
        description="column such as 'patient': rows with the same value stay together; it is an input only if 'inputs' names it",
    )
    time: Annotated[ColumnName | None, Since(5)] = Field(
        None,
        description="column of numbers or dates: the validation rows are the latest, and later than every training row; "
        "nothing is drawn; it is an input only if 'inputs' names it",
    )

    hash: Annotated[ColumnName | None, Since(8)] = Field(
        None,
        description="column such as 'id': the hash of its value decides the part of a row, which stays the same when rows are added; "
        "it is an input only if 'inputs' names it",
    )
    test: Annotated[Number | None, Field(gt=0, lt=1), Since(8)] = Field(
        None,
        description="share of the rows that are for neither training nor validation, chosen like validation rows; "
        "'mlpkit evaluate --part test' scores them",
    )

    @property
    def columns(self) -> dict[str, str]:
        """Columns that decide the split, by key."""
        return {key: name for key in ("column", "group", "time", "hash") if (name := getattr(self, key)) is not None}

    @model_validator(mode="after")
    def _one_way(self) -> Split:
        refining = [key for key in self.columns if key != "column"]
        if self.column is not None:
            message = "'column' gives the use of each row already"
            raise_any(self, [Finding((key,), message, f"remove {key!r}, or 'column'") for key in refining])
        if len(refining) > 1:
            first, second = refining[:2]
            message = f"{first!r} and {second!r} cannot be combined: rows that belong together by one would be on both sides by the other"
            raise Findings([Finding((second,), message, "keep 'group' to predict for new groups, or 'time' to predict the future")])
        if self.validation is not None and self.column is not None:
            raise ValueError(EITHER)
        if self.test is not None and self.column is not None:
            raise Findings([Finding(("test",), "'column' gives the use of each row already", "write 'test' in some rows of the column")])
        if (self.validation or 0.0) + (self.test or 0.0) >= 1:
            raise Findings([Finding(("test",), "the shares of 'validation' and 'test' leave no row for training", "use smaller shares")])
        return self


class Data(Part):
    """Source of the rows, and roles of their columns."""

    model_config = example({"path": "penguins.csv", "target": "species", "inputs": ["island", "body_mass_g"], "split": {"validation": 0.2}})

    path: Annotated[DataPaths | None, Since(8, older=(None, str))] = Field(
        None,
        description="CSV, TSV, JSON lines, Parquet, Arrow, Excel, NPZ, NPY or HDF5 file, relative to the spec; text may be compressed; '-' "
        "for stdin; files of a folder, of a glob such as 'rows/*.parquet', or of a list are shards of one table",
    )
    format: Annotated[FileFormat | None, Since(5, older=(None, "csv", "tsv", "npz", "npy", "hdf5"), newer=NEWER)] = Field(
        None,
        description="reader of the file, such as 'csv', or an object with its name as type and its options; default: by the suffix",
    )
    separator: Annotated[str, Field(strict=True, min_length=1, max_length=1), AfterValidator(check_separator)] | None = Field(
        None, description="separator in CSV files; default: detected"
    )
    in_memory: Flag = Field(
        True,
        description="false: inputs stay on disk, in NPY and HDF5 files or in a temporary file, and are shuffled in chunks, for data "
        "larger than memory",
    )
    header: Annotated[Header | None, Since(4)] = Field(
        None,
        description="header line of CSV files; false: there is none, and the columns are x0, x1, ...; a list sets their names; "
        "true: it may look like a row of data; null: that is an error",
    )
    encoding: Annotated[Encoding, Since(4)] = Field("utf-8", description="encoding of CSV files")
    decimal: Annotated[Literal[".", ","], Since(4)] = Field(".", description="decimal mark in CSV files")
    allow_large: Annotated[Flag, Since(4)] = Field(
        False, description="read files that declare, or unpack to, more than 1,000 times their own size"
    )
    missing: Missing = Field(
        MISSING, description='texts for missing values in addition to the default ones; {"only": [...]} replaces the default ones'
    )
    units: Annotated[Units, Since(6)] = Field(
        {},
        description="columns of texts with numbers, such as '$1,234.50', '12 kg' and '3 %', each with its unit, '' for none, a list of "
        "spellings of one unit, or an object; inputs and targets become these numbers",
    )
    target: Names | None = Field(
        None, description="column or columns to predict; with 'classes', several columns are the probabilities of the classes"
    )
    target_type: Annotated[Literal["auto", "number", "class", "text"], Since(4)] = Field(
        "auto", description="'class': each distinct value is a class; 'text': each distinct text is a class; 'auto': by the loss"
    )
    missing_target: Annotated[Literal["error", "drop"], Since(4)] = Field(
        "error", description="handling of training rows with a missing target"
    )
    classes: Annotated[Labels | None, Since(5)] = Field(
        None,
        description="all classes in their order, also those that the training rows lack; default: those found, sorted; of several target "
        "columns each is the probability of one class, by its label as name, else by position",
    )
    positive: Annotated[Label | None, Since(5)] = Field(
        None, description="of two classes, the second one, whose probability a sigmoid predicts; default: the last in the order"
    )
    class_weight: Annotated[ClassWeight | None, Since(5)] = Field(
        None, description="weight of each class, times the sample weights in training; 'balanced': all classes weigh the same in total"
    )
    target_weights: Annotated[TargetWeights | None, Since(5)] = Field(
        None,
        description="weight of each of several targets in the loss, also of validation rows and of evaluate, but not in metrics; "
        "others weigh 1, and the loss of a row is the weighted mean of those of its targets",
    )
    inputs: Names | None = Field(None, description="input columns; default: all other columns")
    weight: ColumnName | None = Field(None, description="column of sample weights")
    split: Split | None = Field(None, description="validation rows, taken from the rows of 'path'")
    validation: Text | None = Field(None, description="file, folder or glob with the validation rows")

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
        for key, column in ({} if self.split is None else self.split.columns).items():
            for use, names in (("the target", self.target), ("an input", self.inputs), ("the weight", (self.weight,))):
                if column in (names or ()) and (key == "column" or use != "an input"):
                    help = "use a column that is only for the split"
                    found.append(Finding(("split", key), f"the column {column!r} is {use} too", help))
        for key, names in (("target", self.target), ("inputs", self.inputs)):
            repeated = sorted(name for name, count in Counter(names).items() if count > 1)
            found += [Finding((key,), f"the column {name!r} is listed twice") for name in repeated]
        return raise_any(self, found)
