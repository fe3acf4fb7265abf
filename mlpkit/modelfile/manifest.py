"""Manifest: the description of a file in strict types. It lists every array with its digest, and the metadata shown to users.

Unknown keys are ignored, so that a later minor version may add some. Features that a reader must know to interpret a file are listed
in `required_features`.
"""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mlpkit.errors import Corrupt, UnsupportedFeature, UnsupportedVersion
from mlpkit.modelfile import strict_json
from mlpkit.modelfile.constants import DTYPES, FEATURES, FOLDERS, FORMAT, MANIFEST, SPEC, SPEC_SCHEMA, is_path, is_tensor_path
from mlpkit.modelfile.rules import Rule
from mlpkit.text.limits import InParts
from mlpkit.text.shown import shortened

Size = Annotated[int, Field(ge=0, lt=2**63)]
MOST_PROBED = 1000  # most check values of a plugin per name
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_SIZES = {name: int(stored[2:]) for name, stored in DTYPES.items()}  # bytes per value


class _Broken(ValueError):
    """Error of a value, with the rule that it breaks."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class StoredObject(BaseModel):
    """Entry of a dataset in the manifest."""

    model_config = ConfigDict(strict=True, frozen=True)
    path: str
    role: str
    dtype: str
    shape: Annotated[list[Size], InParts]
    bytes: Size
    sha256: Digest

    @model_validator(mode="after")
    def _consistent(self) -> StoredObject:
        path, role, size = self.path, self.role, _SIZES.get(self.dtype)
        if not (is_tensor_path(path) if role == "tensor" else self._fits_path()):
            if self._fits_path():
                raise _Broken(Rule.TENSOR_NAMES, f"{path!r} cannot be the path of a tensor")
            raise _Broken(Rule.ROLES, f"{path!r} cannot be the path of a {role}")
        if role == "spec" and (self.dtype != "uint8" or len(self.shape) != 1):
            raise _Broken(Rule.TEXT, f"{path}, the spec, is not a one-dimensional array of bytes")
        if role == "surrogate" and (self.dtype != "float64" or len(self.shape) != 2 or self.shape[0] != 2 or self.shape[1] < 2):
            raise _Broken(Rule.PLUGINS, f"{path}, the lookup table of an activation, is not float64 of shape (2, points)")
        if size is None:
            raise _Broken(Rule.ENTRIES, f"{self.dtype!r} is not a known dtype")
        if self.bytes != prod(self.shape) * size:
            raise _Broken(Rule.ENTRIES, f"{path} is listed with {self.bytes} bytes, which does not match its shape and dtype")
        return self

    def _fits_path(self) -> bool:
        if not is_path(self.path) or self.path == MANIFEST or (self.path == SPEC) != (self.role == "spec"):
            return False
        return self.path.startswith(FOLDERS.get(self.role, "/"))


class CodeRecord(BaseModel):
    """File that defines a user's own plugin. It is shown to users and never opened."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    name: str
    sha256: Digest


class SurrogateRecord(BaseModel):
    """Lookup table of an activation, with its largest error on the range `trained` of pre-activations."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)
    array: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
    start: float
    stop: float
    trained: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    error: Annotated[float, Field(ge=0)]
    output: Literal["real", "bounded", "nonnegative", "probability", "distribution"]

    @model_validator(mode="after")
    def _has_width(self) -> SurrogateRecord:
        if not self.start < self.stop:
            raise _Broken(Rule.PLUGINS, "the lookup table of an activation has an empty range")
        if self.trained is not None and self.trained[0] > self.trained[1]:
            raise _Broken(Rule.PLUGINS, "the lowest pre-activation of training is above the highest")
        return self


class PluginRecord(BaseModel):
    """Origin of a plugin, and its check values. It is shown to users; nothing is imported because of it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    kind: str
    name: str
    distribution: str | None
    version: str | None
    target: str
    options: dict[str, Any]
    code: CodeRecord | None = None
    probe: Annotated[dict[str, Annotated[list[float | None], Field(max_length=MOST_PROBED)]], Field(max_length=8)] | None = None
    surrogate: SurrogateRecord | None = None


class Manifest(BaseModel):
    """Complete manifest of a file."""

    model_config = ConfigDict(strict=True, frozen=True)
    format: str
    format_major: Size
    format_minor: Size
    spec_schema: Size
    required_features: Annotated[list[str], InParts]
    producer: Annotated[dict[str, str], InParts]
    plugins: Annotated[list[PluginRecord], InParts]
    objects: Annotated[list[StoredObject], InParts]
    preprocessing: dict[str, Any]
    history: Annotated[list[str], InParts]
    metadata: dict[str, Any]
    training: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        paths = [stored.path for stored in self.objects]
        if len(set(paths)) < len(paths) or SPEC not in paths:
            raise _Broken(Rule.LISTED, "the spec is not listed, or a path is listed twice")
        columns = [path for stored, path in zip(self.objects, paths, strict=True) if stored.role == "history"]
        if sorted(columns) != sorted(FOLDERS["history"] + name for name in self.history):
            raise _Broken(Rule.HISTORY, "the columns of the history differ from the listed objects")
        tables = {FOLDERS["surrogate"] + record.surrogate.array for record in self.plugins if record.surrogate is not None}
        if tables != {path for stored, path in zip(self.objects, paths, strict=True) if stored.role == "surrogate"}:
            raise _Broken(Rule.PLUGINS, "the lookup tables of activations differ from the listed objects")
        if self.training is None and any(stored.role == "state" for stored in self.objects):
            raise _Broken(Rule.STATE, "the state of a run is stored, but 'training' is missing")
        return self


def _rule_of(place: tuple[int | str, ...]) -> Rule:
    """Return the rule that a value of the wrong type breaks."""
    if place[:1] == ("plugins",) and place[2:3] in (("code",), ("probe",), ("surrogate",)):
        return Rule.PLUGINS
    return Rule.ENTRIES if place[:1] == ("objects",) != place else Rule.MANIFEST


def read_manifest(data: bytes, major: int, minor: int) -> Manifest:
    """Return the manifest from the bytes of its dataset; `major` and `minor` are the versions in the root's attributes.

    Raises
    ------
    UnsupportedFeature, UnsupportedVersion
        The file needs a newer reader.
    Corrupt
        The manifest is not valid, or its version differs from the root's.
    """
    values = strict_json.decode(data, "the manifest")
    required = values.get("required_features")
    unknown = (
        [feature for feature in required if isinstance(feature, str) and feature not in FEATURES] if isinstance(required, list) else []
    )
    help = "install a newer mlpkit: pip install --upgrade mlpkit"
    if unknown:
        raise UnsupportedFeature(
            f"it requires the feature {shortened(unknown[0], 100)!r}, which this mlpkit does not support", help=help, rule=Rule.FEATURES
        )
    try:
        manifest = Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        broken = first.get("ctx", {}).get("error")
        rule = broken.rule if isinstance(broken, _Broken) else _rule_of(first["loc"])
        raise Corrupt(f"its manifest is not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}", rule=rule) from error
    if (manifest.format, manifest.format_major, manifest.format_minor) != (FORMAT, major, minor):
        raise Corrupt("its manifest declares another format or version than the attributes of its root", rule=Rule.MINOR)
    if manifest.spec_schema > SPEC_SCHEMA:
        message = f"its spec has schema version {manifest.spec_schema}; this mlpkit reads {SPEC_SCHEMA}"
        raise UnsupportedVersion(message, help=help, rule=Rule.FEATURES)
    return manifest
