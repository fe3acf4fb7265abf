"""Writes the corpus: a file for each case, and index.json, which says what must come of each."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from . import CASES


def file_name(case: str) -> str:
    """``5,000 names`` -> ``5_000_names.h5``."""
    return re.sub(r"[^a-z0-9]+", "_", case.lower()).strip("_") + ".h5"


def write(folder: Path) -> None:
    """Write every file into a folder, which is made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {}
    for name, case in CASES.items():
        (folder / file_name(name)).write_bytes(case.build())
        code = getattr(case.error, "code", case.error.__name__)
        index[file_name(name)] = {"case": name, "error": code, "rule": case.rule, "found": case.found, "message": case.message}
    (folder / "index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.modelfile.corpus FOLDER")
    write(Path(sys.argv[1]))
