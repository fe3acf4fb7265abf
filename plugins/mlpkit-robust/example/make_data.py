"""Make training.csv and curve.csv: a wave with noise, of which 45 of the 300 training targets are gross errors, and the wave itself."""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def wave(x):
    return np.sin(2 * x) + 0.3 * x


def write(name, x, y):
    lines = [f"{a:.4f},{b:.4f}" for a, b in zip(x, y, strict=True)]
    (HERE / name).write_text("\n".join(["x,y", *lines]) + "\n")


def main():
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 300).round(4)
    y = wave(x) + 0.1 * rng.standard_normal(300)
    wrong = rng.permutation(300)[:45]
    y[wrong] = rng.uniform(5, 15, 45)
    write("training.csv", x, y)
    x = np.linspace(-3, 3, 201)
    write("curve.csv", x, wave(x))


if __name__ == "__main__":
    main()
