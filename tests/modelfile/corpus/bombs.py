"""Files that would cost far more time or memory than they have bytes; see datasets.py for shapes, texts.py for JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from mlpkit.errors import ResourceLimit, TensorMismatch, Unsafe
from mlpkit.modelfile.rules import Rule

from .assembler import GROUP_INFO, LINK, Assembler, link, link_info
from .case import LOADING, Case
from .forger import WEIGHT, Forger, Parts, assembled, forged

MIB = 2**20


def extra(make: Callable[[Assembler], int]) -> Callable[[], bytes]:
    """A file with one object more."""
    return assembled(lambda parts, file: parts.links.update({"/": [link("more", make(file))]}))


def names_of_one(parts: Parts, file: Assembler) -> None:
    address = file.dataset("/one", np.zeros(1))
    parts.links["/tensors"] = [link(f"x{number}", address) for number in range(5000)]


def names_in_a_heap(file: Assembler) -> int:
    return file.dense_group("/more", dict.fromkeys([f"x{number}" for number in range(5000)], file.dataset("/one", np.zeros(1))))


def names_through_h5py(forger: Forger) -> None:
    for number in range(5000):
        forger.file[f"tensors/x{number}"] = forger.file[WEIGHT]


def nested(file: Assembler) -> int:
    """20,000 groups, each in the one before."""
    address = file.group("/innermost", [])
    for number in range(20_000):
        address = file.group(f"/{number}", [link("a", address)])
    return address


def wide(file: Assembler) -> int:
    """200,000 links in blocks that continue a header."""
    body = link("x", file.group("/one", []))
    return file.group("/more", [], [file.continuation(f"/{number}", [(LINK, body)] * 40_000) for number in range(5)])


def wide_in_a_heap(file: Assembler) -> int:
    """40,000 links in a heap, all to one group."""
    return file.dense_group("/more", dict.fromkeys([f"x{number}" for number in range(40_000)], file.group("/one", [])))


def many_groups(file: Assembler) -> int:
    """20,001 groups in groups of 150."""
    groups = [file.group(f"/{number}", [link(f"x{inner}", file.group("", [])) for inner in range(150)]) for number in range(133)]
    return file.group("/more", [link(f"x{number}", address) for number, address in enumerate(groups)])


def messages(kind: int, count: int) -> Callable[[Assembler], int]:
    """Headers of 1 MiB, full of messages without contents."""

    def make(file: Assembler) -> int:
        full = [link_info(), *[(kind, b"")] * (MIB // 4 - 16)]
        return file.group("/more", [link(f"x{number}", file.header(f"/{number}", full)) for number in range(count)])

    return make


def long_headers(file: Assembler) -> int:
    """Headers with nothing but gaps, 20 MiB of them."""
    gap = [(0, bytes(60_000))] * 17
    return file.group("/more", [link(f"x{number}", file.header(f"/{number}", [link_info(), *gap])) for number in range(20)])


def continuations(file: Assembler) -> int:
    """A header that goes on in 15,000 blocks, each with ten messages."""
    return file.group("/more", [], [file.continuation(f"/{number}", [(GROUP_INFO, b"")] * 10) for number in range(15_000)])


def chain(file: Assembler) -> int:
    """A header that goes on in a block that goes on in a block, 15,000 times."""
    last = file.continuation("/0", [(0, b"")])
    for number in range(1, 15_000):
        last = file.continuation(f"/{number}", [last, *[(0, b"")] * 10])
    return file.group("/more", [], [last])


# -- the network that the spec describes


def layers(count: int, layer: str) -> Callable[[], bytes]:
    """A file whose spec has many layers."""

    def change(forger: Forger) -> None:
        spec = forger.spec()
        spec["network"]["layers"] = []
        text = json.dumps(spec).replace('"layers": []', f'"layers": [{",".join([layer] * count)}]')
        forger.put_spec(text.encode())

    return forged(change)


def network_is(index: int, **changes: object) -> Callable[[], bytes]:
    """A file whose spec says something else of a layer."""

    def change(forger: Forger) -> None:
        spec = forger.spec()
        spec["network"]["layers"][index].update(changes)
        forger.put_spec(json.dumps(spec).encode())

    return forged(change)


def inputs_are(inputs: int) -> Callable[[], bytes]:
    def change(forger: Forger) -> None:
        spec = forger.spec()
        spec["network"]["inputs"] = inputs
        forger.put_spec(json.dumps(spec).encode())

    return forged(change)


TWICE = Unsafe, Rule.LINKS
COUNT = ResourceLimit, Rule.LIMITS, "more than 20000 objects"
MESSAGES = ResourceLimit, Rule.LIMITS, "more than 150000 messages"
TENSOR = TensorMismatch, Rule.TENSORS
CASES = {
    "5,000 names for one dataset": Case(assembled(names_of_one), *TWICE, "second link to an object"),
    "5,000 names for one dataset in a heap": Case(extra(names_in_a_heap), *TWICE, "second link to an object"),
    "5,000 names for one dataset through h5py": Case(forged(names_through_h5py), *TWICE, "several links|second link to"),
    "20,000 nested groups": Case(extra(nested), ResourceLimit, Rule.LIMITS, "deeper than 7"),
    "200,000 links": Case(extra(wide), *MESSAGES),
    "40,000 links in a heap": Case(extra(wide_in_a_heap), ResourceLimit, Rule.LIMITS, "more than 9 rows"),
    "20,001 objects": Case(extra(many_groups), *COUNT),
    "messages without contents": Case(extra(messages(GROUP_INFO, 10)), *MESSAGES),
    "gaps without contents": Case(extra(messages(0, 10)), *MESSAGES),
    "20 MiB of headers": Case(extra(long_headers), ResourceLimit, Rule.LIMITS, "8388608 bytes of HDF5's own"),
    "15,000 continuations": Case(extra(continuations), *MESSAGES),
    "15,000 continuations, each of the one before": Case(extra(chain), *MESSAGES),
    "a million units": Case(network_is(0, units=10**6), *TENSOR, "the tensor layers.0", LOADING),
    "a billion units": Case(network_is(0, units=10**9), *TENSOR, "the tensor layers.0", LOADING),
    "2^62 units": Case(network_is(0, units=2**62), *TENSOR, ".", LOADING),
    "a billion units in the last layer": Case(network_is(1, units=10**9), *TENSOR, ".", LOADING),
    "a billion inputs": Case(inputs_are(10**9), *TENSOR, "the tensor layers.0.weight", LOADING),
    "100,000 layers": Case(layers(100_000, '{"units":1}'), *TENSOR, ".", LOADING),
    "100,000 empty layers": Case(layers(100_000, "{}"), *TENSOR, ".", LOADING),
    "a million layers": Case(layers(1_000_000, '{"units":1}'), ResourceLimit, Rule.LIMITS, "values"),
}
