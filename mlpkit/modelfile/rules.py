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
    ENSEMBLE = 33

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
        "The root MUST have exactly four attributes, which are scalars of fixed size: `format`, "
        "`format_major`, `format_minor` and `manifest_sha256`. Other objects MUST NOT have attributes."
    ),
    Rule.OBJECTS: ("Every object MUST be a group or a dataset with an object header of version 2 that has only the messages listed here."),
    Rule.LINKS: "Every link MUST be a hard link, and every object below the root MUST have exactly one.",
    Rule.NAMES: "The name of every link MUST match `[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}`.",
    Rule.DENSE: (
        "A group whose links are not in its object header MUST store them in a fractal heap, indexed by a "
        "version 2 B-tree of their names, as libhdf5 does."
    ),
    Rule.STORAGE: "Every dataset MUST be stored contiguously, without filters, in this file.",
    Rule.DATASPACE: "The dataspace MUST be scalar, or simple with at most 8 dimensions, none of which is extendible.",
    Rule.DATATYPE: (
        "The datatype MUST be one of 11: integers of 8, 16, 32 and 64 bits, signed and unsigned, and IEEE floats of 16, 32 and "
        "64 bits, all little-endian."
    ),
    Rule.EXTENTS: "All structures and data that the file refers to MUST lie inside the file and MUST NOT overlap.",
    Rule.CHECKSUMS: "The checksums of the HDF5 metadata MUST be correct.",
    Rule.TEXT: (
        "`/manifest` and `/spec` MUST be one-dimensional datasets of unsigned 8-bit integers that hold one JSON object in "
        "UTF-8, without a byte-order mark."
    ),
    Rule.JSON: (
        "JSON MUST be strict: no key twice in an object, no NaN or Infinity, integers between -2^63 and 2^64 - 1, no unpaired surrogates."
    ),
    Rule.MANIFEST: "The manifest MUST have these keys, with values of these types.",
    Rule.ENTRIES: ("Each entry of `objects` MUST have `path`, `role`, `dtype`, `shape`, `bytes` and `sha256`, which MUST be consistent."),
    Rule.ROLES: "The role of an entry MUST fit its path.",
    Rule.LISTED: (
        "The datasets of the file, except the manifest, MUST be those listed in `objects`, with the same paths, shapes and datatypes."
    ),
    Rule.DIGESTS: (
        "`manifest_sha256` MUST be the SHA-256 of the bytes of `/manifest`, and `sha256` of each entry the "
        "SHA-256 of the bytes of its dataset."
    ),
    Rule.TENSOR_NAMES: "The tensor with the name `LAYER.NAME`, split at the last dot, MUST be the dataset `/tensors/LAYER/NAME`.",
    Rule.TENSORS: "The tensors MUST be those that the spec's `network` needs, in name, shape and dtype.",
    Rule.FINITE: "Every number of a tensor MUST be finite, and the edges of bins MUST increase by finite steps.",
    Rule.PREPROCESSING: "The preprocessing MUST be valid as described here, and MUST fit the network of the spec.",
    Rule.HISTORY: "The columns named in `history` MUST be one-dimensional `float64` datasets of one length, one row for each epoch.",
    Rule.PROBE: "For the inputs of the probe, the network MUST compute the outputs of the probe, up to rounding errors.",
    Rule.STATE: "Datasets of the role `state` MUST NOT be present unless `training` is an object.",
    Rule.MAJOR: "A reader MUST refuse a `format_major` that it does not know.",
    Rule.MINOR: "`format`, `format_major` and `format_minor` in the manifest MUST equal the attributes of the root.",
    Rule.FEATURES: "A reader MUST refuse a file whose `required_features` or `spec_schema` it does not know.",
    Rule.SPEC: "The spec MUST be valid for its schema, and every listed plugin MUST be of a known kind.",
    Rule.PLUGINS: "The `code`, `probe` and `surrogate` of a plugin MUST be as described here; each of them MAY be missing.",
    Rule.LIMITS: "A reader MAY refuse a file that is larger than the limits listed here, and mlpkit does.",
    Rule.ENSEMBLE: (
        "A file MUST require the feature `ensemble` exactly if its spec has an `ensemble`, "
        "and its history MUST then have the numbers of the members in order."
    ),
}
