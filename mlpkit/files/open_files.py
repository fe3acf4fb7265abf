"""Files that one process has open, opened by another one of the same machine, also if they have no name any more."""

from __future__ import annotations

import os
from typing import NamedTuple


class Descriptor(NamedTuple):
    """Open file of a process.

    Attributes
    ----------
    process, number : int
        The process, and its descriptor.
    device, inode : int
        The file that it is of.
    """

    process: int
    number: int
    device: int
    inode: int

    @classmethod
    def of(cls, number: int) -> Descriptor:
        """Return a descriptor of this process."""
        found = os.fstat(number)
        return cls(os.getpid(), number, found.st_dev, found.st_ino)


def open_elsewhere(file: Descriptor) -> int:
    """Return a descriptor of this process for the open file of another one, to read it.

    Raises
    ------
    OSError
        The file cannot be opened: the other process has ended or is one of another machine or container, or the system is not Linux.
    """
    number = os.open(f"/proc/{file.process}/fd/{file.number}", os.O_RDONLY)
    found = os.fstat(number)
    if (found.st_dev, found.st_ino) != (file.device, file.inode):
        os.close(number)
        raise OSError(f"the descriptor {file.number} of process {file.process} is of another file")
    return number
