"""Files whose HDF5 structure is not that of a model: superblock, headers, links, groups, places."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from mlpkit.errors import Corrupt, NotAModelFile, ResourceLimit, Truncated, Unsafe, UnsupportedVersion
from mlpkit.modelfile.rules import Rule

from .assembler import LINK_INFO, UNDEFINED, Assembler, attribute, link, link_info
from .case import Case
from .forger import WEIGHT, Forger, Parts, assembled, forged, patched, valid
from .outside import PATH, root_has, weight_has

Build = Callable[[], bytes]
HEADER = f"header {PATH}"


def damaged(name: str, offset: int, change: Callable[[Parts, Assembler], object] | None = None) -> Build:
    """A file with one bit of a block changed, whose checksum is not computed again."""

    def build() -> bytes:
        made = {}
        data = bytearray(assembled(change, lambda file: made.update(file.places))())
        data[made[name][0] + offset] ^= 1
        return bytes(data)

    return build


def named(name: bytes) -> Build:
    """A file with a group of this name."""
    return forged_links(lambda file: link(name, file.group("/more", [])))


def forged_links(make: Callable[[Assembler], bytes], path: str = "/") -> Build:
    """A file with one link more in a group."""
    return assembled(lambda parts, file: parts.links.setdefault(path, []).append(make(file)))


def link_is(body: bytes) -> Build:
    """A file whose root has a link with this message."""
    return root_has(body)


def continued(body: bytes) -> Build:
    """A file whose root has this message of a continuation."""
    return assembled(lambda parts, file: parts.messages["/"].append((16, body)))


def onwards(parts: Parts, file: Assembler) -> None:
    """The root goes on in another block."""
    parts.messages["/"].append(file.continuation("/", [(0, bytes(8))]))


def looping(parts: Parts, file: Assembler) -> None:
    """The root goes on in a block that goes on in itself."""
    address = len(file.data)
    parts.messages["/"].append(file.continuation("/", [(16, struct.pack("<QQ", address, 28))]))


def weight_at(name: str, offset: int = 0) -> Build:
    """A file whose weight stands where another block does."""
    return assembled(patch=lambda file: file.set(HEADER, -20, "Q", file.places[name][0] + offset))


def info_is(body: bytes) -> Build:
    """A file whose /tensors says this of its links."""
    return assembled(lambda parts, file: parts.links.update({"/": [link("more", file.header("/more", [(LINK_INFO, body)]))]}))


def other_attributes(*messages: tuple[int, bytes]) -> Build:
    return assembled(lambda parts, file: parts.messages["/"].extend(messages))


def attributes(**changes: np.generic | None) -> Build:
    """A file whose root has other attributes."""

    def change(forger: Forger) -> None:
        for name, value in changes.items():
            forger.file.attrs.pop(name, None)
            if value is not None:
                forger.file.attrs[name] = value

    return forged(change)


def no_manifest(forger: Forger) -> None:
    del forger.file.attrs["manifest_sha256"]
    forger.signs = False


TWICE = Unsafe, Rule.LINKS, "second link to an object"
NAME = Unsafe, Rule.NAMES, "not a plain name"
FORM = Unsafe, Rule.LINKS, "link of an unknown form"
ROOT = Corrupt, Rule.ROOT, "attributes of its root"
KIND = Unsafe, Rule.SUPERBLOCK
SUPERBLOCK = {
    "offsets of 4 bytes": Case(patched("superblock", 9, "B", 4), *KIND, "4 and 8 bytes"),
    "lengths of 4 bytes": Case(patched("superblock", 10, "B", 4), *KIND, "8 and 4 bytes"),
    "flags of a file being written": Case(patched("superblock", 11, "B", 1), *KIND, "flags"),
    "base address": Case(patched("superblock", 12, "Q", 8), *KIND, "base address"),
    "superblock of version 1": Case(patched("superblock", 8, "B", 1), NotAModelFile, Rule.SUPERBLOCK, "another program"),
    "superblock of version 4": Case(patched("superblock", 8, "B", 4), NotAModelFile, Rule.SUPERBLOCK, "another program"),
    "end before the end": Case(patched("superblock", 28, "Q", 1000), Corrupt, Rule.END, "bytes follow the end"),
    "end behind the end": Case(patched("superblock", 28, "Q", 2**40), Truncated, Rule.END, "end is missing"),
    "root outside the file": Case(patched("superblock", 36, "Q", 2**40), Corrupt, Rule.EXTENTS, "points to bytes"),
    "root at the end of addresses": Case(patched("superblock", 36, "Q", UNDEFINED), Corrupt, Rule.EXTENTS, "points to bytes"),
    "root in the superblock": Case(patched("superblock", 36, "Q", 0), Corrupt, Rule.OBJECTS, "does not begin a header of version 2"),
    "damaged superblock": Case(damaged("superblock", 36), Corrupt, Rule.CHECKSUMS, "superblock is damaged"),
    "half of a file": Case(lambda: valid()[: len(valid()) // 2], Truncated, Rule.END, "end is missing"),
    "signature alone": Case(lambda: valid()[:8], Truncated, Rule.END, "has 8 of at least 48"),
    "trailing bytes": Case(lambda: valid() + b"more", Corrupt, Rule.END, "4 bytes follow"),
}
HEADERS = {
    "header of version 1": Case(patched(HEADER, 4, "B", 1), Corrupt, Rule.OBJECTS, "does not begin a header of version 2"),
    "header without its signature": Case(patched(HEADER, 0, "4s", b"OHDX"), Corrupt, Rule.OBJECTS, "does not begin a header of version 2"),
    "order of attributes": Case(patched(HEADER, 5, "B", 2 | 4), Unsafe, Rule.OBJECTS, "the creation order of its attributes"),
    "header of 4 GiB": Case(patched(HEADER, 6, "I", 2**32 - 1), ResourceLimit, Rule.LIMITS, "the header of .* has 4294967295 bytes"),
    "header behind the end": Case(patched(HEADER, 6, "I", 2**19), Corrupt, Rule.EXTENTS, "is not inside"),
    "message that is too long": Case(patched(HEADER, 11, "H", 200), Corrupt, Rule.OBJECTS, "longer than the header"),
    "message of an unknown type": Case(weight_has(m24=b"unknown"), Unsafe, Rule.OBJECTS, "a message 24"),
    "message of an old group": Case(weight_has(m17=struct.pack("<QQ", 64, 64)), Unsafe, Rule.OBJECTS, "a message 17"),
    "message that is shared": Case(patched(HEADER, 13, "B", 2), Unsafe, Rule.OBJECTS, "flags 2"),
    "count of links": Case(weight_has(m22=struct.pack("<BI", 0, 2)), Unsafe, Rule.LINKS, "has several links"),
    "no shape": Case(assembled(lambda parts, file: parts.replaced.update({PATH: {1: None}})), Unsafe, Rule.OBJECTS, "neither a group nor"),
    "no storage": Case(
        assembled(lambda parts, file: parts.replaced.update({PATH: {8: None}})), Unsafe, Rule.OBJECTS, "neither a group nor"
    ),
    "two shapes": Case(
        assembled(lambda parts, file: parts.replaced.update({PATH: {5: None}}), lambda file: file.set(HEADER, 10, "B", 3)),
        Unsafe,
        Rule.OBJECTS,
        "neither a group nor",
    ),
    "empty header": Case(forged_links(lambda file: link("more", file.header("/more", []))), Unsafe, Rule.OBJECTS, "neither a group nor"),
    "group with a shape": Case(
        forged_links(lambda file: link("more", file.group("/more", [], [(1, b"\2\0\0\0")]))), Unsafe, Rule.OBJECTS, "a message 1 "
    ),
    "group with two lists of links": Case(
        forged_links(lambda file: link("more", file.group("/more", [], [link_info()]))), Unsafe, Rule.OBJECTS, "neither a group nor"
    ),
    "damaged header": Case(damaged(HEADER, 20), Corrupt, Rule.CHECKSUMS, "is damaged: its checksum differs"),
    "root that is a dataset": Case(
        assembled(patch=lambda file: file.set("superblock", 36, "Q", file.places[HEADER][0])),
        NotAModelFile,
        Rule.ROOT,
        "not an mlpkit model",
    ),
    "continuation of itself": Case(assembled(looping), Unsafe, Rule.EXTENTS, "overlaps"),
    "continuation that is a header": Case(
        assembled(onwards, lambda file: file.set("continuation /", 0, "4s", b"OHDR")),
        Corrupt,
        Rule.OBJECTS,
        "has no continuation block at byte",
    ),
    "continuation outside the file": Case(continued(struct.pack("<QQ", 2**40, 64)), Corrupt, Rule.EXTENTS, "is not inside"),
    "continuation of 4 GiB": Case(continued(struct.pack("<QQ", 48, 2**32)), ResourceLimit, Rule.LIMITS, "4294967296 bytes"),
    "continuation of no bytes": Case(continued(struct.pack("<QQ", 48, 0)), Corrupt, Rule.CHECKSUMS, "damaged"),
    "continuation to nowhere": Case(continued(b"short"), Corrupt, Rule.OBJECTS, "has an invalid continuation"),
    "damaged continuation": Case(damaged("continuation /", 10, onwards), Corrupt, Rule.CHECKSUMS, "the header of the root is damaged"),
}
LINKS = {
    "second link": Case(forged(lambda f: f.file.__setitem__("more", f.file[WEIGHT])), Unsafe, Rule.LINKS, "several links"),
    "two links to a dataset": Case(
        assembled(patch=lambda file: file.set("header /tensors/layers.0", -12, "Q", file.places["header /spec"][0])), *TWICE
    ),
    "group in itself": Case(assembled(patch=lambda file: file.set("header /tensors", -12, "Q", file.places["header /tensors"][0])), *TWICE),
    "root in a group": Case(assembled(patch=lambda file: file.set("header /tensors", -12, "Q", file.places["header /"][0])), *TWICE),
    "groups in each other": Case(
        assembled(patch=lambda file: file.set("header /tensors/layers.0", -12, "Q", file.places["header /tensors"][0])), *TWICE
    ),
    "link to an array": Case(
        assembled(patch=lambda file: file.set("header /tensors/layers.0", -12, "Q", file.places[f"data {PATH}"][0])),
        Corrupt,
        Rule.OBJECTS,
        "does not begin a header of version 2",
    ),
    "link outside the file": Case(root_has(link("more", 2**40)), Corrupt, Rule.EXTENTS, "points to bytes"),
    "link to the end of the file": Case(
        assembled(patch=lambda file: file.set("header /tensors", -12, "Q", len(file.data) - 1)), Corrupt, Rule.OBJECTS, "is not an object"
    ),
    "undefined link": Case(root_has(link("more", UNDEFINED)), Corrupt, Rule.EXTENTS, "points to bytes"),
    "name of two dots": Case(named(b".."), *NAME),
    "name of one dot": Case(named(b"."), *NAME),
    "empty name": Case(named(b""), *NAME),
    "name with a slash": Case(named(b"a/b"), *NAME),
    "name of a path": Case(named(b"/spec"), *NAME),
    "name with NUL": Case(named(b"a\0b"), *NAME),
    "name that is NUL": Case(named(b"\0"), *NAME),
    "name with a space": Case(named(b"a b"), *NAME),
    "name with a line end": Case(named(b"a\n"), *NAME),
    "name in UTF-8": Case(named("größe".encode()), *NAME),
    "name that is not UTF-8": Case(named(b"\xff\xfe"), *NAME),
    "name that moves the cursor": Case(named(b"a\x1b[2J"), *NAME),
    "name too long": Case(named(b"a" * 129), *NAME),
    "name of 60,000 letters": Case(named(b"a" * 60_000), *NAME),
    "name twice": Case(root_has(link("spec", 64)), Unsafe, Rule.NAMES, "two links with the same name"),
    "name longer than its message": Case(link_is(struct.pack("<BBH", 1, 1, 60_000) + b"a" + bytes(8)), *NAME),
    "name that swallows its address": Case(
        link_is(struct.pack("<BBB", 1, 0, 8) + b"a" * 8), Corrupt, Rule.LINKS, "a link without an address"
    ),
    "name with a size of 64 bits": Case(
        link_is(struct.pack("<BBQ", 1, 3, 2**64 - 1) + b"a" * 9), Corrupt, Rule.LINKS, "a link without an address"
    ),
    "link of another version": Case(link_is(b"\2\0\1a" + bytes(8)), *FORM),
    "link with unknown flags": Case(link_is(b"\1\x80\1a" + bytes(8)), *FORM),
    "link with its order": Case(link_is(b"\1\4" + bytes(8) + b"\1a" + bytes(8)), *FORM),
    "empty link": Case(link_is(b""), *FORM),
    "link of three bytes": Case(link_is(b"\1\x1b\0"), *NAME),
    "links in an order": Case(
        info_is(struct.pack("<BBQQQ", 0, 1, 0, UNDEFINED, UNDEFINED)), Unsafe, Rule.OBJECTS, "the creation order of its links"
    ),
    "links of another version": Case(info_is(struct.pack("<BBQQ", 1, 0, UNDEFINED, UNDEFINED)), Unsafe, Rule.OBJECTS, "the creation order"),
    "too many groups in groups": Case(
        forged(lambda f: f.file.create_group("a/a/a/a/a/a/a/a")), ResourceLimit, Rule.LIMITS, "deeper than 7"
    ),
}
PLACES = {
    "array over another": Case(weight_at("data /tensors/layers.0/bias"), Unsafe, Rule.EXTENTS, "overlaps"),
    "array in the midst of another": Case(weight_at("data /spec", 100), Unsafe, Rule.EXTENTS, "overlaps"),
    "array over its own header": Case(weight_at(HEADER), Unsafe, Rule.EXTENTS, "overlaps"),
    "array over the superblock": Case(weight_at("superblock"), Unsafe, Rule.EXTENTS, "overlaps"),
    "array over a heap": Case(weight_at("heap /future"), Unsafe, Rule.EXTENTS, "overlaps"),
    "array over the end": Case(
        assembled(patch=lambda file: file.set(HEADER, -20, "Q", len(file.data) - 8)), Corrupt, Rule.EXTENTS, "is not inside"
    ),
    "array at the end of addresses": Case(patched(HEADER, -20, "Q", 2**64 - 24), Corrupt, Rule.EXTENTS, "is not inside"),
}
ATTRIBUTES = {
    "no version": Case(attributes(format_major=None), *ROOT),
    "version as text": Case(attributes(format_major=np.bytes_("1")), *ROOT),
    "version of another size": Case(attributes(format_minor=np.uint64(1)), *ROOT),
    "signed version": Case(attributes(format_minor=np.int32(1)), *ROOT),
    "version as an array": Case(attributes(format_minor=np.ones(1, np.uint32)), *ROOT),
    "64 MiB attribute": Case(attributes(format_minor=np.zeros(2**24, np.uint32)), NotAModelFile, Rule.ROOT, "not an mlpkit model"),
    "no digest": Case(forged(no_manifest), *ROOT),
    "short digest": Case(forged(lambda f: f.file.attrs.create("more", np.bytes_("ab"))), *ROOT),
    "one attribute more": Case(other_attributes(attribute("more", np.uint32(1))), *ROOT),
    "attribute twice": Case(other_attributes(attribute("format_minor", np.uint32(1))), *ROOT),
    "attribute that ends": Case(other_attributes((12, b"\3\0")), *ROOT),
    "attribute longer than its message": Case(other_attributes((12, struct.pack("<BBHHHB", 3, 0, 7, 60_000, 4, 0) + b"format\0")), *ROOT),
    "attributes in a heap": Case(other_attributes((21, struct.pack("<BBQQ", 0, 0, 64, 64))), *ROOT),
    "attribute on a dataset": Case(forged(lambda f: f.file[WEIGHT].attrs.create("a", 1)), Unsafe, Rule.ROOT, "only the root may"),
    "attribute on a group": Case(forged(lambda f: f.file["tensors"].attrs.create("a", 1)), Unsafe, Rule.ROOT, "only the root may"),
    "attributes of a dataset in a heap": Case(weight_has(m21=struct.pack("<BBQQ", 0, 0, 64, 64)), Unsafe, Rule.ROOT, "only the root may"),
    "version 0": Case(attributes(format_major=np.uint32(0)), UnsupportedVersion, Rule.MAJOR, "version 0"),
    "version 2": Case(attributes(format_major=np.uint32(2)), UnsupportedVersion, Rule.MAJOR, "version 2, .* reads version 1"),
    "version 999": Case(attributes(format_major=np.uint32(999)), UnsupportedVersion, Rule.MAJOR, "version 999"),
    "another format": Case(attributes(format=np.bytes_("others")), NotAModelFile, Rule.ROOT, "not an mlpkit model"),
    "format in capitals": Case(attributes(format=np.bytes_("MLPKIT")), NotAModelFile, Rule.ROOT, "not an mlpkit model"),
    "format of another length": Case(attributes(format=np.bytes_("mlpkit2")), NotAModelFile, Rule.ROOT, "not an mlpkit model"),
}
CASES = {**SUPERBLOCK, **HEADERS, **LINKS, **PLACES, **ATTRIBUTES}
