"""Random contents: they are read as written, and the reader finds every dataset where libhdf5 finds it."""

from __future__ import annotations

from io import BytesIO

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlpkit.modelfile.constants import DTYPES, is_path
from mlpkit.modelfile.contents import Contents
from mlpkit.modelfile.hdf5.source import Source
from mlpkit.modelfile.hdf5.structure import read_structure
from mlpkit.modelfile.reader import from_bytes
from mlpkit.modelfile.writer import to_bytes

FIXTURES = [HealthCheck.function_scoped_fixture]  # `same` is a function without state

LETTERS = "".join(character for character in map(chr, range(128)) if is_path(f"/{character}"))
NAMES = st.builds("".join, st.tuples(st.sampled_from(LETTERS), st.text(LETTERS + ".:-", max_size=30)))
ARRAYS = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=8, min_side=0, max_side=3))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=10), JSON, max_size=5)


def folders(most: int) -> st.SearchStrategy[dict[str, np.ndarray]]:
    """Arrays in groups of their own: a group's name has a mark at its end, so that no array stands where a group must."""
    group = st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=most)
    groups = st.dictionaries(NAMES.map(lambda name: name[:30] + "-"), group, max_size=3)
    return groups.map(lambda found: {f"{folder}/{name}": array for folder, group in found.items() for name, array in group.items()})


CONTENTS = st.builds(Contents, spec=OBJECTS, tensors=st.just({}), preprocessing=OBJECTS, metadata=OBJECTS, arrays=folders(30))


def places(data: bytes) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Return dtype, shape and offset of each dataset as libhdf5 finds it; the offset is 0 if there are no elements."""
    found = {}

    def note(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[f"/{name}"] = (item.dtype.newbyteorder("<").str, item.shape, item.id.get_offset() or 0)

    with h5py.File(BytesIO(data)) as file:
        file.visititems(note)
    return found


def assert_read(contents: Contents, same) -> None:
    data = to_bytes(contents)
    extents = read_structure(Source(data)).extents
    assert {path: (np.dtype(extent.dtype).str, extent.shape, extent.offset) for path, extent in extents.items()} == places(data)
    same(from_bytes(data), contents)


@given(contents=CONTENTS)
@settings(max_examples=40, deadline=None, suppress_health_check=FIXTURES)
def test_any_contents_come_back(contents, same):
    assert_read(contents, same)


@pytest.mark.slow
@given(count=st.integers(9, 5_000), seed=st.integers(0, 2**32 - 1), longest=st.sampled_from([4, 20, 60]))
@settings(max_examples=10, deadline=None, suppress_health_check=FIXTURES)
def test_groups_of_any_size_come_back(count, seed, longest, same):
    """Names of any length, so that the blocks of libhdf5's heaps are left with holes of all sizes."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(ord("a"), ord("z") + 1, (count, longest), dtype=np.uint8).tobytes().decode()
    lengths = rng.integers(1, longest + 1, count)
    names = [f"{number:x}{letters[number * longest :][:length]}" for number, length in enumerate(lengths)]
    assert_read(Contents({}, {}, arrays={name: np.array(float(number)) for number, name in enumerate(names)}), same)


@pytest.mark.parametrize("count", [8, 9, 45, 46, 47, 1_000, pytest.param(5_000, marks=pytest.mark.slow)])
def test_groups_at_the_edges_come_back(count, same):
    """The last of a header, the first of a heap, and on both sides of the second level of its B-tree."""
    assert_read(Contents({}, {}, arrays={f"a{number}": np.zeros(1) for number in range(count)}), same)
