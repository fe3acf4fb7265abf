"""Test the code of the guide on exports as C and Python: it is run in order, and prints what the guide says."""

import re
import shutil
import subprocess

from ..modelfile.models import ROOT
from .c_program import compiler

SECTION = (ROOT / "models" / "README.md").read_text("utf-8").partition("## Export a model as C or Python")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^<!-- (.*?) -->\n```\w*\n(.*?)^```$", SECTION, re.M | re.S)


def test_the_blocks_of_the_guide_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(ROOT / "models" / "penguins", tmp_path / "models" / "penguins")
    names = {}
    for marker, text in BLOCKS:
        if marker == "python":
            exec(compile(text, "guide", "exec"), names)
        elif marker == "run":
            first, second, printed = text.splitlines()
            compile_it, run_it = (line.removeprefix("$ ").replace("cc ", f"{compiler()} ") for line in (first, second))
            subprocess.run(compile_it.split(), check=True)
            assert subprocess.run(run_it.split(), capture_output=True, text=True, check=True).stdout.strip() == printed
        else:
            (tmp_path / marker.removeprefix("file: ")).write_text(text, encoding="utf-8")
    assert [marker for marker, _ in BLOCKS] == ["python", "python", "file: main.c", "run"]
    assert capsys.readouterr().out.startswith("['Gentoo'] [[")
