"""Embedded categories in whole models: the same as one-hot columns times a matrix, noise, predictions, weights and files."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mlpkit
from mlpkit.engine.dropout import InputNoise
from mlpkit.errors import DataError, ModelFileError, UnseenCategoryWarning, UnsupportedVersion
from mlpkit.model.serialization import from_contents
from mlpkit.modelfile.reader import open_model

RNG = np.random.default_rng(11)
ROWS = 240
TABLE = pd.DataFrame(
    {
        "n": RNG.standard_normal(ROWS),
        "city": RNG.choice([f"c{index}" for index in range(12)], ROWS),
        "zip": RNG.choice([8001, 8002, 8003, 9000], ROWS),
        "size": pd.Categorical(RNG.choice(["S", "M", "L"], ROWS)),
    }
)
TABLE.loc[::9, "city"] = None
TABLE["y"] = TABLE["n"] + TABLE["zip"].eq(9000) + TABLE["city"].eq("c3").astype(float) * 2
EMBEDDED = dict.fromkeys(("city", "zip", "size"), "embed")


def spec_of(columns, *embeddings, training=None, preprocessing=None, **network):
    return {
        "dtype": "float64",
        "data": {"target": "y"},
        "preprocessing": {"columns": columns, **(preprocessing or {})},
        "network": {"embeddings": list(embeddings), "layers": [{"units": 8, "activation": "tanh"}, {"units": 1}], **network},
        "loss": "mse",
        "training": {"epochs": 3, "batch_size": 16, **(training or {})},
    }


def test_an_embedding_is_one_hot_columns_times_a_matrix():
    """Vectors E and first weights W give what one-hot columns give with the first weights E W, block by block."""
    embedded = mlpkit.train(spec_of(EMBEDDED, {"type": "category", "units": 3}), TABLE)
    one_hot = mlpkit.train(spec_of(dict.fromkeys(EMBEDDED, "one_hot")), TABLE)
    (found,) = embedded.spec.network.embeddings
    vectors, weight = embedded.network.embeddings[0]["weight"], embedded.network.layers[0].weight
    products, start = [weight[:1]], 0  # of the number n
    for column, levels in enumerate(found.levels):
        own = weight[1 + 3 * column : 4 + 3 * column]
        products.append(vectors[start : start + levels] @ own)
        start += levels + 1
    values = embedded.get_weights() | {"layers.0.weight": np.concatenate(products)}
    one_hot.set_weights({name: values[name] for name in one_hot.get_weights()})
    assert one_hot.input_encoder.feature_names[1:13] == tuple(f"city=c{index}" for index in sorted(range(12), key=str))
    np.testing.assert_allclose(embedded.predict(TABLE), one_hot.predict(TABLE), rtol=1e-12)


def test_a_category_decides_the_prediction_and_learns():
    model = mlpkit.train(spec_of(EMBEDDED, {"type": "category"}, training={"epochs": 200}), TABLE)
    assert model.evaluate(TABLE)["loss"] < 0.02 * TABLE["y"].var()


def test_levels_of_few_rows_train_the_vector_that_unseen_values_get():
    rare = TABLE.assign(city=TABLE["city"].where(TABLE.index > 0, "once").where(TABLE.index != 1, "twice"))
    model = mlpkit.train(spec_of(EMBEDDED, {"type": "category"}), rare)
    kept = mlpkit.train(spec_of(EMBEDDED | {"city": {"type": "embed", "fewest": 1}}, {"type": "category"}), rare)
    levels = model.spec.network.embeddings[0].levels
    assert kept.spec.network.embeddings[0].levels == (levels[0] + 2, *levels[1:])
    assert model.network.embeddings[0]["weight"][levels[0]].any()
    assert not kept.network.embeddings[0]["weight"][levels[0] + 2].any()
    row = rare.drop(columns="y").iloc[:1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = model.predict(row)
    with pytest.warns(UnseenCategoryWarning, match="share one vector"):
        assert model.predict(row.assign(city="new")) == expected


def test_one_row_is_predicted_as_among_many():
    model = mlpkit.train(spec_of(EMBEDDED, {"type": "category"}, {"type": "pbld"}), TABLE)
    many = model.predict(TABLE)
    rows = TABLE.drop(columns="y").replace({np.nan: None}).to_dict("records")
    np.testing.assert_allclose([model.predict([row])[0] for row in rows[:20]], many[:20], rtol=1e-12)
    np.testing.assert_allclose(model.predict(rows), many, rtol=1e-12)
    frame = TABLE[["zip", "size", "y", "city", "n"]].astype({"city": "category", "zip": "category"})
    np.testing.assert_allclose(model.predict(frame), many, rtol=1e-12)
    with pytest.raises(DataError, match="'city' is categorical, and only numbers can be given by position"):
        model.predict(np.zeros((2, 4)))


def test_weights_count_as_equal_rows():
    columns = {"city": {"type": "embed", "fewest": 1}, "zip": "embed", "n": "none", "size": "ignore"}
    spec = spec_of(columns, {"type": "category"}, training={"batch_size": None, "shuffle": False}, preprocessing={"target": "none"})
    spec["data"]["weight"] = "w"
    weighted = mlpkit.train(spec, TABLE.assign(w=np.where(TABLE.index < 40, 2.0, 1.0)))
    repeated = mlpkit.train(spec, pd.concat([TABLE.iloc[:40], TABLE], ignore_index=True).assign(w=1.0))
    np.testing.assert_allclose(weighted.predict(TABLE), repeated.predict(TABLE), rtol=1e-9)


@pytest.mark.parametrize(("dropout", "noise"), [(0.3, 0.0), (0.0, 0.5), (0.3, 0.5)])
def test_dropout_and_noise_of_the_inputs_leave_codes_alone(dropout, noise):
    inputs = np.random.default_rng(0).integers(0, 99, (50, 4)).astype(np.float64)
    changed = InputNoise(dropout, noise, (), inputs.shape, np.dtype("float64"), np.random.default_rng(1), codes=(1, 3)).fill(inputs)
    assert np.array_equal(changed[:, [1, 3]], inputs[:, [1, 3]])
    assert (changed[:, [0, 2]] != inputs[:, [0, 2]]).mean() > 0.2


def test_noise_in_a_run_leaves_categories_alone():
    """A network of categories alone trains with noise as without: nothing else draws random numbers."""
    columns = {**EMBEDDED, "n": "ignore"}
    plain, noisy = (
        mlpkit.train(spec_of(columns, {"type": "category"}, **options), TABLE)
        for options in ({}, {"input_noise": 1.0, "input_dropout": 0.5})
    )
    assert np.array_equal(plain.network.parameters.vector, noisy.network.parameters.vector)


def test_constant_columns_keep_their_level():
    table = TABLE.assign(city="x")
    with pytest.warns(mlpkit.ConstantColumnWarning, match="city"):
        model = mlpkit.train(spec_of(EMBEDDED, {"type": "category"}, input_noise=0.1), table)
    with pytest.warns(UnseenCategoryWarning):
        assert np.array_equal(model.predict(table.assign(city="y")), model.predict(table))


def test_start_values_are_measured_on_codes_too(tmp_path):
    """Initial weights from data, batch normalization and the self-test read codes as numbers of vectors."""
    options = {"initialize_from_data": True, "input_scale": True}
    spec = spec_of(EMBEDDED, {"type": "category"}, {"type": "piecewise_linear"}, **options)
    spec["network"]["layers"][0]["normalization"] = "batch"
    model = mlpkit.train(spec, TABLE)
    model.save(tmp_path / "model.h5")
    loaded = mlpkit.load(tmp_path / "model.h5")
    assert np.array_equal(loaded.predict(TABLE), model.predict(TABLE))
    assert mlpkit.inspect(tmp_path / "model.h5")["spec_schema"] == 6
    with open_model(tmp_path / "model.h5") as file:
        probe = file.contents(tensors={}).probe["inputs"]
    assert np.array_equal(probe[:, 1], [-1, 0, 1, 2])


def test_a_run_stopped_and_resumed_has_the_same_bytes(tmp_path):
    spec = spec_of(EMBEDDED, {"type": "category"}, {"type": "pbld"}, training={"keep_state": True}, input_noise=0.1, input_dropout=0.1)
    whole, steps = mlpkit.train(spec, TABLE), []
    mlpkit.train(spec, TABLE, stop=lambda: steps.append(0) or len(steps) > 20).save(tmp_path / "part.h5")
    resumed = mlpkit.train(spec, TABLE, resume=tmp_path / "part.h5")
    for name, model in (("whole", whole), ("resumed", resumed)):
        model.save(tmp_path / f"{name}.h5")
    assert (tmp_path / "whole.h5").read_bytes() == (tmp_path / "resumed.h5").read_bytes()
    changed = TABLE.assign(city=TABLE["city"].replace("c3", "c5"))
    with pytest.raises(DataError, match="'city' is not the same"):
        mlpkit.train(spec | {"training": spec["training"] | {"epochs": 5}}, changed, resume=tmp_path / "whole.h5")


def test_the_linear_baseline_has_one_hot_columns_in_place_of_codes():
    embedded = mlpkit.baselines(spec_of(EMBEDDED, {"type": "category"}), TABLE).scores["linear"]
    one_hot = mlpkit.baselines(spec_of(dict.fromkeys(EMBEDDED, "one_hot")), TABLE).scores["linear"]
    assert embedded == pytest.approx(one_hot, rel=1e-9)


@pytest.mark.parametrize("options", [{"input_scale": True}, {"embeddings": [{"type": "pbld"}]}, {"initialize_from_data": True}])
def test_a_reader_of_schema_5_refuses_learned_inputs(options, tmp_path, monkeypatch):
    spec = {"network": {"layers": [{"units": 2}, {"units": 1}], **options}, "loss": "mse", "training": {"epochs": 1}}
    mlpkit.train(spec, TABLE[["n"]].to_numpy(), TABLE["y"].to_numpy()).save(tmp_path / "model.h5")
    monkeypatch.setattr("mlpkit.modelfile.manifest.SPEC_SCHEMA", 5)
    with pytest.raises(UnsupportedVersion, match="schema version 6"):
        mlpkit.load(tmp_path / "model.h5")


WRONG = {
    "other levels": lambda contents: contents.preprocessing["inputs"]["columns"][1]["categories"].pop(),
    "one-hot": lambda contents: contents.preprocessing["inputs"]["columns"][2].update(treatment="one_hot"),
    "no category": lambda contents: contents.spec["network"]["embeddings"].pop(),
    "another input": lambda contents: contents.spec["network"]["embeddings"][0].update(inputs=[0, 2, 3]),
    "another order": lambda contents: contents.spec["network"]["embeddings"][0].update(inputs=[2, 1, 3]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_whose_codes_are_not_those_of_the_embeddings_is_refused(name, tmp_path):
    """No reader may take the number of a level for a number."""
    mlpkit.train(spec_of(EMBEDDED, {"type": "category"}), TABLE).save(tmp_path / "model.h5")
    with open_model(tmp_path / "model.h5") as file:
        contents = file.contents()
    from_contents(contents, "")
    WRONG[name](contents)
    with pytest.raises(ModelFileError):
        from_contents(contents, "")
