"""RowEncoder: a spec and its fitted preprocessing, which encode raw rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpkit.data.frames import as_table, is_empty, plain_array
from mlpkit.data.shards import are_files
from mlpkit.errors import DataError
from mlpkit.spec import Spec

if TYPE_CHECKING:  # imported where they are used, because predicting needs none of them
    from mlpkit.plugin import Array
    from mlpkit.preprocessing import InputEncoder, TargetEncoder
    from mlpkit.preprocessing.unseen import OnUnseen


class RowEncoder:
    """Part of a model that encodes rows.

    Parameters
    ----------
    spec : Spec
    encoders : (InputEncoder, TargetEncoder)
        None for each before training.
    complete : callable, optional
        Function that returns the spec with the plugins that predictions do not need.
    """

    def __init__(
        self, spec: Spec, encoders: tuple[InputEncoder | None, TargetEncoder | None], complete: Callable[[], Spec] | None = None
    ) -> None:
        self._spec, self._complete = spec, complete
        self.input_encoder, self.target_encoder = encoders

    @property
    def spec(self) -> Spec:
        """Spec of the model; plugins that predictions do not need are imported on first access.

        Missing or broken plugins raise an error where they are used.
        """
        if self._complete is not None:
            complete, self._complete = self._complete, None
            self._spec = complete()
        return self._spec

    @spec.setter
    def spec(self, spec: Spec) -> None:
        self._spec, self._complete = spec, None

    def encode(self, rows: Any, *, allow_large: bool = False, on_unseen: OnUnseen = "warn") -> Array:
        """Return the encoded inputs of raw rows, shape (rows, inputs), in the dtype of the spec.

        Their names are ``model.input_encoder.feature_names``. The parameters and errors are those of `predict`.
        """
        return self._encode(rows, allow_large, on_unseen)

    def _encode(self, rows: Any, allow_large: bool, on_unseen: OnUnseen = "warn") -> Array:
        """Return encoded rows, shape (rows, inputs).

        A few rows in dictionaries use a fast path; all other rows are converted to a table. A network without fitted preprocessing accepts
        an array of numbers.
        """
        if on_unseen not in ("warn", "error"):
            raise DataError(f"on_unseen is {on_unseen!r}", help='use "warn" or "error"')
        spec = self._spec.allowing_large() if allow_large else self._spec
        encoder = self.input_encoder
        width = spec.network.inputs if encoder is None else encoder.width
        if is_empty(rows):
            return np.empty((0, width or 0), spec.dtype)
        if encoder is None:
            return plain_array(rows, width, spec.dtype)
        if on_unseen == "warn" and (encoded := encoder.plain.encode(rows, spec.dtype)) is not None:
            return encoded
        if are_files(rows):
            from mlpkit.data.sources import read_source

            return encoder.encode(read_source(spec, rows, encoder.order), spec.dtype, on_unseen)
        return encoder.encode(as_table(rows), spec.dtype, on_unseen)

    def input_schema(self) -> dict[str, Any]:
        """Return a JSON Schema (2020-12) of a row: an object with the input columns, or an array for a model of an array.

        It has the categories, the ranges of the training rows as far as the file has them (see `predict`), formats of dates, lengths of
        blocks, and null where training had missing values. Numbers that are categories may be numbers or texts. A row that is valid is
        predicted with ``on_unseen="error"``.

        Raises
        ------
        DataError
            The model has not been trained.
        """
        from mlpkit.model.input_schema import input_schema

        if self.input_encoder is None:
            raise DataError("the model has not been trained, so its columns are not known", help="train it first")
        return input_schema(self.input_encoder, self._spec.name)
