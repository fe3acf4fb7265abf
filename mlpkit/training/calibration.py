"""Residuals of a finished model on the validation rows, for intervals and sets."""

from __future__ import annotations

from dataclasses import replace

from mlpkit.preprocessing import TargetEncoder
from mlpkit.preprocessing.residuals import sorted_residuals
from mlpkit.training.held_out import HeldOut


def calibrated(target: TargetEncoder, rows: HeldOut | None) -> TargetEncoder:
    """Return the encoder with the residuals on the validation rows, if there are any. Sample weights do not count."""
    return target if rows is None else replace(target, residuals=sorted_residuals(target.task, rows.scores, rows.values))
