"""Plugins with one thing wrong each, and for each the checks that find it, with words of what they say."""

from .activations import ACTIVATIONS
from .losses import LOSSES
from .optimizers import OPTIMIZERS
from .others import OTHERS
from .readers import READERS
from .wide import WIDE

MUTANTS = {**ACTIVATIONS, **LOSSES, **OPTIMIZERS, **OTHERS, **READERS, **WIDE}
