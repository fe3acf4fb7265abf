"""models/viewer.html in a real browser, and model files that were changed and signed again.

Chromium runs without a window and is driven over its DevTools protocol: JSON messages, each ended by a zero byte, over two
pipes that are its file descriptors 3 and 4.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

MODELS = Path(__file__).parents[3] / "models"
VIEWER = (MODELS / "viewer.html").as_uri()
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-sync", "--disable-component-update", "--disable-background-networking",
]  # fmt: skip
START = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"


class Browser:
    """One page of Chromium."""

    def __init__(self, program: str, profile: Path) -> None:
        pipes = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (*os.pipe(), *os.pipe())]  # beyond 3 and 4
        commands, self.writer, self.reader, answers = pipes
        arguments = [sys.executable, "-c", START, str(commands), str(answers), program, *FLAGS, f"--user-data-dir={profile}"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(arguments, pass_fds=(commands, answers), **quiet)
        for end in (commands, answers):
            os.close(end)
        self.buffer, self.number, self.session, self.events = b"", 0, {}, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Network", "DOM", "Accessibility"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params):
        self.number += 1
        os.write(self.writer, json.dumps({"id": self.number, "method": method, "params": params, **self.session}).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def receive(self):
        while b"\0" not in self.buffer:
            assert select.select([self.reader], [], [], 20)[0], "Chromium does not answer"
            self.buffer += os.read(self.reader, 2**20)
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self) -> None:
        self.events.clear()
        self.send("Page.navigate", url=VIEWER)
        self.until("document.readyState === 'complete' && location.protocol === 'file:' && document.querySelector('#summary') !== null")

    def events_of(self, method: str) -> list[dict]:
        return [event["params"] for event in self.events if event["method"] == method]

    def js(self, expression: str):
        """The value of an expression in the page, once it is there when it is a promise."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        end = time.monotonic() + 300
        while not self.js(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.01)

    def choose(self, path) -> None:
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def show(self, path) -> str:
        """Choose a file; the message when the page is done with it."""
        self.js("document.getElementById('message').textContent = ''")
        self.choose(path)
        return self.done()

    def done(self) -> str:
        self.until("/(below\\.|cannot be shown.*)$/s.test(document.getElementById('message').textContent)")
        return self.js("document.getElementById('message').textContent")

    def text(self, selector: str) -> str:
        return self.js(f"document.querySelector({json.dumps(selector)})?.textContent")

    def texts(self, selector: str) -> list[str]:
        return self.js(f"Array.from(document.querySelectorAll({json.dumps(selector)}), (node) => node.textContent)")

    def cells(self, selector: str) -> list[list[str]]:
        """Return the texts in the rows of a table."""
        rows = f"document.querySelectorAll({json.dumps(selector + ' tbody tr')})"
        return self.js(f"Array.from({rows}, (row) => Array.from(row.cells, (cell) => cell.textContent))")

    def type_in(self, name: str, value: str) -> None:
        """Put a value into the field of a column; nothing is a missing one."""
        field = f"Array.from(document.querySelectorAll('#row label')).find((label) => label.firstChild.data === {json.dumps(name)}).control"
        option = f"Array.from({field}.options).find((option) => option.text === {json.dumps(value or '(missing)')}).value"
        self.js(f"{field}.value = {field}.options ? {option} : {json.dumps(value)}")

    def predict_rows(self, table: str) -> list[list]:
        """Predictions for a table as CSV: a row each, numbers with all their digits."""
        self.js(f"document.getElementById('rows').value = {json.dumps(table)}; document.getElementById('predict-rows').click()")
        rows = "document.querySelectorAll('#answers tbody tr')"
        return self.js(f"Array.from({rows}, (row) => Array.from(row.querySelectorAll('data'), (cell) => cell.value))")

    def close(self) -> None:
        self.session = {}
        self.send("Browser.close")
        self.process.wait(300)
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None and os.environ.get("CI") != "true":
        pytest.skip("Chromium is not installed")
    assert program, "CI needs Chromium"
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser):
    """The viewer, newly opened; at the end nothing else was asked of any network, and no error was left to the browser."""
    browser.open()
    yield browser
    browser.js("1")  # every event before this answer has arrived
    stopped = {event["requestId"] for event in browser.events_of("Network.loadingFailed") if event.get("blockedReason") == "csp"}
    asked = [event for event in browser.events_of("Network.requestWillBeSent") if event["requestId"] not in stopped]
    urls = [event["request"]["url"] for event in asked if not event["request"]["url"].startswith("data:")]  # which are no requests
    assert urls == [VIEWER]
    assert browser.events_of("Runtime.exceptionThrown") == []


@pytest.fixture
def changed(tmp_path):
    """``changed(name, change)``: a copy of a shipped model after `change(file, manifest, spec)`, its digests in order again."""

    def make(name, change):
        buffer = io.BytesIO((MODELS / name / "model.h5").read_bytes())
        with h5py.File(buffer, "r+", libver=("v108", "latest")) as file:
            manifest, spec = (json.loads(bytes(file[part][()])) for part in ("manifest", "spec"))
            change(file, manifest, spec)
            _replace(file, "spec", json.dumps(spec).encode())
            known = {entry["path"]: entry for entry in manifest["objects"]}
            manifest["objects"] = [_entry(file[path], known.get(path, {"path": path, "role": path.split("/")[1]})) for path in _paths(file)]
            text = json.dumps(manifest).encode()
            _replace(file, "manifest", text)
            file.attrs["manifest_sha256"] = np.bytes_(hashlib.sha256(text).hexdigest())
        (tmp_path / "changed.h5").write_bytes(buffer.getvalue())
        return tmp_path / "changed.h5"

    return make


def _replace(file, name, text):
    del file[name]
    file[name] = np.frombuffer(text, np.uint8)


def _paths(file):
    found = []
    file.visititems(lambda name, item: found.append(f"/{name}") if isinstance(item, h5py.Dataset) and name != "manifest" else None)
    return found


def _entry(dataset, entry):
    """An entry of the manifest's list, with the truth about a dataset."""
    raw = dataset[()].tobytes()
    digest = hashlib.sha256(raw).hexdigest()
    return {**entry, "dtype": dataset.dtype.name, "shape": list(dataset.shape), "bytes": len(raw), "sha256": digest}
