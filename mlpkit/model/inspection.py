"""Description of a model file with its complete spec, without its plugins."""

from __future__ import annotations

from typing import Any

from mlpkit.modelfile.hdf5.source import ModelSource
from mlpkit.modelfile.summary import summary
from mlpkit.spec.forms import full_spec


def inspect(path: ModelSource) -> dict[str, Any]:
    """Return a description of a model file, without its plugins.

    Structure, manifest, spec and history are verified; tensors are not read.

    Returns
    -------
    dict
        JSON values under the keys path, file_bytes, container, spec_schema, required_features, producer, manifest_sha256, spec (with all
        defaults, except for options of third-party plugins that the file omits), plugins, preprocessing, columns, classes, history
        (columns, epochs, last: the last row by column, None if not measured), tensors (name to dtype and shape), parameters (their
        number), metadata, training (state of a run that can be resumed; None if it is finished).

    Raises
    ------
    ModelFileError
        The file cannot be read or is not valid. The message names the file; subclasses distinguish the causes.
    """
    found = summary(path)
    return {**found, "spec": full_spec(found["spec"])}
