"""The viewer predicts with embeddings of all kinds, and refuses those whose numbers do not fit."""

import numpy as np
import pytest

import mlpkit

from ...sampling import one_in

ROWS = 60
EMBEDDINGS = [
    {"type": "category", "columns": ["city"], "units": 3},
    {"type": "pbld", "frequencies": 5, "scale": 0.5},
    {"type": "periodic", "columns": "n", "frequencies": 3, "units": 2},
    {"type": "category", "columns": ["word", "zip"], "units": 2},
    {"type": "piecewise_linear", "columns": "m", "bins": 4, "units": 2},
]


def table():
    rng = np.random.default_rng(3)
    return {
        "n": rng.normal(2, 3, ROWS),
        "city": [None if row % 11 == 3 else f"c{row % 7}" if row > 2 else f"once {row}" for row in range(ROWS)],
        "zip": (8000 + np.arange(ROWS) % 5).tolist(),
        "colour": [["red", "blue"][row % 2] for row in range(ROWS)],
        "m": rng.exponential(2, ROWS),
        "word": ["same"] * ROWS,
    }


@pytest.fixture(scope="module")
def model():
    spec = {
        "dtype": "float64",
        "preprocessing": {"columns": {"city": "embed", "word": "embed", "zip": {"type": "embed", "fewest": 1}}},
        "network": {"embeddings": EMBEDDINGS, "input_scale": True, "layers": [{"units": 6, "activation": "selu"}, {"units": 1}]},
        "loss": "mse",
        "training": {"epochs": 20, "learning_rate_factors": {"input_scale": 6.0}},
    }
    with pytest.warns(mlpkit.ConstantColumnWarning):
        return mlpkit.train(spec, table(), np.arange(ROWS) % 13)


@pytest.fixture
def path(model, tmp_path):
    model.save(tmp_path / "model.h5")
    return tmp_path / "model.h5"


def lines(columns):
    cells = [["" if value is None else str(value) for value in values] for values in columns.values()]
    return "\n".join([",".join(columns), *map(",".join, zip(*cells, strict=True))])


@pytest.mark.slow
def test_embeddings_are_computed_as_mlpkit_does(model, path, page):
    page.show(path)
    assert "agrees to" in page.text("#summary")
    later = table()
    later["city"][5:8], later["word"][9] = ["new", "once 0", None], "other"
    with pytest.warns(mlpkit.UnseenCategoryWarning):
        expected = model.predict(later)
    found = np.array(page.predict_rows(lines(later)), float).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    remarks = page.text("#answers")
    assert 'city: "new" was not seen in training' in remarks
    assert "once" not in remarks
    page.type_in("n", "1.5")
    page.js("document.querySelector('#row button').click()")
    assert page.js("document.querySelectorAll('#answer data').length") == 1


@pytest.mark.slow
def test_embeddings_are_listed(model, path, page):
    page.show(path)
    rows = page.cells("#layers")
    assert [(row[0], row[1], row[2], row[3]) for row in rows[:2]] == [
        ("embedding 0", "1", "3", "category"),
        ("embedding 1", "2", "3", "pbld"),
    ]
    assert rows[5][1] == str(model.network.layers[0].weight.shape[0])
    assert sum(int(row[6]) for row in rows) == mlpkit.inspect(path)["parameters"]


def network_is(change):
    return lambda file, manifest, spec: change(spec["network"]["embeddings"])


def tensor_is(name, change):
    def edit(file, manifest, spec):
        array = change(file[f"tensors/{name}"][()])
        del file[f"tensors/{name}"]
        file[f"tensors/{name}"] = array

    return edit


def column_is(place, **changes):
    return lambda file, manifest, spec: manifest["preprocessing"]["inputs"]["columns"][place].update(changes)


WRONG = {
    "another type": (network_is(lambda found: found[0].update(type="hash")), "the type of the embedding 0, hash, is newer than this page"),
    "an input out of range": (network_is(lambda found: found[1].update(inputs=[0, 99])), "the inputs or units of the embedding 1"),
    "inputs that are a text": (network_is(lambda found: found[1].update(inputs="0")), "the inputs or units of the embedding 1"),
    "no units": (network_is(lambda found: found[1].update(units=0)), "the inputs or units of the embedding 1"),
    "10^9 levels": (network_is(lambda found: found[0].update(levels=[10**9])), "embeddings.0/weight is missing or does not have the shape"),
    "levels that are none": (network_is(lambda found: found[0].update(levels=[0])), "the levels of the embedding 0"),
    "10^9 frequencies": (network_is(lambda found: found[1].update(frequencies=10**9)), "the frequencies or bins of the embedding 1"),
    "other bins": (network_is(lambda found: found[4].update(bins=5)), "embeddings.4/edges is missing or does not have the shape"),
    "a code as a number": (network_is(lambda found: found[2].update(inputs=found[0]["inputs"])), "embedded twice"),
    "no embedding of codes": (network_is(lambda found: found.pop(3)), "is missing or does not have the shape"),
    "edges that fall": (
        tensor_is("embeddings.4/edges", lambda edges: edges[:, ::-1].copy()),
        "the edges of the embedding 4 do not increase",
    ),
    "another treatment": (column_is(1, treatment="hashed"), 'does not support the treatment "hashed" of a category'),
    "other levels": (column_is(1, categories=["a", "b"]), "its embedded columns are not those of its network"),
}


@pytest.mark.parametrize("name", one_in(3, WRONG))
@pytest.mark.slow
def test_embeddings_that_do_not_fit_are_named(name, model, path, page, changed):
    change, message = WRONG[name]
    page.show(changed(path.parent, change))
    assert message in page.text("#predict")


def test_a_residual_connection_adds_the_inputs_without_their_factors(page, tmp_path):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=40), "b": rng.normal(size=40), "y": rng.normal(size=40)}
    network = {"layers": [{"units": 2, "activation": "tanh", "residual": 1}, {}], "input_scale": True}
    spec = {"data": {"target": "y"}, "dtype": "float64", "network": network, "loss": "mse", "training": {"epochs": 20}}
    model = mlpkit.train(spec, columns)
    model.save(tmp_path / "model.h5")
    page.show(tmp_path / "model.h5")
    rows = "\n".join(["a,b", *(f"{a!r},{b!r}" for a, b in zip(columns["a"].tolist(), columns["b"].tolist(), strict=True))])
    np.testing.assert_allclose(np.array(page.predict_rows(rows), float).ravel(), model.predict(columns), rtol=1e-12)
