"""The bytes of a file, read once through one descriptor.

What is verified and what is used are then the same bytes, whatever happens to the path meanwhile.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mlpkit.errors import ModelFileError, NotAModelFile, ResourceLimit, Truncated
from mlpkit.modelfile.layout import MAX_FILE_BYTES

# O_NONBLOCK: opening a FIFO must not wait for its writer. O_BINARY: Windows would translate line ends.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a regular file.

    Raises
    ------
    ModelFileError
        It does not exist, may not be read, is not a regular file, or is too large.
    """
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, FLAGS)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotAModelFile("it is not a regular file", help="give a file that mlpkit saved")
            if status.st_size > MAX_FILE_BYTES:
                raise ResourceLimit(f"it has {status.st_size} bytes, more than {MAX_FILE_BYTES}")
            data = file.read(status.st_size)
    except FileNotFoundError as error:
        raise ModelFileError("there is no such file", help="check the path") from error
    except PermissionError as error:
        raise ModelFileError("no permission to read it", help="check the permissions of the file and its folders") from error
    except IsADirectoryError as error:  # Python refuses a folder before fstat can
        raise NotAModelFile("it is a folder", help="give a file that mlpkit saved") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ModelFileError(f"it cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) < status.st_size:
        raise Truncated(f"only {len(data)} of {status.st_size} bytes could be read")
    return data
