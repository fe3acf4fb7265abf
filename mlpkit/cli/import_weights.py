"""`mlpkit import`: a file of another library becomes a model file."""

from __future__ import annotations

import csv
import math
import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlpkit.cli.console import Console
from mlpkit.cli.errors import OutputError
from mlpkit.cli.options import Code, Force, ModelOutput, Settings, load_code, with_code
from mlpkit.cli.output_files import MODELS, check_ending, check_is_file, check_output, ending_of
from mlpkit.cli.overrides import Setting
from mlpkit.errors import ModelFileError
from mlpkit.text.shown import one_line

if TYPE_CHECKING:
    from mlpkit.model.model import Model

KERAS = (".keras", ".h5", ".hdf5")
TORCH = (".pt", ".pth", ".ckpt", ".bin")
PICKLES = (".pkl", ".pickle", ".joblib")
INTEGER = re.compile(r"-?[1-9][0-9]{0,17}|0")
NONE = "a pickle can run code, and is not loaded"

Activations = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES", help="Activations of the layers of a safetensors file, such as relu,relu; one name is that of all hidden layers."
    ),
]
Order = Annotated[str | None, typer.Option(metavar="NAMES", help="Order of the modules of a safetensors file, such as hidden,out.")]
Classes = Annotated[str | None, typer.Option(metavar="LABELS", help="Classes in the order of the outputs, such as no,yes.")]
Inputs = Annotated[str | None, typer.Option(metavar="NAMES", help="Names of the input columns, such as age,height.")]
Center = Annotated[str | None, typer.Option(metavar="NUMBERS", help="Numbers subtracted from the inputs, one for each or one for all.")]
Scale = Annotated[str | None, typer.Option(metavar="NUMBERS", help="Numbers that the inputs are divided by afterwards.")]
Target = Annotated[str | None, typer.Option(metavar="NAMES", help="Names of the predicted columns.")]
TargetCenter = Annotated[str | None, typer.Option(metavar="NUMBERS", help="Numbers added to the outputs, after --target-scale.")]
TargetScale = Annotated[str | None, typer.Option(metavar="NUMBERS", help="Numbers that the outputs are multiplied by.")]


def import_weights(
    console: Console,
    file: Annotated[str, typer.Argument(metavar="FILE", help="File of weights: .safetensors, or .keras or .h5 of Keras.")],
    output: ModelOutput = "model.h5",
    activations: Activations = None,
    order: Order = None,
    classes: Classes = None,
    inputs: Inputs = None,
    center: Center = None,
    scale: Scale = None,
    target: Target = None,
    target_center: TargetCenter = None,
    target_scale: TargetScale = None,
    settings: Settings = None,
    code: Code = None,
    force: Force = False,
) -> None:
    """Make a model of the weights in a file of PyTorch (safetensors) or Keras, without these libraries.

    Networks are chains of dense layers. Lists are separated by commas. In Python, mlpkit.from_sklearn takes pipelines of scikit-learn.
    """
    check_is_file(output)
    check_ending(output, MODELS, "a model")
    check_output(output, force=force, reads=[file])
    load_code(code)
    spec: Any = {}
    for setting in Setting.parse_all(settings or []):
        spec = setting.apply(spec)
    given = {
        "classes": _labels(classes),
        "inputs": _listed(inputs),
        "center": _numbers("--center", center),
        "scale": _numbers("--scale", scale),
        "target": _listed(target),
        "target_center": _numbers("--target-center", target_center),
        "target_scale": _numbers("--target-scale", target_scale),
        "spec": spec or None,
    }
    model = _imported(file, _listed(activations), _listed(order), given)
    try:
        model.save(output, replace=force)
    except ModelFileError as error:
        raise OutputError(error.message, help=error.help) from error
    console.out(model.summary())
    console.say(one_line(f"saved {output}; next: {with_code(f'mlpkit predict {shlex.quote(output)} DATA', code)}"))


def _imported(file: str, activations: list[str] | None, order: list[str] | None, given: dict[str, Any]) -> Model:
    """Return the model of a file, by the ending of its name. Raise ModelFileError for another one."""
    ending = ending_of(file)
    if ending == ".safetensors":
        from mlpkit.importing.torch_state import from_torch

        names: Any = activations[0] if activations is not None and len(activations) == 1 else activations or []
        return from_torch(file, names, order=order, **given)
    if ending in KERAS:
        for option, value in (("--activations", activations), ("--order", order)):
            if value is not None:
                raise typer.BadParameter("a file of Keras has the activations and the order of its layers", param_hint=option)
        from mlpkit.importing.keras import from_keras

        return from_keras(file, **given)
    if ending in PICKLES:
        help = f"in Python, if you trust the file: mlpkit.from_sklearn(joblib.load({file!r})).save('model.h5')"
        raise ModelFileError(f"{file}: {NONE}", help=help)
    if ending in TORCH:
        help = "save the weights in Python: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        raise ModelFileError(f"{file}: {NONE}", help=help)
    raise ModelFileError(f"{file}: its suffix is that of no known weights", help="give .safetensors, .keras or .h5")


def _listed(text: str | None) -> list[str] | None:
    """Return the values of a list; one with a comma is in double quotes. Raise BadParameter if it has several lines."""
    if text is None:
        return None
    if len(text.splitlines()) > 1:
        raise typer.BadParameter(f"{text!r} has several lines, not values that are separated by commas")
    return [each.strip() for each in next(csv.reader([text], skipinitialspace=True), [])]


def _labels(text: str | None) -> list[Any] | None:
    """Return classes: integers if all of them are, else texts."""
    found = _listed(text) or []
    integers = [int(each) for each in found if INTEGER.fullmatch(each)]
    return None if text is None else integers if len(integers) == len(found) else found


def _numbers(option: str, text: str | None) -> Sequence[float] | float | None:
    """Return numbers; a single one is that of all columns. Raise BadParameter for another text."""
    if text is None:
        return None
    try:
        found = [float(each) for each in _listed(text) or []]
    except ValueError:
        found = []
    if not found or not all(map(math.isfinite, found)):
        raise typer.BadParameter(f"{text!r} is not a list of numbers, such as 1.5,2", param_hint=option)
    return found[0] if len(found) == 1 else found
