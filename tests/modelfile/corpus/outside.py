"""Files that reach out of themselves: to other files, to libraries, to code."""

from __future__ import annotations

import struct
from collections.abc import Callable

import h5py
import numpy as np

from mlpkit.errors import Unsafe
from mlpkit.modelfile.rules import Rule

from .assembler import Assembler
from .case import Case
from .forger import WEIGHT, Forger, Parts, assembled, forged

EXTERNAL, LAYOUT, FILTERS, DRIVER = 7, 8, 11, 20  # types of messages
PATH = f"/{WEIGHT}"


def weight_is(make: Callable[[h5py.File, str], object]) -> Callable[[], bytes]:
    """A file with another object in the place of the weight."""
    return forged(lambda forger: forger.replace(WEIGHT, make))


def linked(target: object) -> Callable[[], bytes]:
    """A file with a soft or external link in the place of the weight."""
    return weight_is(lambda file, path: file.__setitem__(path, target))


def extra(path: str, target: object) -> Callable[[], bytes]:
    """A file with one link more."""
    return forged(lambda forger: forger.file.__setitem__(path, target))


def external(*files: tuple[str, int, int]) -> Callable[[], bytes]:
    """A file with the weight's numbers in others."""
    return weight_is(lambda file, path: file.create_dataset(path, shape=(4, 3), dtype="f4", external=list(files)))


def virtual(name: str, dataset: str) -> Callable[[], bytes]:
    def make(file: h5py.File, path: str) -> None:
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[...] = h5py.VirtualSource(name, dataset, (4, 3))
        file.create_virtual_dataset(path, layout)

    return weight_is(make)


def weight_has(**messages: bytes) -> Callable[[], bytes]:
    """A file with messages more, or other ones, in the header of the weight; by names such as `m11`."""
    by_type: dict[int, bytes | None] = {int(name[1:]): body for name, body in messages.items()}
    return assembled(lambda parts, file: parts.replaced.update({PATH: by_type}))


def root_has(*links: bytes) -> Callable[[], bytes]:
    """A file with links more in its root, as their messages say."""
    return assembled(lambda parts, file: parts.links.update({"/": list(links)}))


def driver(parts: Parts, file: Assembler) -> None:
    """A superblock extension that names a driver with a file of its own."""
    body = b"\0NCSAfami" + struct.pack("<H", 16) + struct.pack("<QQ", 2**20, 0)
    parts.extension = file.header("extension", [(DRIVER, body)])


def soft(kind: int, value: bytes) -> bytes:
    """The body of a link that is not hard, called "more"."""
    return bytes([1, 8, kind, 4]) + b"more" + struct.pack("<H", len(value)) + value


def chunked(**options: object) -> Callable[[], bytes]:
    return weight_is(lambda file, path: file.create_dataset(path, **options))


LINKS = Unsafe, Rule.LINKS, "soft or external link"
STORED = Unsafe, Rule.STORAGE, "stored in chunks, filtered, compact, virtual or external"
CASES = {
    "soft link": Case(linked(h5py.SoftLink("/spec")), *LINKS),
    "soft link to nothing": Case(extra("more", h5py.SoftLink("/nowhere")), *LINKS),
    "soft link to itself": Case(extra("more", h5py.SoftLink("/more")), *LINKS),
    "soft link upwards": Case(extra("tensors/more", h5py.SoftLink("/tensors")), *LINKS),
    "external link": Case(linked(h5py.ExternalLink("/etc/passwd", "/")), *LINKS),
    "external link to a device": Case(extra("more", h5py.ExternalLink("/dev/zero", "/")), *LINKS),
    "link of the user's kind": Case(root_has(soft(200, b"/etc/passwd")), *LINKS),
    "data in another file": Case(external(("/etc/passwd", 0, 48)), Unsafe, Rule.STORAGE, "other files"),
    "data in a device": Case(external(("/dev/zero", 0, 48)), Unsafe, Rule.STORAGE, "other files"),
    "data in a FIFO": Case(external(("fifo", 0, 48)), Unsafe, Rule.STORAGE, "other files"),
    "data in two files": Case(external(("/dev/zero", 0, 40), ("/etc/passwd", 0, 8)), Unsafe, Rule.STORAGE, "other files"),
    "virtual dataset on another file": Case(virtual("other.h5", "x"), *STORED),
    "virtual dataset on itself": Case(virtual(".", WEIGHT), *STORED),
    "superblock extension with a driver": Case(assembled(driver), Unsafe, Rule.SUPERBLOCK, "extension"),
    "superblock extension outside the file": Case(
        assembled(patch=lambda file: file.set("superblock", 20, "Q", 2**40)), Unsafe, Rule.SUPERBLOCK, "extension"
    ),
    "filter of a library": Case(weight_has(m11=struct.pack("<BBHHHH", 2, 1, 32015, 0, 0, 0)), Unsafe, Rule.STORAGE, "filtered"),
    "gzip of zeros": Case(chunked(data=np.zeros(2**22), compression="gzip"), Unsafe, Rule.STORAGE, "filtered"),
    "chunks": Case(chunked(shape=(4, 3), dtype="f4", chunks=(2, 3)), *STORED),
    "numbers in the header": Case(weight_has(m8=b"\3\0\x30\0" + bytes(48)), *STORED),
    "shared message": Case(
        assembled(patch=lambda file: file.set(f"header {PATH}", 13, "B", 2)), Unsafe, Rule.OBJECTS, "message 1 with flags 2"
    ),
    "committed type": Case(forged(lambda forger: _committed(forger)), Unsafe, Rule.OBJECTS, "neither a plain group nor"),
    "type of its own": Case(extra("more", np.dtype("<f4")), Unsafe, Rule.OBJECTS, "neither a plain group nor"),
}


def _committed(forger: Forger) -> None:
    """The weight has a type that stands elsewhere in the file."""
    del forger.file[WEIGHT]
    forger.file["tensors/layers.0/type"] = np.dtype("<f4")
    forger.file.create_dataset(WEIGHT, data=np.zeros((4, 3), "f4"), dtype=forger.file["tensors/layers.0/type"])
