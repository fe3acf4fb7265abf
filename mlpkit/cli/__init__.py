"""The command line: a command is a few lines over the public API.

Nothing heavy is imported here or at the head of a command's file, so that `--help` and completion stay fast: NumPy,
h5py and the spec's models are imported inside the commands.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; those of the process when left out.

    Returns
    -------
    int
        The exit code: 0 done; 1 the run failed; 2 usage, or an invalid spec, data or model; 3 a plugin is missing,
        broken or ambiguous; 4 ``--fail-under`` not met; 129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM.
    """
    from mlpkit.cli.standard_streams import open_streams

    open_streams()
    from mlpkit.cli.app import run

    if argv is None:  # in a process of its own: Pydantic fails where the metadata of any distribution are damaged, as it looks for plugins
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    return run(argv)
