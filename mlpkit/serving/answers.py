"""Answers of a served model: rows in JSON or CSV become predictions in JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from mlpkit.data.column_values import csv_lines, json_values
from mlpkit.data.sources import read_csv_source
from mlpkit.data.table import missing_columns
from mlpkit.errors import DataError
from mlpkit.model.model import Model
from mlpkit.model.named_predictions import predictions, probabilities
from mlpkit.preprocessing.unseen import OnUnseen
from mlpkit.serving.request_head import BadRequest
from mlpkit.text.column_names import same_form

JSON, CSV = "application/json", "text/csv"
CSV_TYPES = (CSV, "application/csv")
JSON_TYPES = (JSON, "", "application/x-www-form-urlencoded", "text/json")  # that of a form is what curl -d sends
OPTIONS = {"proba": ("true", "false"), "on_unseen": ("warn", "error")}
ROWS = 'give a list of rows, such as [{"height": 1.8}], or one row'


class Columns(NamedTuple):
    """Columns of a model.

    Attributes
    ----------
    known, required : frozenset of str
        Names of all inputs, and of those that had no missing value in training; both empty for a model of an array.
    """

    known: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


class Options(NamedTuple):
    """Options of a request.

    Attributes
    ----------
    proba : bool
        True for probabilities too.
    on_unseen : {"warn", "error"}
    as_csv : bool
        True for an answer in CSV.
    """

    proba: bool
    on_unseen: OnUnseen
    as_csv: bool

    @classmethod
    def of(cls, query: Mapping[str, list[str]], sent: str, accepted: str, on_unseen: OnUnseen) -> Options:
        """Return the options of a request.

        Parameters
        ----------
        query : mapping of str to list of str
            Values by key, as `urllib.parse.parse_qs` returns them.
        sent, accepted : str
            Media type of the rows, and the accepted ones of the answer. Without one that is known, the answer has that of the rows.
        on_unseen : {"warn", "error"}
            Default.
        """
        for key, values in query.items():
            if key not in OPTIONS:
                raise BadRequest(400, f"there is no option {key[:60]!r}", f"the options are {', '.join(OPTIONS)}")
            if len(values) > 1 or values[0] not in OPTIONS[key]:
                raise BadRequest(400, f"the option {key} is {','.join(values)[:60]!r}", f"use {' or '.join(OPTIONS[key])}")
        asked = [kind for kind in (JSON, CSV) if kind in accepted]
        as_csv = sent in CSV_TYPES if len(asked) != 1 else asked == [CSV]
        unseen: Any = query.get("on_unseen", [on_unseen])[0]
        return cls(query.get("proba") == ["true"], unseen, as_csv)


def rows_of(model: Model, body: bytes, sent: str, columns: Columns) -> Any:
    """Return the rows of a request for `Model.predict`: never a path.

    Parameters
    ----------
    model : Model
    body : bytes
    sent : str
        Media type of the body.
    columns : Columns

    Raises
    ------
    BadRequest
        The body is not of the media type, or this is not known.
    DataError
        It is no list of rows.
    """
    if sent in CSV_TYPES:
        return read_csv_source(model.spec, body)
    if sent not in JSON_TYPES:
        raise BadRequest(415, f"rows of type {sent[:60]} cannot be read", f"send {JSON} or {CSV}")
    try:
        rows = _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # ValueError: also for bytes that are not UTF-8, and integers of many digits
        help = f"send {JSON}; for CSV set the header Content-Type: {CSV}"
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise BadRequest(400, f"the body is not valid JSON: {reason}", help) from error
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, (dict, list)) for row in rows):
        raise DataError("the body has no rows", help=ROWS)
    return _checked(rows, columns)


def _checked(rows: list[Any], columns: Columns) -> list[Any]:
    """Return rows whose objects have the columns of the model alone.

    Columns that are not used would make a table of each name in any row, which may be as large as the square of the request. A required
    column that is absent may be misspelled: `Model.predict` would take its value as missing, with a warning that no client sees.
    """
    if not columns.known:  # a model of an array, which takes any names
        if any(isinstance(row, dict) and (not isinstance(rows[0], dict) or row.keys() != rows[0].keys()) for row in rows):
            raise DataError("the rows have different columns", help="give lists of values")
        return rows
    return [_own(row, number, columns) if isinstance(row, dict) else row for number, row in enumerate(rows)]


def _own(row: dict[str, Any], number: int, columns: Columns) -> dict[str, Any]:
    """Return a row without the columns that are not used. Raise DataError if a required one is absent, or if it has no other."""
    if columns.required <= row.keys() <= columns.known:
        return row
    found = {name: value for name, value in row.items() if same_form(name) in columns.known}
    absent = columns.required - set(map(same_form, found)) or (columns.known if row and not found else set())
    if absent:
        error = missing_columns(sorted(absent), list(row))
        raise DataError(f"row {number}: {error.message}", help=f"{error.help}; write null for a value that is missing")
    return found


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON; leave out a missing value, or write null")


_DECODER, _ENCODER = json.JSONDecoder(parse_constant=_refuse), json.JSONEncoder(default=str, allow_nan=False)


def answer(model: Model, rows: Any, options: Options) -> tuple[str, bytes]:
    """Return media type and content of the answer to rows. Errors are those of `Model.predict` and `Model.predict_proba`."""
    if options.as_csv:
        columns = predictions(model, rows, on_unseen=options.on_unseen)
        if options.proba:
            columns = {**columns, **probabilities(model, rows, on_unseen=options.on_unseen)}
        return f"{CSV}; charset=utf-8", csv_lines(columns, header=True).encode()
    found: dict[str, Any] = {"predictions": _predictions(model, rows, options)}
    if options.proba:
        found["probabilities"] = _probabilities(model, rows, options)
    return JSON, _ENCODER.encode(found).encode()


def _predictions(model: Model, rows: Any, options: Options) -> list[Any]:
    """Return a prediction for each row; for several targets an object by their names."""
    values = model.predict(rows, on_unseen=options.on_unseen)
    if values.ndim == 1:
        return json_values(values)
    assert model.target_encoder is not None
    return _objects(model.target_encoder.names, values)


def _probabilities(model: Model, rows: Any, options: Options) -> list[dict[str, Any]]:
    """Return the probabilities of each row by class, or by label."""
    assert model.target_encoder is not None
    names = model.target_encoder.names if model.classes is None else model.classes.tolist()
    return _objects(names, model.predict_proba(rows, on_unseen=options.on_unseen))


def _objects(names: Any, values: Any) -> list[dict[str, Any]]:
    labels = [str(name) for name in names]
    columns = [json_values(column) for column in values.T]
    return [dict(zip(labels, row, strict=True)) for row in zip(*columns, strict=True)]
