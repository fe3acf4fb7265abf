"""Random generators of a run: independent streams of one seed, and their state as an array."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

WORDS = 6  # uint64 words of a generator's state: state and increment, high word first, then the remaining 32 bits
LOW = 2**64 - 1


def random_stream(seed: int, purpose: Literal["weights", "shuffle", "dropout", "data"], done: int = 0) -> np.random.Generator:
    """Return one of the independent generators of a seed; different ones after `done` earlier epochs."""
    index = ("weights", "shuffle", "dropout", "data").index(purpose)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index, done) if done else (index,))))


def generator_state(rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return the state of a generator, shape (6,): two numbers of 128 bits of PCG64, and possibly half of a drawn word."""
    found: dict[str, Any] = dict(rng.bit_generator.state)
    state, increment = found["state"]["state"], found["state"]["inc"]
    words = state >> 64, state & LOW, increment >> 64, increment & LOW, found["has_uint32"], found["uinteger"]
    return np.array(words, np.uint64)


def set_generator(rng: np.random.Generator, words: NDArray[np.uint64]) -> None:
    """Set the state of a generator to a result of `generator_state`."""
    state, low, increment, low_increment, left_over, word = words.tolist()
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": state << 64 | low, "inc": increment << 64 | low_increment},
        "has_uint32": left_over,
        "uinteger": word,
    }


def is_generator_state(words: NDArray[np.uint64]) -> bool:
    """Return True if an array of shape (6,) is a valid state of a generator."""
    return bool(words[3] % 2 == 1 and words[4] <= 1 and words[5] < 2**32)  # the increment of PCG64 is odd
