"""Make steam.csv: the pressure of saturated water vapour in hPa, from 0 to 100 degrees Celsius.

By Magnus' formula, with the constants of Alduchov & Eskridge 1996.
"""

import math
from pathlib import Path


def main():
    lines = [f"{t},{6.1094 * math.exp(17.625 * t / (243.04 + t)):.4f}" for t in range(101)]
    (Path(__file__).parent / "steam.csv").write_text("\n".join(["celsius,pressure", *lines]) + "\n")


if __name__ == "__main__":
    main()
