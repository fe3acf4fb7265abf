"""Activations whose options or objects are not as they should be, or that are random, warn or exit."""

import sys
import warnings
from typing import Annotated, Any, ClassVar

import numpy as np

from mlpkit import Since

from .. import good


class Swish2(good.Swish):
    """Swish, from which the mutants of the easy contract are made."""


class Random(Swish2):
    """A little noise."""

    def function(self, z):
        return super().function(z) + (1e-12 * np.random.standard_normal(z.shape)).astype(z.dtype)  # noqa: NPY002


class Warns(Swish2):
    """Warns of its own age."""

    def derivative(self, z, y):
        warnings.warn("swish is old", DeprecationWarning, stacklevel=1)
        return super().derivative(z, y)


class Exits(Swish2):
    """Ends the process."""

    def function(self, z):
        sys.exit("no licence")


class Undocumented(Swish2):
    pass


class Mutable(Swish2):
    """Has an option that is a list."""

    weights: Any = (1.0, 2.0)


class Unfrozen(Swish2):
    """Can be changed."""

    model_config: ClassVar = {"frozen": False}


class NotJson(Swish2):
    """Has an option that JSON does not have."""

    factor: bytes = b"\xff"


class ForgetsAnOption(Swish2):
    """Writes down another option than it has."""

    def model_dump(self, **options):
        return {**super().model_dump(**options), "beta": 2.0}


class CopiesDiffer(Swish2):
    """A copy has forgotten what it was."""

    def __deepcopy__(self, memo=None):
        return type(self)(beta=self.beta + 1)


class PicklesDiffer(Swish2):
    """Lose the class of the object when it is unpickled."""

    def __reduce__(self):
        return type(self), ()


LOSES_ITS_NAME = type("Relu", (Swish2,), {"__module__": __name__, "__doc__": "Has the name of a built-in."})
MUTABLE = Mutable.model_construct(beta=1.0, weights=[1.0, 2.0])


class LaterWithoutDefault(Swish2):
    """Has a later option that every old spec lacks."""

    power: Annotated[float, Since("0.2")]


class LaterByNumber(Swish2):
    """Names a schema of mlpkit's spec."""

    power: Annotated[float, Since(4)] = 1.0


class LaterThatAsksWhetherItIsGiven(Swish2):
    """Computes something else where the default is written out."""

    power: Annotated[float, Since("0.2")] = 1.0

    def function(self, z):
        return super().function(z) * z.dtype.type(2.0 if "power" in self.model_fields_set else self.power)


class Later(Swish2):
    """Has a later option as it should be."""

    power: Annotated[float, Since("0.2")] = 1.0

    def function(self, z):
        return super().function(z) * z.dtype.type(self.power)

    def derivative(self, z, y):
        return super().derivative(z, y) * z.dtype.type(self.power)
