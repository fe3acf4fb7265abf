"""Inspection: a model file described, with its whole spec, without its plugins."""

from __future__ import annotations

from typing import Any

from mlpkit.modelfile.hdf5.source import ModelSource
from mlpkit.modelfile.summary import summary
from mlpkit.spec.forms import full_spec


def inspect(path: ModelSource) -> dict[str, Any]:
    """Describe a model file, without needing its plugins.

    Structure, manifest, spec and history are verified; the tensors are not read.

    Returns
    -------
    dict
        JSON values under the keys path, file_bytes, container, spec_schema, required_features, producer, manifest_sha256,
        spec (every default written out, but for options of third-party plugins that the file leaves out), plugins,
        preprocessing, columns, classes, history (columns, epochs, last: the last row by column, None where nothing was
        measured), tensors (name to dtype and shape), parameters (how many numbers they hold), metadata, training (where a
        run stands that can go on; None when it is finished).

    Raises
    ------
    ModelFileError
        One of its kinds; the message names the file.
    """
    found = summary(path)
    return {**found, "spec": full_spec(found["spec"])}
