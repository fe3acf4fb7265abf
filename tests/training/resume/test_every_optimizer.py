"""Every built-in optimizer, alone, wrapped, averaged and with a schedule that reads the history: a resumed run gives the same bits."""

import zlib

import numpy as np
import pytest

from mlpkit.plugin import REGISTRIES, Minimizer, Wrapper, innermost

from ...builtins import builtins

EPOCHS = 12  # of 4 steps
PLATEAU = {"type": "reduce_on_plateau", "initial": 0.02, "patience": 0, "threshold": 0.5, "factor": 0.7}
SETTINGS = {  # changes of the spec, from the name of the optimizer
    "alone": lambda name: {"optimizer": name},
    "clipped": lambda name: {"optimizer": {"type": "clipping", "inner": name, "norm": 0.1, "value": 0.2}},
    "averaged": lambda name: {"optimizer": {"type": "averaging", "inner": name, "decay": 0.8}},
    "clipped and averaged": lambda name: {
        "optimizer": {"type": "clipping", "norm": 0.1, "inner": {"type": "averaging", "inner": name}},
    },
    "ema": lambda name: {"optimizer": name, "training__average": {"type": "ema", "decay": 0.8}, "training__clip_norm": 0.3},
    "swa": lambda name: {"optimizer": name, "training__average": "swa"},
    "plateau": lambda name: {"optimizer": {"type": name, "learning_rate": PLATEAU}},
    "decayed, with factors": lambda name: {
        "optimizer": name,
        "training__weight_decay": 0.0 if builtins("optimizers")[name].decoupled_decay else 0.1,
        "network__layers__0__learning_rate_factor": 0.5,
        "network__layers__1__decay_factor": 3.0,
    },
}
RULES = [name for name, optimizer in builtins("optimizers").items() if not isinstance(optimizer, (Minimizer, Wrapper))]


def fits(name, setting):
    """An optimizer that averages itself is not averaged in training, and Rprop takes no schedule."""
    averages = name == "schedule_free_adamw" and setting in ("ema", "swa")
    return not averages and not (name == "rprop" and setting == "plateau")


PAIRS = [(name, setting) for name in RULES for setting in SETTINGS if fits(name, setting)]


@pytest.mark.parametrize(
    ("name", "setting"), [pytest.param(*pair, marks=() if at % 9 == 0 else pytest.mark.slow) for at, pair in enumerate(PAIRS)]
)
def test_stopped_at_a_random_step(spec_with, assert_goes_on, name, setting, tmp_path):
    changes = SETTINGS[setting](name)
    full = innermost(REGISTRIES["optimizers"].get(name)()).full_batch
    batch = {"training__batch_size": None} if full else {}
    spec = spec_with(training__epochs=EPOCHS, training__early_stopping=None, **changes, **batch)
    rng = np.random.default_rng(zlib.crc32(f"{name} {setting}".encode()))
    inside = [step for step in range(1, EPOCHS if full else 4 * EPOCHS) if full or step % 4]  # in the middle of an epoch of 4 steps
    assert_goes_on(spec, [int(rng.choice(inside))], tmp_path)
