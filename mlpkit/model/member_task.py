"""Training of one member of an ensemble in a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlpkit.data.dataset import Dataset
from mlpkit.data.folds import Fold
from mlpkit.errors import MLPKitError
from mlpkit.model.model import Model
from mlpkit.model.serialization import from_contents
from mlpkit.modelfile import reader
from mlpkit.preprocessing.members import member_data
from mlpkit.preprocessing.prepare import Prepared
from mlpkit.spec import Checkpoint
from mlpkit.training.member_checkpoints import MemberCheckpoints

if TYPE_CHECKING:
    from mlpkit.workers.job import Job

Arrays = Mapping[str, NDArray[Any]]


def shared_arrays(prepared: Prepared) -> dict[str, NDArray[Any]]:
    """Return the arrays of prepared data in memory by name, for `prepared_from` in another process."""
    found = {"values": prepared.values, "train_values": prepared.train_values, "sample_weights": prepared.sample_weights}
    for name, data in (("train", prepared.train), ("validation", prepared.validation)):
        if isinstance(data, Dataset):
            found |= {f"{name}.inputs": data.inputs, f"{name}.targets": data.targets, f"{name}.weights": data.weights}
    for number, fold in enumerate(prepared.folds):
        found |= {f"folds.{number}.training": fold.training, f"folds.{number}.validation": fold.validation}
    return {name: np.asarray(array) for name, array in found.items() if array is not None}


def prepared_from(arrays: Arrays, model: Model, *, weighted: bool) -> Prepared:
    """Return prepared data from their arrays, with the fitted preprocessing of a model."""
    assert model.input_encoder is not None
    assert model.target_encoder is not None
    train, validation = (
        Dataset(arrays[f"{name}.inputs"], arrays[f"{name}.targets"], arrays.get(f"{name}.weights")) if f"{name}.inputs" in arrays else None
        for name in ("train", "validation")
    )
    assert train is not None
    count = sum(name.startswith("folds.") for name in arrays) // 2
    folds = tuple(Fold(arrays[f"folds.{number}.training"], arrays[f"folds.{number}.validation"]) for number in range(count))
    values, own = (arrays["values"], arrays["train_values"]), arrays.get("sample_weights")
    return Prepared(model.input_encoder, model.target_encoder, train, validation, *values, weighted, sample_weights=own, folds=folds)


def train_member(values: dict[str, Any], data: bytes, job: Job) -> tuple[dict[str, Any], bytes]:
    """Train a member whose model file is `data`, and return its file with the state of its run; a `mlpkit.workers.job.Function`."""
    model = Model.from_parts(from_contents(reader.from_bytes(data), data))
    prepared = member_data(prepared_from(job.arrays, model, weighted=values["weighted"]), values["member"])

    def send_checkpoint() -> None:
        job.send({"checkpoint": True}, _file(model, training_state=True))

    own = None
    if values["checkpoint"] is not None:
        own = partial(MemberCheckpoints, Checkpoint.model_validate(values["checkpoint"]), save=send_checkpoint)
    try:
        for epoch in model.epochs(prepared, job.stopped, resume=values["resume"], checkpoints=own, keep_state=True):
            job.send({"epoch": list(epoch)})
    except MLPKitError:
        if model.history:
            job.send({"failed": True}, _file(model, training_state=False))
        raise
    return {"finished": model._runs.finished}, _file(model, training_state=True)


def _file(model: Model, *, training_state: bool) -> bytes:
    file = BytesIO()
    model.save(file, training_state=training_state)
    return file.getvalue()
