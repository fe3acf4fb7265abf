"""Read model files with an installed release: `python reads.py SITE CASES`, in a process of its own.

SITE is the folder in which it is installed. CASES is a JSON list of objects with the path of a `model` and the `rows` to
predict. For each it prints a line of JSON: the version of mlpkit, the spec, what was verified, the bits of the network's
outputs for some numbers, and the predictions, as bits where they are numbers; or why it refuses the file.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
import mlpkit


def read(path, rows):
    """Return the contents that this mlpkit reads from a model file."""
    model = mlpkit.load(path)
    x = np.random.default_rng(0).normal(size=(5, model.spec.network.inputs)).astype(model.spec.dtype)
    predictions = model.predict(rows)
    numbers = predictions.dtype.kind == "f" and model.classes is None
    return {
        "mlpkit": mlpkit.__version__,
        "spec": model.spec.to_dict(),
        "outputs": model.network.predict(x).tobytes().hex(),
        "predictions": predictions.tobytes().hex() if numbers else predictions.tolist(),
        "arrays": {name: array.tobytes().hex() for name, array in mlpkit.load_arrays(path).items()},
    }


def verified(path):
    """The lines of `mlpkit info --verify`."""
    from mlpkit.verification import verify

    return verify(path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    for case in json.loads(Path(sys.argv[2]).read_text()):
        try:
            print(json.dumps({**read(case["model"], case["rows"]), "verified": verified(case["model"])}))
        except mlpkit.ModelFileError as error:
            print(json.dumps({"refused": str(error)}))
