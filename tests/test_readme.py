"""README.md: it is short, its links lead somewhere, and its tour runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "models/README.md", "models/FORMAT.md", "models/SPEC.md", "plugins/README.md"]
TOUR = ["init", "train", "evaluate", "predict", "plugins", "train"]


def heading_links(text):
    """Return the links to the headings of a document, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in re.findall(r"^#+ (.*)$", prose, re.M)}


def test_it_has_at_most_150_lines():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_or_a_heading(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
        path, _, heading = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        assert not heading or heading in heading_links(file.read_text(encoding="utf-8")), target


def test_the_contents_of_the_guide_are_all_of_its_sections():
    text = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    contents, rest = text.split("\nContents:\n")[1].split("\n## ", 1)
    sections = heading_links("\n".join(line for line in f"## {rest}".splitlines() if line.startswith(("## ", "```"))))
    assert sorted(re.findall(r"\(#([\w-]+)\)", contents)) == sorted(sections)


def test_the_commands_of_the_ci_are_marked():
    commands = dict(re.findall(r"^<!-- (\w+) -->\n```\n(.*)\n```$", README, re.M))
    assert {name: command.split()[0] for name, command in commands.items()} == {"main": "pip", "tests": "pip"}
    assert "&& pytest -n 2" in commands["tests"]


@pytest.mark.slow
def test_the_tour_runs(tmp_path):
    shutil.copytree(ROOT / "models" / "penguins", tmp_path / "models" / "penguins")
    first, second = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    commands = re.findall(r"^\$ (.*)$", README, re.M)
    assert [line.split()[1] for line in commands if line.startswith("mlpkit")] == TOUR
    (tmp_path / "first.py").write_text(first, encoding="utf-8")
    (tmp_path / "bend.py").write_text(second, encoding="utf-8")
    tour = "\n".join(["set -e", commands[0], "cp ../first.py ../bend.py .", *commands[1:], "python first.py"]).replace(
        "mlpkit plugins check", "test -f"
    )  # the guide's tests run it
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", tour], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for shown in (
        "ensemble    5 members: each trains on 275 to 276 rows, and validates on 68 to 69 others",
        "network     15 -> 128 silu -> 128 silu -> 3 softmax, 21,312 parameters",
        " on 344 validation rows, each by the member that has held it out; majority 0.4419, linear 0.9884",
    ):
        assert shown in done.stderr
        assert shown in README
    assert "Adelie,Torgersen,39.1,18.7,181,3750,male,2007,Adelie" in done.stdout
    spec = tmp_path / "tour" / "spec.json"
    (line,) = re.findall(r'^ 7 \|(   "training": .*)$', README, re.M)
    preset = '"preset": "good-classes-2",\n'
    spec.write_text(spec.read_text().replace(preset, f"{preset}{line[1:]}\n"), encoding="utf-8")
    wrong = subprocess.run(["mlpkit", "check", spec.name], cwd=spec.parent, env=environment, capture_output=True, text=True)
    assert wrong.stderr.strip() in README


def test_every_file_and_function_in_the_map_of_the_code_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"`((?:mlpkit/)?[\w/]+\.py)`(?: \(`(\w+)`\))?", text)
    assert len(found) > 20
    for name, function in found:
        if "NAME" in name or name.startswith("tests/"):
            continue
        path = ROOT / "mlpkit" / name.removeprefix("mlpkit/")
        assert path.exists() or (path.parent / "training" / name).exists(), name
        assert not function or f"def {function}(" in path.read_text(encoding="utf-8"), name
