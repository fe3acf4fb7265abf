"""Make training.csv, sin(x) for x from -20 to 20, and beyond.csv, the three periods after it."""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def write(name, x):
    lines = [f"{a:.4f},{b:.6f}" for a, b in zip(x, np.sin(x), strict=True)]
    (HERE / name).write_text("\n".join(["x,y", *lines]) + "\n")


def main():
    write("training.csv", np.linspace(-20, 20, 400).round(4))
    write("beyond.csv", np.linspace(20, 40, 200).round(4))


if __name__ == "__main__":
    main()
