"""Checks that all ranks train the same: versions, spec, rows, and the place of a resumed run; and that the spec can be shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpkit.errors import MLPKitError, SpecError
from mlpkit.plugin import Minimizer, plugin_name
from mlpkit.spec import Spec
from mlpkit.training.fingerprint import Fingerprint
from mlpkit.training.ranks import Ranks
from mlpkit.training.state import Place
from mlpkit.training.versions import versions

SAME = "start every rank with the same command, on the same files and with the same versions of all packages"


def check_sharable(spec: Spec) -> None:
    """Raise SpecError for a spec that several ranks cannot train."""
    if spec.ensemble is not None:
        message = "several ranks train one network, and the members of an ensemble train each on its own"
        raise SpecError.at("ensemble", message, "train without --distributed: --threads N trains N members at once")
    if isinstance(spec.optimizer, Minimizer) and spec.optimizer.uses_jacobian:
        message = f"the Jacobian that {plugin_name(spec.optimizer)} uses cannot be shared by several ranks"
        raise SpecError.at("optimizer", message, "use 'adam' or 'lbfgs', or train without --distributed")


def check_versions(ranks: Ranks, found: dict[str, str]) -> None:
    """Raise MLPKitError on all ranks if one has other versions, by distribution, than rank 0."""
    _compare(ranks, {"versions": found})


def check_same(ranks: Ranks, spec: Spec, data: Fingerprint, place: Place) -> None:
    """Raise MLPKitError on all ranks if one has other versions, another spec, other rows or another place in the run than rank 0."""
    check_sharable(spec)
    _compare(ranks, {"versions": versions(spec), "spec": spec.to_dict(), "rows": data.model_dump(), "place": str(place)})


def _compare(ranks: Ranks, facts: dict[str, Any]) -> None:
    first, *others = ranks.exchange.gather(facts)
    for rank, other in enumerate(others, 1):
        if found := "; ".join(_differences(first, other)):
            raise MLPKitError(f"rank {rank} differs from rank 0: {found}", help=SAME)


def _differences(first: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    then, now = first["versions"], other["versions"]
    for name in {**then, **now}:
        if then.get(name) != now.get(name):
            yield f"it has {name} {now.get(name)}, and rank 0 has {then.get(name)}"
    if first.get("spec") != other.get("spec"):
        keys = {**first["spec"], **other["spec"]}
        yield f"another spec ({', '.join(key for key in keys if first['spec'].get(key) != other['spec'].get(key))})"
    if first.get("rows") != other.get("rows"):
        yield _rows(first["rows"], other["rows"])
    if first.get("place") != other.get("place"):
        yield f"it resumes after {other['place']}, and rank 0 after {first['place']}"


def _rows(first: dict[str, Any], other: dict[str, Any]) -> str:
    counts = [[part and part["rows"] for part in (each["training"], each["validation"])] for each in (first, other)]
    if first["columns"] != other["columns"]:
        return "its data have other columns"
    if counts[0] != counts[1]:
        return f"it has {counts[1][0]} training and {counts[1][1] or 0} validation rows, rank 0 has {counts[0][0]} and {counts[0][1] or 0}"
    return "the values of its rows are others"
