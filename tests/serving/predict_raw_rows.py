"""Predict raw rows in an environment that has NumPy and Pydantic alone: python tests/serving/predict_raw_rows.py MODEL CSV."""

import csv
import sys

import mlpkit

model = mlpkit.load(sys.argv[1])
with open(sys.argv[2], newline="") as file:
    rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
predicted = model.predict(rows).tolist()
assert predicted == model.predict(sys.argv[2], on_unseen="error").tolist()
assert len(set(predicted)) == len(model.classes)
assert model.predict_proba(rows).shape == (len(rows), len(model.classes))
assert model.evaluate(sys.argv[2])["accuracy"] > 0.9
assert model.input_schema()["required"]
assert not {name for name in ("h5py", "typer", "rich") if sys.modules.get(name)}
print("predictions from raw rows")
