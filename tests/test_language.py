"""The language of mlpkit's own source and tests: docstrings begin with a verb in the imperative or with a noun."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mlpkit"
IGNORES = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]["per-file-ignores"]
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = [path for folder in ("tests", "plugins") for path in sorted((PACKAGE.parent / folder).rglob("*.py"))]
PROPERTIES = {"property", "cached_property"}
QUESTION = re.compile(r"\W*(what|how|where|which|whether|who|whom|whose|when|why)(ever)?\b", re.IGNORECASE)
DEFINITIONS = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


def docstrings(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the docstring of the module and of each class and function in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DEFINITIONS) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_docstring_begins_with_a_question_word(path: Path) -> None:
    wrong = {name: text.partition("\n")[0] for name, text in docstrings(path.read_text("utf-8")) if QUESTION.match(text)}
    assert not wrong


def test_no_docstring_or_name_of_a_test_begins_with_a_question_word() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}: {name}"
        for path in TESTS
        for name, text in docstrings(path.read_text("utf-8"))
        if QUESTION.match(text)
    ]
    wrong += [
        name for path in TESTS for name in re.findall(r"def test_(\w+)", path.read_text("utf-8")) if QUESTION.match(name.replace("_", " "))
    ]
    assert not wrong


def test_the_docstring_rules_have_no_exceptions() -> None:
    assert not [
        pattern for pattern, rules in IGNORES.items() if pattern.startswith("mlpkit") and any(rule.startswith("D") for rule in rules)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_docstrings_of_properties_are_noun_phrases(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    properties = [node for node in functions if PROPERTIES & {getattr(name, "id", "") for name in node.decorator_list}]
    assert not [node.name for node in properties if (ast.get_docstring(node) or "").startswith("Return ")]


@pytest.mark.parametrize("word", ["What", "How", "Where", "Which", "Whether", "Who", "When", "Whatever", "`Whose"])
def test_question_words_are_found(word: str) -> None:
    found = dict(docstrings(f'class C:\n    """{word} it holds."""\n'))
    assert QUESTION.match(found["C"])


def test_other_words_are_not() -> None:
    assert not any(map(QUESTION.match, ["Whole rows.", "Return what is left.", "Howitzers.", "Whereabouts of a file."]))
