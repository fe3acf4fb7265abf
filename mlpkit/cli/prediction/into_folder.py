"""Predictions of shards in a folder, a file for each; shards that have theirs are left out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from mlpkit.cli.console import Console
from mlpkit.cli.prediction.model_file import ModelFile
from mlpkit.cli.prediction.options import Options
from mlpkit.cli.prediction.outputs import OutputFolder, output_names
from mlpkit.cli.prediction.progress import ShardProgress
from mlpkit.cli.prediction.runs import Results, results
from mlpkit.cli.prediction.task import FileTask
from mlpkit.cli.signals import Ended
from mlpkit.errors import DataError, Problem
from mlpkit.text.shown import counted, one_line
from mlpkit.version import __version__

MOST_ERRORS = 10  # that are shown


def predict_into(
    console: Console, folder: OutputFolder, file: ModelFile, options: Options, paths: Sequence[str], processes: int, *, force: bool
) -> None:
    """Predict the shards that have no output yet, and say how many they were.

    Raises
    ------
    DataError
        Shards cannot be predicted, after all others were.
    MLPKitError
        See `OutputFolder.begin` and `results`.
    """
    shards = output_names(paths, f".{options.format}")
    plan = folder.begin(shards, {"model": file.digest(), "options": options.facts, "mlpkit": __version__}, force=force)
    tasks = [FileTask(path, str(folder.path / name)) for name, path in plan.missing.items()]
    progress = ShardProgress(console, len(tasks))
    errors: dict[int, DataError] = {}
    try:
        with closing(progress), closing(results(file, options, tasks, processes, progress.count)) as found:
            _run(found, progress, errors)
    except (KeyboardInterrupt, Ended):
        finished = plan.done + progress.done - len(errors)
        console.say(one_line(f"{finished} of {counted(len(shards), 'shard')} are in {folder.path}; the same command goes on"))
        raise
    finally:
        folder.clean()
    console.say(one_line(_summary(folder, len(tasks) - len(errors), plan.done, progress.rows)))
    if errors:
        raise _all([errors[number] for number in sorted(errors)])


def _run(found: Results, progress: ShardProgress, errors: dict[int, DataError]) -> None:
    """Wait for all results and collect the errors of single files. Raise any other."""
    for number, result in found:
        if isinstance(result.error, DataError) and any(problem.file for problem in result.error.problems):
            errors[number] = result.error
        elif result.error is not None:
            raise result.error
        progress.finish()


def _summary(folder: OutputFolder, shards: int, before: int, rows: int) -> str:
    """Return what was done in a sentence."""
    if before and not shards:
        return f"{folder.path} has the predictions of {counted(before, 'shard')} already"
    there = f"; {before} {'was' if before == 1 else 'were'} there" if before else ""
    return f"saved {folder.path}: {counted(shards, 'shard')}, {counted(rows, 'prediction')}{there}"


def _all(errors: Sequence[DataError]) -> DataError:
    """Return one error for those of several shards."""
    if len(errors) == 1:
        return errors[0]
    message = f"{len(errors)} shards cannot be predicted"
    problems = [error.problems[0] for error in errors[:MOST_ERRORS]]
    if left := len(errors) - len(problems):
        problems.append(Problem(f"{counted(left, 'more shard')} cannot be predicted", help="repair these, and run the command again"))
    return DataError(message, problems=problems)
