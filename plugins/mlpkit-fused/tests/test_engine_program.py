"""Programs of operations: wrong arrays and sizes are exceptions, never reads or writes elsewhere."""

import threading

import numpy as np
import pytest
from mlpkit_fused import _engine
from mlpkit_fused.blas import gemm

KINDS = {"f": np.float32, "d": np.float64}
A, B, OUT = np.ones((3, 4)), np.ones((4, 5)), np.zeros((3, 5))
OPERATIONS = {name: rest for name, *rest in _engine.operations}


def program(dtype="d"):
    found = gemm(np.dtype(KINDS[dtype]))
    return _engine.Program(dtype, found.address, found.wide)


def test_a_product():
    ours = program()
    ours.add("product", (A, B, OUT), (3, 5, 4), (), 0)
    assert ours.run() == 0.0
    np.testing.assert_array_equal(OUT, A @ B)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 3, 1), (70, 1, 40), (33, 65, 17), (1, 128, 64)])
@pytest.mark.parametrize("code", range(3))
@pytest.mark.parametrize("dtype", KINDS)
def test_products_of_all_forms(sizes, code, dtype):
    m, n, k = sizes
    rng = np.random.default_rng(m)
    a, b = rng.standard_normal((m, k)).astype(KINDS[dtype]), rng.standard_normal((k, n)).astype(KINDS[dtype])
    out = np.empty((m, n), KINDS[dtype])
    ours = program(dtype)
    stored = np.ascontiguousarray(a.T) if code & 1 else a, np.ascontiguousarray(b.T) if code & 2 else b, out
    ours.add("product", stored, sizes, (), code)
    ours.run()
    np.testing.assert_allclose(out, a @ b, rtol=1e-5 if dtype == "f" else 1e-13, atol=1e-5 if dtype == "f" else 1e-13)


@pytest.mark.parametrize(
    ("places", "sizes", "code", "error"),
    [
        ((A, B, OUT), (3, 5, 5), 0, ValueError),  # a is too short
        ((A, B, OUT), (3, 6, 4), 0, ValueError),
        ((A, B, OUT), (4, 5, 3), 0, ValueError),  # out is too short
        ((A, B, OUT), (0, 5, 4), 0, ValueError),
        ((A, B, OUT), (-3, 5, 4), 0, ValueError),
        ((A, B, OUT), (2**31, 5, 4), 0, ValueError),
        ((A, B, OUT), (2**31 - 1, 2**31 - 1, 2**31 - 1), 0, ValueError),
        ((A, B, OUT), (2**80, 5, 4), 0, OverflowError),
        ((A, B, OUT), (3, 5), 0, ValueError),
        ((A, B), (3, 5, 4), 0, ValueError),
        ((A, B, OUT, OUT), (3, 5, 4), 0, ValueError),
        ((A, None, OUT), (3, 5, 4), 0, ValueError),
        ((A, 0, OUT), (3, 5, 4), 0, ValueError),  # no such slot
        ((A, B, OUT), (3, 5, 4), 4, ValueError),
        ((A, B, OUT), (3, 5, 4), -1, ValueError),
        ((A.astype(np.float32), B, OUT), (3, 5, 4), 0, TypeError),
        ((A, B, OUT.astype(int)), (3, 5, 4), 0, TypeError),
        ((A, np.ones((5, 8))[:, ::2], OUT), (3, 5, 4), 0, (ValueError, BufferError)),
        (("text", B, OUT), (3, 5, 4), 0, TypeError),
        ((A, B, np.broadcast_to(1.0, (3, 5))), (3, 5, 4), 0, (ValueError, BufferError)),  # read-only
        ((A, B, np.frombuffer(bytearray(200), np.uint8)[1:121].view(np.float64)), (3, 5, 4), 0, (ValueError, TypeError)),  # not aligned
    ],
)
def test_wrong_operations_are_refused(places, sizes, code, error):
    with pytest.raises(error):
        program().add("product", places, sizes, (), code)


@pytest.mark.parametrize("name", OPERATIONS)
def test_arrays_that_just_fit_are_enough_and_shorter_ones_are_refused(name):
    """Arrays have exactly the least lengths, or one number less: sanitizers see each read or write elsewhere."""
    places, sizes, codes = OPERATIONS[name]
    rng, accepted = np.random.default_rng(0), 0
    for number in range(300):
        code, chosen = number % max(codes, 1), _sizes(name, number % max(codes, 1), rng.integers(1, 12, sizes))
        dtype = "fd"[number % 2]
        ours, arrays = program(dtype), [_array(word, chosen, KINDS[dtype], rng) for word in places.split()]
        classes = name == "loss" and _engine.losses[code].endswith("_of_classes")
        ours.slot(1, "t", int(np.prod(chosen[:2])), int(chosen[0]) if classes else 0, False)
        short = rng.integers(0, len(arrays)) if number % 3 == 0 else None
        if short is not None and isinstance(arrays[short], np.ndarray):
            arrays[short] = arrays[short][:-1].copy()
            with pytest.raises(ValueError, match="elements"):
                ours.add(name, tuple(arrays), chosen, (), code)
            continue
        try:
            ours.add(name, tuple(arrays), chosen, (), code)
        except ValueError as error:
            assert "inconsistent" in str(error)  # noqa: PT017
            continue
        accepted += 1
        ours.run(None, rng.integers(0, chosen[1], chosen[0]) if classes else np.ones(int(np.prod(chosen[:2])), KINDS[dtype]))
    assert accepted


def _sizes(name, code, sizes):
    """Return sizes that belong together, most of the time."""
    if name in ("activate", "backward"):
        gated = any(_engine.activations[code].startswith(gate) for gate in ("glu", "swiglu", "geglu", "reglu"))
        sizes[1] = sizes[2] * (2 if gated else 1)
    elif name == "dropout":
        sizes[1:] = 4, 1
    elif name == "loss":
        sizes[2] = sizes[1]
    elif name.startswith("embed"):
        waves, bins = (code == _engine.embeddings.index(kind) for kind in ("waves", "bins"))
        sizes[4:] = sizes[2] * (2 if waves else 1), sizes[2] + bins
    return tuple(sizes.tolist())


def _array(word, sizes, dtype, rng):
    """Return an array of the least length for a place, or None where it may be left out, at random."""
    optional, letter, numbers = word[0] == "?", word.lstrip("?")[0], word.lstrip("?")[1:]
    if letter == "t":
        return 1
    if optional and rng.random() < 0.3:
        return None
    length = int(np.prod([sizes[int(number)] for number in numbers]))
    if letter in "iI":
        return rng.integers(-3, 20, length)
    return rng.standard_normal(length).astype(np.float64 if letter == "d" else dtype)


@pytest.mark.parametrize("classes", [[0, 3], [-1, 0], [2**40, 1]])
def test_a_class_that_does_not_exist_is_an_error(classes):
    ours, code = program(), _engine.losses.index("crossentropy_of_classes")
    ours.slot(1, "t", 6, 2, False)
    ours.add("loss", (np.zeros((2, 3)), 1, np.zeros(2), np.zeros((2, 3))), (2, 3, 3), (), code)
    with pytest.raises(ValueError, match="out of range"):
        ours.run(None, np.array(classes))
    ours.run(None, np.array([0, 2]))


@pytest.mark.parametrize(
    ("loss", "sizes", "numbers", "classes"),
    [
        ("mean_squared_error", (2, 3, 3), (), 2),  # of numbers
        ("crossentropy_of_shares", (2, 3, 3), (), 2),
        ("crossentropy_of_classes", (2, 3, 3), (), 1),  # fewer than rows
        ("quantiles", (2, 3, 3), (), 0),  # no quantiles
        ("quantiles", (2, 3, 1), (2.0, 0.1, 0.9), 0),  # 3 is no multiple of 2
        ("quantiles", (2, 3, 1), (8.0, *[0.5] * 7), 0),  # more quantiles than numbers
    ],
)
def test_targets_that_do_not_fit_a_loss_are_refused(loss, sizes, numbers, classes):
    ours = program()
    ours.slot(1, "t", 6, classes, False)
    with pytest.raises(ValueError, match="inconsistent"):
        ours.add("loss", (np.zeros((2, 3)), 1, np.zeros(2), np.zeros((2, 3))), sizes, numbers, _engine.losses.index(loss))


def test_arrays_of_a_run_are_checked():
    ours = program()
    ours.slot(0, "r", 12, 0, False)
    ours.slot(1, "R", 15, 0, False)
    ours.slot(2, "r", 3, 0, True)
    ours.add("product", (0, B, 1), (3, 5, 4), (), 0)
    out = np.zeros((3, 5))
    ours.run(A, out)
    np.testing.assert_array_equal(out, A @ B)
    ours.run(np.ones((4, 6))[:, ::2].T, out, None)  # any strides
    for arrays in ((), (A,), (A[:2], out), (A, out[:2]), (A.astype(np.float32), out), (A.astype(int), out), (A, None), (A, out, "text")):
        with pytest.raises((ValueError, TypeError)):
            ours.run(*arrays)
    with pytest.raises((ValueError, BufferError)):
        ours.run(A, np.zeros((5, 3)).T)


def test_slots_are_checked():
    ours = program()
    for arguments in ((3, "r", 4, 0, False), (-1, "r", 4, 0, False), (0, "x", 4, 0, False), (0, "r", -4, 0, False), (0, "t", 4, -1, False)):
        with pytest.raises(ValueError, match="no such slot"):
            ours.slot(*arguments)
    ours.slot(0, "r", 4, 0, False)
    with pytest.raises(ValueError, match="twice"):
        ours.slot(0, "r", 4, 0, False)
    with pytest.raises(ValueError, match="does not fit"):
        ours.add("product", (0, B, OUT), (3, 5, 4), (), 0)  # too short
    with pytest.raises(ValueError, match="does not fit"):
        ours.add("copy", (A, 0), (4,), (), 0)  # not written to


def test_classes_are_of_one_slot_of_targets():
    """Else a run could take numbers for classes, or classes for numbers, and read behind them."""
    ours = program()
    with pytest.raises(ValueError, match="only one slot"):
        ours.slot(0, "r", 4, 1, False)
    ours.slot(1, "t", 4, 2, False)
    with pytest.raises(ValueError, match="only one slot"):
        ours.slot(2, "t", 4, 2, False)
    ours.slot(0, "r", 4, 0, False)


def test_a_program_runs_in_one_thread_at_a_time():
    ours, size = program(), 200
    big = tuple(np.ones((size, size)) for _ in range(3))
    for _ in range(10):
        ours.add("product", big, (size, size, size), (), 0)
    caught, ended = [], threading.Event()

    def run_on():
        while not ended.is_set():
            try:
                ours.run()
            except RuntimeError as error:
                caught.append(error)
                ended.set()

    threads = [threading.Thread(target=run_on) for _ in range(2)]  # until one meets the other
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "running" in str(caught[0])
    assert ours.run() == 0.0


def test_an_unknown_operation_or_type():
    with pytest.raises(ValueError, match="no operation"):
        program().add("nothing", (A,), (1,), (), 0)
    with pytest.raises(ValueError, match="dtype"):
        _engine.Program("x", 1, True)
