"""From a number to a mutant: which golden file, and what is changed in it."""

from __future__ import annotations

from random import Random

from .array_level import mutate_arrays
from .bytes_level import mutate_bytes
from .golden import Golden
from .json_level import mutate_json
from .mutant import Mutant
from .structure_level import mutate_structure

LEVELS = {mutate_bytes: 35, mutate_structure: 40, mutate_json: 22, mutate_arrays: 3}
SHARES = {"large": 2, "deep": 3, "dense": 12}  # the large ones take longer to read; of the others each is 20 times
PER_SEED = 10**9


def mutant_of(golden: Golden, seed: int) -> bytes:
    """The mutant of a golden file with a number."""
    rng, mutant = Random(f"{golden.name}:{seed}"), Mutant(golden)
    level = rng.choices(list(LEVELS), list(LEVELS.values()))[0]
    level(mutant, rng)
    return bytes(mutant.data)


def name_and_seed(run: int, number: int, names: list[str]) -> tuple[str, int]:
    """Return the recipe of a mutant by its number; it does not depend on the number of workers."""
    seed = run * PER_SEED + number
    return Random(seed).choices(names, [SHARES.get(name, 20) for name in names])[0], seed
