"""The random generators of a run: independent streams of one seed, and their state as an array that a file can hold."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

WORDS = 6  # of a generator's state: the state and the increment, high word first, then the 32 bits that are left over
LOW = 2**64 - 1


def random_stream(seed: int, purpose: Literal["weights", "shuffle", "dropout"], done: int = 0) -> np.random.Generator:
    """One of the independent generators of a seed, so that none shifts another; new ones after `done` epochs."""
    index = ("weights", "shuffle", "dropout").index(purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index, done) if done else (index,))))


def generator_state(rng: np.random.Generator) -> NDArray[np.uint64]:
    """The state of a generator, shape (6,): PCG64 has two numbers of 128 bits, and maybe half of a drawn word."""
    found: dict[str, Any] = dict(rng.bit_generator.state)
    state, increment = found["state"]["state"], found["state"]["inc"]
    words = state >> 64, state & LOW, increment >> 64, increment & LOW, found["has_uint32"], found["uinteger"]
    return np.array(words, np.uint64)


def set_generator(rng: np.random.Generator, words: NDArray[np.uint64]) -> None:
    """Put a generator where `generator_state` found one."""
    state, low, increment, low_increment, left_over, word = words.tolist()
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state << 64 | low, "inc": increment << 64 | low_increment},
        "has_uint32": left_over,
        "uinteger": word,
    }


def is_generator_state(words: NDArray[np.uint64]) -> bool:
    """Return whether an array of shape (6,) is one that a generator can have."""
    return bool(words[3] % 2 == 1 and words[4] <= 1 and words[5] < 2**32)  # the increment of PCG64 is odd
