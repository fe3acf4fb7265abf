"""Command line: each command is a few lines over the public API.

Nothing heavy is imported here or at the top of a command's file, so that `--help` and completion stay fast. NumPy, h5py and the
models of the spec are imported inside the commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        Exit code: 0 success; 1 the run failed; 2 usage error, or an invalid spec, data or model; 3 a plugin is missing,
        broken or ambiguous; 4 ``--fail-under`` not met; 129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM.
    """
    from mlpkit.cli.standard_streams import open_streams
    from mlpkit.text.terminal import write

    open_streams()
    try:
        import typer as typer
    except ModuleNotFoundError:
        write(sys.stderr, "error: the command line needs typer, which is not installed\nhelp: install it: pip install typer\n")
        return 1
    from mlpkit.cli.app import run

    if argv is None:  # own process: Pydantic's search for plugins fails if any distribution has damaged metadata
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    return run(argv)
