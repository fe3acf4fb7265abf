"""Plugins that change the process in which they run."""

import decimal
import gc
import locale
import logging
import os
import random
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from threading import Thread
from typing import ClassVar

import numpy as np

from mlpkit import Schedule

from ..mutants.activations import Tanh2
from ..mutants.losses import Squares
from ..mutants.optimizers import Momentum
from ..mutants.others import Error, Uniform


class Seeds(Tanh2):
    """Seeds NumPy's global generator."""

    def forward(self, z, out):
        np.random.seed(0)  # noqa: NPY002
        np.tanh(z, out)


class SeedsPython(Squares):
    """Seeds Python's global generator."""

    def value_and_grad(self, outputs, targets, losses, grad):
        random.seed(0)
        super().value_and_grad(outputs, targets, losses, grad)


class SetsErrors(Momentum):
    """Switches NumPy's warnings off for good."""

    def step(self, w, grad, velocity, *, lr, t):
        np.seterr(all="ignore")
        super().step(w, grad, velocity, lr=lr, t=t)


class Prints(Error):
    """Prints its figure."""

    def compute(self, outputs, targets, weights):
        print("computing")
        return super().compute(outputs, targets, weights)


class PrintsToStderr(Schedule):
    """Writes to stderr."""

    def at(self, progress):
        sys.stderr.write("rate\n")
        return 0.01


class WritesToDescriptor(Tanh2):
    """Writes to the descriptor of stdout."""

    def backward(self, z, out, grad):
        os.write(1, b"backward\n")
        super().backward(z, out, grad)


class FiltersWarnings(Tanh2):
    """Silences all warnings."""

    def forward(self, z, out):
        warnings.simplefilter("ignore")
        np.tanh(z, out)


class SetsEnvironment(Uniform):
    """Sets a variable."""

    def fill(self, array, rng):
        os.environ["OMP_NUM_THREADS"] = "1"
        super().fill(array, rng)


class ConfiguresLogging(Squares):
    """Configures the logging of everybody."""

    def value_and_grad(self, outputs, targets, losses, grad):
        logging.getLogger().setLevel(logging.DEBUG)
        super().value_and_grad(outputs, targets, losses, grad)


class ChangesFolder(Momentum):
    """Goes to another folder."""

    def step(self, w, grad, velocity, *, lr, t):
        os.chdir(tempfile.gettempdir())
        super().step(w, grad, velocity, lr=lr, t=t)


class WritesFile(Error):
    """Leaves a file behind."""

    def compute(self, outputs, targets, weights):
        Path(tempfile.gettempdir(), "mlpkit-planted.txt").write_text("computed\n")
        return super().compute(outputs, targets, weights)


class SetsLocale(Tanh2):
    """Sets the locale."""

    def forward(self, z, out):
        locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8")
        np.tanh(z, out)


class SetsPrintOptions(Uniform):
    """Sets how NumPy prints."""

    def fill(self, array, rng):
        np.set_printoptions(precision=3)
        super().fill(array, rng)


class ReplacesStdout(Squares):
    """Puts something else in the place of sys.stdout."""

    def value_and_grad(self, outputs, targets, losses, grad):
        sys.stdout = sys.__stderr__
        super().value_and_grad(outputs, targets, losses, grad)


class HandlesSignals(Momentum):
    """Ignores a signal."""

    def step(self, w, grad, velocity, *, lr, t):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        super().step(w, grad, velocity, lr=lr, t=t)


class StopsCollecting(Tanh2):
    """Switches the garbage collector off."""

    def forward(self, z, out):
        gc.disable()
        np.tanh(z, out)


class LeavesThreads(Squares):
    """Starts a thread that does not end."""

    waiting: ClassVar[list[Thread]] = []

    def value_and_grad(self, outputs, targets, losses, grad):
        if not self.waiting:
            from threading import Event

            self.waiting.append(Thread(target=Event().wait, daemon=True))
            self.waiting[0].start()
        super().value_and_grad(outputs, targets, losses, grad)


class Recursion(Uniform):
    """Raises the limit of recursion."""

    def fill(self, array, rng):
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        super().fill(array, rng)


class Patches(Momentum):
    """Puts another function in the place of NumPy's."""

    def step(self, w, grad, velocity, *, lr, t):
        square = np.square
        np.square = lambda *args, **options: square(*args, **options)
        super().step(w, grad, velocity, lr=lr, t=t)


class SetsDecimals(Error):
    """Sets the precision of decimal numbers."""

    def compute(self, outputs, targets, weights):
        decimal.getcontext().prec = 5
        return super().compute(outputs, targets, weights)


class ShortPath(Tanh2):
    """Puts a folder before all modules."""

    def forward(self, z, out):
        sys.path.insert(0, "/nowhere")
        np.tanh(z, out)


class PrintsWithOption(Error):
    """Prints once it is asked to."""

    absolute: bool = True

    def compute(self, outputs, targets, weights):
        if not self.absolute:
            print("signed")
            return abs(float(np.average((outputs - targets).mean(axis=1), weights=weights)))
        return super().compute(outputs, targets, weights)


class WritesFileRarely(Momentum):
    """Leaves a file behind in a training of more than ten steps."""

    def step(self, w, grad, velocity, *, lr, t):
        if t == 12:
            Path(tempfile.gettempdir(), "mlpkit-planted.txt").write_text("trained\n")
        super().step(w, grad, velocity, lr=lr, t=t)


class SetsUmask(Error):
    """Sets which rights new files have."""

    def compute(self, outputs, targets, weights):
        os.umask(0o077 if os.umask(0) != 0o077 else 0o027)
        return super().compute(outputs, targets, weights)


EVERY = (
    *(Seeds(), SeedsPython(), SetsErrors(), Prints(), PrintsToStderr(), WritesToDescriptor(), FiltersWarnings()),
    *(SetsEnvironment(), ConfiguresLogging(), ChangesFolder(), WritesFile(), SetsLocale(), SetsPrintOptions()),
    *(ReplacesStdout(), HandlesSignals(), StopsCollecting(), LeavesThreads(), Recursion(), Patches(), SetsDecimals()),
    *(SetsUmask(), ShortPath(), PrintsWithOption(), WritesFileRarely()),
)
PLANTED = dict.fromkeys(EVERY, "side_effects")
