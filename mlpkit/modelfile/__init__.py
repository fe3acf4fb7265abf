"""The model file: one HDF5 file, written whole or not at all, and believed only after everything in it was verified.

It holds plain JSON values and arrays; what they mean is the business of `Spec`, `Network` and the preprocessing.
The format itself is specified in models/FORMAT.md.
"""

from typing import TYPE_CHECKING

from mlpkit.lazy import lazy

if TYPE_CHECKING:
    from mlpkit.modelfile.atomic import save_bytes
    from mlpkit.modelfile.contents import Contents
    from mlpkit.modelfile.loading import load_arrays
    from mlpkit.modelfile.reader import from_bytes, read
    from mlpkit.modelfile.summary import inspect
    from mlpkit.modelfile.writer import to_bytes, write, write_bytes

if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of the package's
    __getattr__ = lazy(
        __name__,
        {
            "atomic": ("save_bytes",),
            "contents": ("Contents",),
            "loading": ("load_arrays",),
            "reader": ("from_bytes", "read"),
            "summary": ("inspect",),
            "writer": ("to_bytes", "write", "write_bytes"),
        },
    )

__all__ = ["Contents", "from_bytes", "inspect", "load_arrays", "read", "save_bytes", "to_bytes", "write", "write_bytes"]
