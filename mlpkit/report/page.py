"""Report on a model: one page of HTML without scripts, which loads nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mlpkit.data.shards import are_files, described
from mlpkit.model.load import load
from mlpkit.model.model import Model
from mlpkit.preprocessing.prepare import Prepared, prepare
from mlpkit.report.calibration import calibration_section
from mlpkit.report.classes import class_section
from mlpkit.report.columns import importance_section
from mlpkit.report.decisions import decision_section
from mlpkit.report.document import document
from mlpkit.report.drift import drift_section
from mlpkit.report.facts import facts_section, title_of
from mlpkit.report.folds import fold_section
from mlpkit.report.history import history_section
from mlpkit.report.layers import layer_section
from mlpkit.report.numbers import number_section
from mlpkit.report.predictions import prediction_section
from mlpkit.report.rows import ReportRows
from mlpkit.report.scores import score_section
from mlpkit.report.search import search_section
from mlpkit.report.slices import slice_section
from mlpkit.report.subject import Subject, facts_of, file_digest, rows_digest
from mlpkit.report.wrong_rows import wrong_section
from mlpkit.text.markup import Markup, name_of, paragraph

Section = tuple[str, str, Callable[[Subject], Markup | None]]  # anchor, title, and content


def html_report(
    model: Model | str | Path,
    rows: Any = None,
    y: Any = None,
    *,
    training: Any = None,
    weights: Any = None,
    weighted: bool = False,
    raw: bool = True,
    allow_large: bool = False,
) -> str:
    """Return a report on a model as one page of HTML, without scripts, images or requests: the same text for the same arguments.

    Without rows it has the facts of the file, its scores, learning curves and layers. Rows without targets add the predictions, the change
    of these when a column is shuffled, and the drift against the training rows. Rows with targets add scores with intervals beside those of
    baselines, errors, calibration, the rows that the model is most wrong about, and scores by slice.

    Parameters
    ----------
    model : Model, str or Path
        A model, or the path of its file.
    rows, y, weights, weighted, allow_large
        The same as for `Model.evaluate`.
    training : as for `Model.evaluate`, optional
        The rows that the model was trained on, which are split as its spec says, to measure training and validation rows too. Baselines are
        fitted on the training rows then.
    raw : bool
        False to leave out the section with single rows of the data.

    Returns
    -------
    str

    Raises
    ------
    DataError
        The model has not been trained, or the rows cannot be used.
    ModelFileError, PluginError
        The file cannot be loaded.

    Examples
    --------
    >>> Path("report.html").write_text(mlpkit.html_report("model.h5", "test.csv"))     # doctest: +SKIP
    """
    path = model if isinstance(model, (str, Path)) else None
    loaded = load(path) if path is not None else model
    assert isinstance(loaded, Model)
    given = {"training": training, "weights": weights, "weighted": weighted, "raw": raw, "allow_large": allow_large}
    return page(subject_of(loaded, path, rows, y, **given))


def subject_of(
    model: Model,
    path: str | Path | None,
    rows: Any = None,
    y: Any = None,
    *,
    training: Any = None,
    weights: Any = None,
    weighted: bool = False,
    raw: bool = True,
    allow_large: bool = False,
) -> Subject:
    """Return the subject of a report on a model, which was loaded from a path if it is given; see `html_report`."""
    _, facts = model.encoders, facts_of(model, path)  # the first raises the error of an untrained model
    found = None if rows is None else ReportRows(model, rows, y, weights, weighted=weighted, allow_large=allow_large)
    file = is_file(rows)
    digest = "" if found is None else file_digest(rows) if file else rows_digest(found)
    prepared = None if training is None else _prepared(model, training, allow_large)
    same = file and is_file(training) and file_digest(training) == digest
    return Subject(model, facts, found, Path(described(rows)).name if file else "", digest, prepared, same, raw)


def is_file(source: Any) -> bool:
    """Return True for the path of files, other than stdin."""
    return are_files(source) and str(source) != "-"


def _prepared(model: Model, training: Any, allow_large: bool) -> Prepared:
    """Return training and validation rows, encoded as the model does."""
    spec = model.spec.allowing_large() if allow_large else model.spec
    return prepare(spec, *(training if isinstance(training, tuple) else (training,)), encoders=model.encoders)


def page(subject: Subject) -> str:
    """Return the page of a subject."""
    with np.errstate(all="ignore"):  # predictions may overflow
        made = [(anchor, title, content) for anchor, title, make in _sections(subject) if (content := make(subject))]
        head = title_of(subject)
    return document(f"{name_of(subject.model.spec.name)}: report", [head, _raw_note(subject)], made)


def _raw_note(subject: Subject) -> str:
    if subject.measured is None or not subject.raw:
        return ""
    return paragraph("This page has values of single rows of the data.", "note")


def _sections(subject: Subject) -> list[Section]:
    """Return the sections in order: those that the model, its task and the rows have."""
    first: list[Section] = [("scores", "Scores", score_section), ("history", "Learning curves", history_section)]
    chosen: list[Section] = [("folds", "Cross-validation", fold_section), ("search", "Search", search_section)]
    last: list[Section] = [*chosen, ("layers", "Layers", layer_section), ("facts", "Facts", facts_section)]
    if subject.rows is None:
        return [*first, *last]
    columns: list[Section] = [("columns", "Columns", importance_section)]
    drift: list[Section] = [("drift", "Drift", drift_section)]
    if subject.measured is None:
        return [*first, ("predictions", "Predictions", prediction_section), *columns, *drift, *last]
    numbers: list[Section] = [("errors", "Errors", number_section)]
    classes: list[Section] = [("classes", "Classes", class_section), ("decisions", "Decisions", decision_section)]
    errors = numbers if subject.encoders[1].task == "regression" else classes
    calibration: list[Section] = [("calibration", "Calibration", calibration_section)]
    rows: list[Section] = [("wrong", "Most wrong", wrong_section)] if subject.raw else []
    slices: list[Section] = [("slices", "Slices", slice_section)]
    return [*first, *errors, *calibration, *rows, *columns, *slices, *drift, *last]
