"""Search spaces: the values of a spec that are searched, and what is refused."""

import re

import pytest

import mlpkit
from mlpkit.tuning.search import check_space
from mlpkit.tuning.space import Space, has_search


def spec(**keys):
    base = {
        "data": {"target": "y", "split": {"validation": 0.3}},
        "network": {"layers": [{"units": 4, "activation": "tanh"}, {"activation": "softmax"}]},
        "loss": "categorical_crossentropy",
    }
    return base | keys


def layers(units):
    return {"layers": [{"units": units, "activation": "tanh"}, {"activation": "softmax"}]}


def test_values_are_found_and_filled_in():
    value = spec(
        network=layers({"search": {"low": 4, "high": 64, "log": True}}),
        optimizer={"type": "adam", "learning_rate": {"search": {"low": 0.001, "high": 0.1}}},
        training={"batch_size": {"search": {"choice": [16, None, "auto"]}}},
    )
    space = Space.of(value)
    names = [dimension.name for dimension in space.dimensions]
    assert names == ["network.layers[0].units", "optimizer.learning_rate", "training.batch_size"]
    filled = space.filled({"network.layers[0].units": 7, "optimizer.learning_rate": 0.02, "training.batch_size": None})
    assert filled["network"]["layers"][0]["units"] == 7
    assert (filled["optimizer"]["learning_rate"], filled["training"]) == (0.02, {"batch_size": None})
    assert value["training"]["batch_size"] == {"search": {"choice": [16, None, "auto"]}}
    assert [dimension.described for dimension in space.dimensions] == ["4 to 64, log", "0.001 to 0.1", "16 | null | auto"]
    assert not space.encodes_anew
    assert len(list(space.corners())) == 2 + 2 + 3


def test_a_search_over_the_encoding_is_known():
    assert Space.of(spec(preprocessing={"numbers": {"search": {"choice": ["standardize", "robust"]}}})).encodes_anew
    assert Space.of(spec(dtype={"search": {"choice": ["float32", "float64"]}})).encodes_anew
    assert has_search(spec(seed={"search": {"low": 0, "high": 9}}))
    assert not has_search(spec(name="search"))


WRONG = [
    ({"low": 4}, 'needs "low" and "high"'),
    ({"low": 4, "high": 4}, "low end is not below"),
    ({"low": "4", "high": 8}, "not finite numbers"),
    ({"low": True, "high": 8}, "not finite numbers"),
    ({"low": 0, "high": 8, "log": True}, "low end above 0"),
    ({"low": 1, "high": 8, "log": True, "step": 2}, 'excludes "step"'),
    ({"low": 1, "high": 8, "step": 9}, "step does not fit"),
    ({"low": 1, "high": 8, "base": 2}, 'needs "low" and "high"'),
    ({"choice": [4]}, "2 to 1,000 values"),
    ({"choice": 4}, "2 to 1,000 values"),
    ({"choice": [4, 4]}, "equal"),
    ({"choice": [4, 8], "low": 3}, 'or it needs "choice" alone'),
    ({"choice": [4, {"search": {"low": 1, "high": 2}}]}, "search itself"),
    ([1, 2], 'needs "low" and "high"'),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_wrong_searches_name_their_place(options, message):
    with pytest.raises(mlpkit.SpecError, match=rf"^network\.layers\[0\]\.units: .*{re.escape(message)}"):
        Space.of(spec(network=layers({"search": options})))


def test_a_spec_without_a_search_is_refused():
    with pytest.raises(mlpkit.SpecError, match="nothing to search"):
        Space.of(spec())


def test_the_ends_are_checked():
    with pytest.raises(mlpkit.SpecError, match=r"with network.layers\[0\].units = 0: "):
        check_space(Space.of(spec(network=layers({"search": {"low": 0, "high": 8}}))), "")
    with pytest.raises(mlpkit.MissingPlugin, match="with loss = 'hinge_of_nobody'"):
        check_space(Space.of(spec(loss={"search": {"choice": ["categorical_crossentropy", "hinge_of_nobody"]}})), "")
