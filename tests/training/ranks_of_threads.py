"""Ranks that are threads of this process, for tests of what several processes compute together."""

import threading
from concurrent.futures import ThreadPoolExecutor

from mlpkit.training.ranks import Ranks, sharing


class World:
    """A place for the value of each rank."""

    def __init__(self, size):
        self.barrier, self.values = threading.Barrier(size), [None] * size


class Thread:
    """Exchange of one rank, with the methods of `Exchange`."""

    def __init__(self, world, rank):
        self.world, self.rank, self.size = world, rank, len(world.values)
        self.sums = 0

    def gather(self, value):
        self.world.values[self.rank] = value
        self.world.barrier.wait()
        found = list(self.world.values)
        self.world.barrier.wait()
        return found

    def sum(self, array):
        first, *others = self.gather(array.copy())
        for other in others:
            first = first + other
        array[...] = first
        self.sums += 1

    def arrive(self, seconds):
        self.world.barrier.wait()
        return True


def on_ranks(size, run):
    """Return what `run(ranks)` returns on each rank; raise the error of the first rank that fails."""
    world = World(size)

    def one(rank):
        ranks = Ranks(Thread(world, rank))
        try:
            with sharing(ranks):
                return run(ranks)
        except BaseException:
            world.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(one, rank) for rank in range(size)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [future.result() for future in futures]
