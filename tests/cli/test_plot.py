"""`mlpkit plot`: the same drawings as in Python, written whole or not at all."""

import shutil
from pathlib import Path

import pytest

import mlpkit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def xor(folder):
    for name in ("model.h5", "xor.csv"):
        shutil.copy(ROOT / "models" / "xor" / name, folder)
    return folder


def test_the_curve_is_written(run, xor):
    done = run("plot", "model.h5", "-o", "loss.svg")
    assert done.code == 0, done.err
    svg = mlpkit.load("model.h5").plot().svg
    assert (xor / "loss.svg").read_text(encoding="utf-8") == svg
    assert done.err == f"saved loss.svg: {len(svg):,} bytes\n"
    assert run("plot", "model.h5", "-o", "-").out == svg


def test_the_boundary_is_written(run, xor):
    done = run("plot", "model.h5", "--boundary", "a", "b", "--data", "xor.csv", "-o", "boundary.svg")
    assert done.code == 0, done.err
    svg = mlpkit.plot_boundary(mlpkit.load("model.h5"), "a", "b", "xor.csv").svg
    assert (xor / "boundary.svg").read_text(encoding="utf-8") == svg


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-o", "loss.png"], "written as SVG (.svg)"),
        (["--data", "xor.csv"], "rows are drawn with --boundary X1 X2"),
        (["--boundary", "a", "c"], "'c' is no column of the model"),
        (["--boundary", "a"], "requires 2 arguments"),
        (["-o", "model.h5"], "written as SVG"),
    ],
)
def test_wrong_arguments(arguments, problem, run, xor):
    done = run("plot", "model.h5", *arguments)
    assert done.code == 2
    assert problem in done.err
    assert not (xor / "plot.svg").exists()


def test_an_existing_file_is_kept_without_force(run, xor):
    (xor / "plot.svg").write_text("mine")
    assert run("plot", "model.h5").code == 2
    assert (xor / "plot.svg").read_text() == "mine"
    assert run("plot", "model.h5", "--force").code == 0
