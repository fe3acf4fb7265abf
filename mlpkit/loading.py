"""From a file to a model: everything is checked before it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mlpkit.code_file import register
from mlpkit.model import Model
from mlpkit.modelfile.loading import Verify, check_verify
from mlpkit.plugin import Plugin
from mlpkit.probe import check_probe
from mlpkit.provenance import changed_plugins
from mlpkit.storage import map_parts, read_parts


def load(path: str | Path, *, plugins: Sequence[type[Plugin]] = (), mmap: bool = False, verify: Verify = "full") -> Model:
    """The model in a file, checked before it is believed.

    Parameters
    ----------
    path : str or Path
    plugins : sequence of type
        Plugin classes of your own that the model was trained with.
    mmap : bool
        Map the file into memory in place of reading the network's numbers: they share their memory with every other
        process that maps the file. Such a file must not be written over in place; mlpkit itself never does. Training
        such a model copies them.
    verify : "full" or "lazy"
        Whether the network's numbers are verified now, or, with `mmap`, when the network is used first.

    Raises
    ------
    ModelFileError
        The file is no model, or is damaged or unsafe.
    MissingPlugin, AmbiguousPlugin, BrokenPlugin
        A plugin that the model was trained with cannot be used; the error says which distribution to install.

    Warns
    -----
    ProbeWarning
        The network answers otherwise than where it was saved.
    """
    check_verify(verify, mmap)
    register(*plugins)
    if not mmap:
        parts, contents = read_parts(path)
        check_probe(parts.network, contents.probe, path, partial(changed_plugins, contents.plugins))
        return Model.from_parts(parts)
    parts, contents, verify_tensors = map_parts(path)

    def verify_all() -> None:
        verify_tensors()
        check_probe(parts.network, contents.probe, path, partial(changed_plugins, contents.plugins))

    if verify == "lazy":
        return Model.from_parts(parts, verify_all)
    verify_all()
    return Model.from_parts(parts)
