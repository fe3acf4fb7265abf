"""Make all reference data anew in a temporary folder, and compare them with the kept files.

Run `python tests/reference/check.py` with torch, scikit-learn and mpmath installed. Names, shapes and texts are equal, and numbers within
1e-12, because another BLAS may round otherwise; training amplifies its rounding to 1e-8, and single precision has 1e-6.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
OF_TRAINING = ("optimizers", "runs", "torch", "training")  # arrays of whole runs


def differences(name, kept, made):
    """Sentences on the arrays of a file that are not the same."""
    if kept.keys() != made.keys():
        yield f"{name}: only one of the two has {sorted(kept.keys() ^ made.keys())[:5]}"
    tolerance = 1e-8 if name in OF_TRAINING else 1e-12
    for key in sorted(kept.keys() & made.keys() - {"torch_version"}):
        try:
            if kept[key].dtype.kind in "fc":
                limit = max(tolerance, 1e-6) if kept[key].dtype == np.float32 else tolerance
                np.testing.assert_allclose(made[key], kept[key], rtol=limit, atol=limit)
            else:
                np.testing.assert_array_equal(made[key], kept[key])
        except AssertionError as error:
            yield f"{name}, {key}: {error}"


def main():
    scripts, found = sorted(HERE.glob("make_*.py")), []
    with tempfile.TemporaryDirectory() as folder:
        for script in HERE.glob("*.py"):
            shutil.copy(script, folder)
        for script in scripts:
            print(script.name, flush=True)
            subprocess.run([sys.executable, script.name], cwd=folder, check=True)
            name = script.stem.removeprefix("make_")
            with np.load(HERE / f"{name}.npz") as kept, np.load(Path(folder, f"{name}.npz")) as made:
                found += differences(name, dict(kept), dict(made))
    print("\n".join(found) or f"{len(scripts)} files are the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
