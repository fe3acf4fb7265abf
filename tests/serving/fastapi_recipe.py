"""Run the recipe for FastAPI of the guide, in an environment with mlpkit and fastapi: python tests/serving/fastapi_recipe.py."""

import asyncio
import json
import os
import re
import tempfile
from pathlib import Path

import mlpkit

MODELS = Path(__file__).parents[2] / "models"
RECIPE = re.search(r"^<!-- fastapi -->\n```python\n(.*?)^```$", (MODELS / "README.md").read_text("utf-8"), re.M | re.S)[1]


async def ask(app, method, path, body=b"", query=b""):
    """Send a request to an application of ASGI; return status and content."""
    sent = []
    scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(), "query_string": query}
    scope |= {"headers": [(b"content-type", b"application/json")], "scheme": "http", "server": ("here", 80), "root_path": ""}

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def main():
    mlpkit.train(MODELS / "penguins" / "spec.json").save("model.h5")
    exec(compile(RECIPE, "models/README.md", "exec"), names := {})
    app, model = names["app"], names["model"]
    row = {"island": "Dream", "bill_length_mm": 39.5, "bill_depth_mm": 17, "flipper_length_mm": 190, "body_mass_g": 3500, "year": 2008}
    rows = json.dumps([row]).encode()
    assert asyncio.run(ask(app, "POST", "/predict", rows)) == (200, {"predictions": ["Adelie"]})
    status, found = asyncio.run(ask(app, "POST", "/predict", rows, b"proba=true"))
    assert (status, found["probabilities"]) == (200, model.predict_proba([row]).tolist())
    status, found = asyncio.run(ask(app, "POST", "/predict", json.dumps([{**row, "island": "Hawaii"}]).encode()))
    assert (status, found["error"]) == (422, "the column 'island' has 'Hawaii' in row 0, which no training row has")
    status, found = asyncio.run(ask(app, "GET", "/openapi.json"))
    assert status == 200
    assert "Torgersen" in json.dumps(found)
    print("the recipe for FastAPI runs")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        main()
