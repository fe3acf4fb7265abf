"""Structure of a model file: the position of each dataset, found without an HDF5 library.

libhdf5 is not designed for untrusted files, and it does far more than a model file needs: links to other files, external and virtual
storage, filters that load libraries. This reader accepts only the few structures of the profile in models/FORMAT.md. Its result is a
table of extents; everything else works on the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mlpkit.errors import ModelFileError, NotAModelFile, ResourceLimit, Unsafe
from mlpkit.modelfile.constants import CHANGED, MAX_DEPTH, MAX_OBJECTS
from mlpkit.modelfile.hdf5 import header
from mlpkit.modelfile.hdf5.attributes import model_attributes
from mlpkit.modelfile.hdf5.extent import Extent, read_extent
from mlpkit.modelfile.hdf5.header import WINDOW, Message, read_header
from mlpkit.modelfile.hdf5.links import Links, read_links
from mlpkit.modelfile.hdf5.metadata import Metadata
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.hdf5.superblock import read_superblock
from mlpkit.modelfile.rules import Rule

GROUP = {header.NIL, header.LINK_INFO, header.LINK, header.GROUP_INFO, header.CONTINUATION}
DATASET = {header.NIL, header.DATASPACE, header.DATATYPE, header.FILL_VALUE, header.LAYOUT, header.CONTINUATION}

OF_ATTRIBUTES = {header.ATTRIBUTE, header.ATTRIBUTE_INFO}  # only in the root
REFUSED = {  # known messages that are refused, with a description
    header.EXTERNAL: ("has its data in other files", Rule.STORAGE),
    header.FILTERS: ("is filtered", Rule.STORAGE),
    header.LINK_COUNT: ("has several links", Rule.LINKS),
    header.ATTRIBUTE: ("has attributes, which only the root may have", Rule.ROOT),
    header.ATTRIBUTE_INFO: ("may have attributes, which only the root may have", Rule.ROOT),
}

EXPLAINED = 2**20  # most bytes whose checksums are verified to explain an error


class Structure(NamedTuple):
    """Version and digest of a file, and the extents of its datasets by path."""

    major: int
    minor: int
    manifest_sha256: str
    extents: dict[str, Extent]


def read_structure(source: Source) -> Structure:
    """Return the structure of a whole file.

    Raises
    ------
    ModelFileError
        The file is not a model, is damaged, or does not follow the profile.
    """
    metadata = Metadata(source)
    try:
        root = read_superblock(metadata)
        messages = read_header(metadata, root, "the root", source.window(root, WINDOW))
        major, minor, digest = model_attributes(messages)
        extents = dict(_datasets(metadata, root, [message for message in messages if message.type not in OF_ATTRIBUTES]))
        metadata.check_overlaps()
    except NotAModelFile:
        raise
    except ModelFileError as error:
        if metadata.signed_bytes <= EXPLAINED:
            metadata.check_checksums()  # damage is the likely cause of any other error
            if metadata.signed_bytes and not error.help:  # the checksums are right, so an HDF5 library wrote it
                raise type(error)(error.message, help=CHANGED, rule=error.rule) from error
        raise
    metadata.check_checksums()
    return Structure(major, minor, digest, extents)


def _datasets(metadata: Metadata, root: int, messages: list[Message]) -> Iterator[tuple[str, Extent]]:
    """Yield the path and the extent of every dataset."""
    _check_messages(messages, "the root")
    seen, pending = {root}, [("", read_links(metadata, messages, ""))]
    while pending:
        prefix, links = pending.pop()
        for name, address in links:
            path = f"{prefix}/{name}"
            if address in seen:
                raise Unsafe(f"{path} is a second link to an object", rule=Rule.LINKS)
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise ResourceLimit(f"it has more than {MAX_OBJECTS} objects", rule=Rule.LIMITS)
            found = _object(metadata, address, path)
            if isinstance(found, Extent):
                yield path, found
            else:
                pending.append((path, found))


def _object(metadata: Metadata, address: int, path: str) -> Extent | Links:
    """Return a dataset's extent or a group's links."""
    messages = read_header(metadata, address, path, metadata.source.window(address, WINDOW))
    if _check_messages(messages, path) == DATASET:
        return read_extent(metadata, messages, path)
    _check_depth(path)
    return read_links(metadata, messages, path)


def _check_depth(path: str) -> None:
    if path.count("/") >= MAX_DEPTH:
        raise ResourceLimit(f"{path} is a group deeper than {MAX_DEPTH - 1}", rule=Rule.LIMITS)


def _check_messages(messages: list[Message], path: str) -> set[int]:
    """Return the kind of an object. Raise Unsafe if it has any other message."""
    types = [message.type for message in messages]
    kind = GROUP if header.LINK_INFO in types else DATASET
    for message in messages:
        if message.type not in kind or message.flags > 1:
            unknown = f"is neither a plain group nor a plain dataset: it has a message {message.type} with flags {message.flags}"
            problem, rule = REFUSED.get(message.type, (unknown, Rule.OBJECTS))
            raise Unsafe(f"{path} {problem}", rule=rule)
    once = {header.LINK_INFO} if kind is GROUP else {header.DATASPACE, header.DATATYPE, header.LAYOUT}
    if any(types.count(type) != 1 for type in once):
        raise Unsafe(f"{path} is neither a group nor a dataset", rule=Rule.OBJECTS)
    for message in messages:
        if message.type in PLAIN and not PLAIN[message.type](message.body):
            raise Unsafe(f"{path} has a message {message.type} of an unknown form", rule=Rule.OBJECTS)
    return kind


def _is_group_info(body: bytes) -> bool:
    """Return True for version 0, with or without its two pairs of estimates."""
    return len(body) >= 2 and body[0] == 0 and body[1] <= 3 and len(body) == 2 + 4 * (body[1] & 1) + 2 * (body[1] & 2)


def _is_fill_value(body: bytes) -> bool:
    """Return True for version 3 without a fill value, with valid times of writing and allocation."""
    return len(body) == 2 and body[0] == 3 and body[1] & 3 in (1, 2, 3) and body[1] >> 2 in (0, 1, 2)


PLAIN = {header.GROUP_INFO: _is_group_info, header.FILL_VALUE: _is_fill_value}  # messages that are ignored, but must be well-formed
