"""The language of mlpkit's own source and tests: docstrings begin with a verb in the imperative or with a noun."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mlpkit"
IGNORES = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]["per-file-ignores"]
PACKAGES = sorted({path.parent for path in PACKAGE.rglob("*.py")})
TESTS = [path for folder in ("tests", "plugins") for path in sorted((PACKAGE.parent / folder).rglob("*.py"))]
PROPERTIES = {"property", "cached_property"}
QUESTION = re.compile(r"\W*(what|how|where|which|whether|who|whom|whose|when|why)(ever)?\b", re.IGNORECASE)
DEFINITIONS = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and the docstring of the module and of each class and function in it."""
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


def questions(path: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the places of the docstrings that begin with a question word."""
    for name, text in docstrings(tree):
        if QUESTION.match(text):
            yield f"{path.relative_to(PACKAGE.parent)}: {name}: {text.partition(chr(10))[0]}"


def verbs_of_properties(path: Path, tree: ast.Module) -> Iterator[str]:
    """Yield the places of the properties whose docstring begins with a verb."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or not PROPERTIES & {getattr(name, "id", "") for name in node.decorator_list}:
            continue
        if (ast.get_docstring(node) or "").startswith("Return "):
            yield f"{path.relative_to(PACKAGE.parent)}: {node.name}"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_docstrings_begin_with_no_question_word_and_those_of_properties_with_no_verb(package: Path) -> None:
    for path in sorted(package.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        assert [*questions(path, tree), *verbs_of_properties(path, tree)] == []


def test_no_docstring_or_name_of_a_test_begins_with_a_question_word() -> None:
    wrong = [wrong for path in TESTS for wrong in questions(path, ast.parse(path.read_text("utf-8")))]
    wrong += [
        name for path in TESTS for name in re.findall(r"def test_(\w+)", path.read_text("utf-8")) if QUESTION.match(name.replace("_", " "))
    ]
    assert not wrong


def test_the_docstring_rules_have_no_exceptions() -> None:
    assert not [
        pattern for pattern, rules in IGNORES.items() if pattern.startswith("mlpkit") and any(rule.startswith("D") for rule in rules)
    ]


def test_a_property_that_begins_with_a_verb_is_found() -> None:
    source = 'class C:\n    @property\n    def size(self):\n        """Return the size."""\n'
    assert [place.rpartition(" ")[2] for place in verbs_of_properties(PACKAGE / "c.py", ast.parse(source))] == ["size"]


@pytest.mark.parametrize("word", ["What", "How", "Where", "Which", "Whether", "Who", "When", "Whatever", "`Whose"])
def test_question_words_are_found(word: str) -> None:
    found = dict(docstrings(ast.parse(f'class C:\n    """{word} it holds."""\n')))
    assert QUESTION.match(found["C"])


def test_other_words_are_not() -> None:
    assert not any(map(QUESTION.match, ["Whole rows.", "Return what is left.", "Howitzers.", "Whereabouts of a file."]))
