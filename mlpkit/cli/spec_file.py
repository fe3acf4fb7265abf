"""SpecFile: the text of a spec given to a command, used to show errors at their position.

An error may be raised after the spec was read, for example when the layers are matched with the data. It still belongs to a line of
the file, or to the option that set the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlpkit.cli.overrides import Setting
from mlpkit.errors import MLPKitError, Problem
from mlpkit.files.paths import expanded

if TYPE_CHECKING:
    from mlpkit.spec import Spec


class SpecFile:
    """Text of a spec, with the changes of the command line.

    Parameters
    ----------
    path : str
        JSON file; "-" is stdin.
    settings : sequence of Setting

    Raises
    ------
    SpecError
        The file cannot be read.
    """

    def __init__(self, path: str, settings: Sequence[Setting] = ()) -> None:
        from mlpkit.spec.reading import read_text

        self.file = "<stdin>" if path == "-" else path
        self.folder = Path() if path == "-" else Path(expanded(path)).parent
        self.settings = settings
        self.text = read_text(path)

    def read(self) -> Spec:
        """Return the spec with the settings applied. Errors are those of `Spec.from_json`."""
        from mlpkit.spec import Spec
        from mlpkit.spec.presets import expanded as expanded_preset
        from mlpkit.text import json_text

        if not self.settings:
            return Spec.from_json(self.text, file=self.file, folder=self.folder)
        value = json_text.parse(self.text, self.file)
        for setting in sorted(self.settings, key=lambda each: each.path != ("preset",)):
            value = setting.apply(value if setting.path == ("preset",) else expanded_preset(value))
        return Spec.model_validate(value, folder=self.folder)

    @contextmanager
    def places(self) -> Iterator[None]:
        """Add the position in the file, or the option, to errors raised in the context."""
        try:
            yield
        except MLPKitError as error:
            problems = [self._placed(problem) for problem in error.problems]
            raise type(error)(error.message, help=error.help, problems=problems) from error

    def _placed(self, problem: Problem) -> Problem:
        if problem.file and (problem.line or problem.file != self.file):
            return problem
        for setting in reversed(self.settings):
            if setting.covers(problem.path):
                return replace(problem, file=setting.option)
        for own in self._own_problems:
            if (own.path, own.message) == (problem.path, problem.message):
                return own
        for setting in reversed(self.settings):
            if setting.is_inside(problem.path):  # the setting caused the problem
                return replace(problem, file=setting.option)
        return self._at_value(problem) if problem.path else problem

    def _at_value(self, problem: Problem) -> Problem:
        """Return the problem with the position of its value, or of the nearest enclosing value in the text."""
        from mlpkit.text import json_text

        offsets = self._offsets
        around = [path for path in offsets if problem.path == path or problem.path.startswith((f"{path}.", f"{path}["))]
        if not around:
            return replace(problem, file=self.file)
        offset = offsets[max(around, key=len)]
        return json_text.at_offset(self.text, offset, self.file, problem.message, problem.help, problem.path)

    @cached_property
    def _offsets(self) -> dict[str, int]:
        """Offset of each value in the text, by its path in the form used by errors."""
        from mlpkit.spec.findings import path_text
        from mlpkit.text import json_text

        return {path_text(path): offset for path, offset in json_text.offsets(self.text)[0].items() if path}

    @cached_property
    def _own_problems(self) -> tuple[Problem, ...]:
        """Problems of the file without the settings, with exact positions."""
        from mlpkit.spec import Spec

        try:
            Spec.from_json(self.text, file=self.file, folder=self.folder)
        except MLPKitError as error:
            return error.problems
        return ()
