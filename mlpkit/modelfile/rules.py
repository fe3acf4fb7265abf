"""Rules of models/FORMAT.md that a file can break, by their numbers there.

An error names the rule, and `mlpkit info --verify` quotes it. The texts are the bold sentences of FORMAT.md.
"""

from __future__ import annotations

from enum import IntEnum


class Rule(IntEnum):
    """Number of a rule."""

    SUPERBLOCK = 1
    END = 2
    ROOT = 3
    OBJECTS = 4
    LINKS = 5
    NAMES = 6
    DENSE = 7
    STORAGE = 8
    DATASPACE = 9
    DATATYPE = 10
    EXTENTS = 11
    CHECKSUMS = 12
    TEXT = 13
    JSON = 14
    MANIFEST = 15
    ENTRIES = 16
    ROLES = 17
    LISTED = 18
    DIGESTS = 19
    TENSOR_NAMES = 20
    TENSORS = 21
    FINITE = 22
    PREPROCESSING = 23
    HISTORY = 24
    PROBE = 25
    STATE = 26
    MAJOR = 27
    MINOR = 28
    FEATURES = 29
    LIMITS = 30
    SPEC = 31
    PLUGINS = 32

    @property
    def text(self) -> str:
        """Sentence of the rule."""
        return TEXTS[self]


TEXTS: dict[Rule, str] = {
    Rule.SUPERBLOCK: (
        "The file MUST be HDF5 with the signature at byte 0 and a superblock of version 2 or 3: "
        "no flags, addresses and lengths of 8 bytes, base address 0, no extension."
    ),
    Rule.END: "The end of file in the superblock MUST be the length of the file.",
    Rule.ROOT: (
        "The root MUST have exactly four attributes, scalars of fixed size: `format`, `format_major`, `format_minor` and "
        "`manifest_sha256`; no other object has any."
    ),
    Rule.OBJECTS: ("Every object MUST be a group or a dataset with an object header of version 2 that has only the messages listed here."),
    Rule.LINKS: "Every link MUST be a hard link, and every object below the root MUST have exactly one.",
    Rule.NAMES: "The name of every link MUST match `[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}`.",
    Rule.DENSE: "A group with many links MUST keep them as libhdf5 does: in a fractal heap, with a v2 B-tree of their names.",
    Rule.STORAGE: "Every dataset MUST be stored contiguously, without filters, in this file.",
    Rule.DATASPACE: "The dataspace MUST be a scalar or a simple one of at most 8 dimensions, none of which can grow.",
    Rule.DATATYPE: (
        "The datatype MUST be one of 11: integers of 8, 16, 32 and 64 bits, signed and unsigned, and IEEE floats of 16, 32 and "
        "64 bits, all little-endian."
    ),
    Rule.EXTENTS: "Everything that the file points to MUST stand inside the file, and no two of these places overlap.",
    Rule.CHECKSUMS: "The checksums of HDF5's own metadata MUST be right.",
    Rule.TEXT: (
        "`/manifest` and `/spec` MUST be one-dimensional datasets of unsigned 8-bit integers that hold one JSON object in "
        "UTF-8, without a byte-order mark."
    ),
    Rule.JSON: (
        "JSON MUST be strict: no key twice in an object, no NaN or Infinity, integers between -2^63 and 2^64 - 1, no unpaired surrogates."
    ),
    Rule.MANIFEST: "The manifest MUST have these keys, with values of these types.",
    Rule.ENTRIES: (
        "Each entry of `objects` MUST have `path`, `role`, `dtype`, `shape`, `bytes` and `sha256`, which agree with each other."
    ),
    Rule.ROLES: "The role of an entry MUST fit its path.",
    Rule.LISTED: (
        "The datasets in the file, but for the manifest, and the entries of `objects` MUST be the same, in path, shape and datatype."
    ),
    Rule.DIGESTS: (
        "`manifest_sha256` MUST be the SHA-256 of the bytes of `/manifest`, and `sha256` in each entry that of the bytes of its dataset."
    ),
    Rule.TENSOR_NAMES: "The tensor with the name `LAYER.NAME`, parted at its last dot, MUST be the dataset `/tensors/LAYER/NAME`.",
    Rule.TENSORS: "The tensors MUST be those that the spec's `network` needs, in name, shape and dtype.",
    Rule.FINITE: "Every number of a tensor MUST be finite.",
    Rule.PREPROCESSING: "The preprocessing MUST be what its rules say, and fit the spec's network.",
    Rule.HISTORY: "The columns named in `history` MUST be one-dimensional `float64` datasets of one length, one row for each epoch.",
    Rule.PROBE: "The network MUST give the outputs of the probe for its inputs, to rounding.",
    Rule.STATE: "A file MUST have datasets of the role `state` only where `training` is an object.",
    Rule.MAJOR: "A reader MUST refuse a `format_major` that it does not know.",
    Rule.MINOR: "`format`, `format_major` and `format_minor` in the manifest MUST be those of the root.",
    Rule.FEATURES: "A reader MUST refuse a file whose `required_features` or `spec_schema` it does not know.",
    Rule.SPEC: "The spec MUST be valid for its schema, and every plugin that is listed of a kind that mlpkit has.",
    Rule.PLUGINS: "The `code`, `probe` and `surrogate` of a plugin, each of which MAY be missing, MUST be what is listed here.",
    Rule.LIMITS: "A reader MAY refuse a file that is larger than the limits listed here, and mlpkit does.",
}
