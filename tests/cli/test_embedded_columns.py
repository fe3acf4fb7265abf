"""Embedded columns on the command line: what check, train and info show of them."""

import json

import numpy as np
import pytest

import mlpkit
from mlpkit.spec.presets import expanded


@pytest.fixture
def table(folder):
    rng = np.random.default_rng(0)
    rows = [f"{rng.integers(0, 40)},c{row % 50},{row % 7}.5" for row in range(300)]
    (folder / "t.csv").write_text("\n".join(["n,city,y", *rows]) + "\n")
    spec = {
        "data": {"path": "t.csv", "target": "y"},
        "preprocessing": {"columns": {"city": "embed"}},
        "network": {"embeddings": [{"type": "pbld"}, {"type": "category"}], "layers": [{"units": 4}, {}]},
        "loss": "mse",
        "training": {"epochs": 1},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return spec


def test_check_and_info_show_embeddings(folder, run, table):
    shown = ["1 number: pbld, 16 frequencies, 3 units", "1 category: 50 levels, 8 units"]
    done = run("check", "spec.json")
    assert done.code == 0
    assert [" ".join(line.split()) for line in done.out.splitlines()[-2:]] == [f"embeddings {shown[0]}", shown[1]]
    assert json.loads(run("check", "spec.json", "--json").out)["embeddings"] == shown
    assert run("train", "spec.json", "-o", "m.h5").code == 0
    lines = [" ".join(line.split()) for line in run("info", "m.h5").out.splitlines()]
    assert lines[lines.index(f"embeddings {shown[0]}") + 1] == shown[1]
    assert "city category, embed" in lines
    assert '"levels": [50]' in run("info", "--spec", "m.h5").out


def test_a_spec_without_an_entry_says_what_to_add(folder, run, table):
    table["network"]["embeddings"] = [{"type": "pbld"}]
    (folder / "spec.json").write_text(json.dumps(table))
    done = run("train", "spec.json")
    assert done.code == 2
    assert "spec.json:1" in done.err
    assert "'city' is to be embedded, but no embedding takes it" in done.err
    assert 'add {"type": "category"} to network.embeddings' in done.err


def test_info_of_a_strange_spec_still_shows_the_rest(folder, run):
    from dataclasses import replace

    from mlpkit.modelfile.reader import read
    from mlpkit.modelfile.writer import write

    model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse"}, inputs=1)
    model.save(folder / "m.h5")
    for embeddings in (3, {"a": 1}, ["a"], [{"type": "category", "inputs": [1], "levels": ["a"]}], [{}], [{"type": "pbld", "inputs": 3}]):
        contents = read(folder / "m.h5")
        network = contents.spec["network"] | {"embeddings": embeddings}
        write(folder / "strange.h5", replace(contents, spec=contents.spec | {"network": network}, spec_schema=6))
        done = run("info", "strange.h5")
        assert done.code == 0
        assert "not valid: --verify shows the error" in done.out


def test_init_embeds_texts_of_many_categories_and_trains_with_them(folder, run):
    rng = np.random.default_rng(1)
    cities, names = rng.integers(0, 1100, 4000), rng.integers(0, 10**9, 4000)
    effect = rng.normal(size=1100)
    rows = [
        f"c{city},n{name},{rng.integers(1000, 1100)},{'ab'[city % 2]},{effect[city]:.3f}" for city, name in zip(cities, names, strict=True)
    ]
    (folder / "t.csv").write_text("\n".join(["city,name,zip,kind,y", *rows]) + "\n")
    done = run("init", "t.csv", "-t", "y", "--quality", "fast")
    assert done.code == 0
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["preprocessing"]["columns"] == {"city": "embed", "name": "ignore", "zip": "embed"}
    assert {"type": "category"} in expanded(spec)["network"]["embeddings"]
    done = run("train", "spec.json", "--epochs", 2, "-o", "m.h5")
    assert done.code == 0, done.err
    assert "2 categories: " in run("info", "m.h5").out
