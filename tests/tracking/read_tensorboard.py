"""Check that TensorBoard reads the event files of mlpkit: its own reader, and the server of its pages.

Run it in an environment with mlpkit and the package `tensorboard`: python tests/tracking/read_tensorboard.py
"""

import json
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from tensorboard import program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import mlpkit

ROWS, TARGETS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
SPEC = {
    "network": {"layers": [{"units": 4, "activation": "tanh"}, {"units": 1, "activation": "sigmoid"}]},
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
    "ensemble": {"members": 2},
    "training": {"epochs": 8},
}
COLUMNS = {"loss", "accuracy", "learning_rate"}


def killed_and_resumed(folder):
    """Write the events of a run that was killed six epochs after its state was saved, and of the run that resumes it; return the model."""
    log, model = mlpkit.TensorBoardLog(folder), mlpkit.Model(SPEC, inputs=2)
    for number, epoch in enumerate(mlpkit.epochs(model, ROWS, TARGETS)):
        log(epoch)
        if number == 2:
            model.save(folder / "part.h5", training_state=True)
        if number == 6:
            break
    model = mlpkit.load(folder / "part.h5")
    log = mlpkit.TensorBoardLog(folder, model)
    for epoch in mlpkit.epochs(model, ROWS, TARGETS, resume=True):
        log(epoch)
    return model


def of_history(member, tag):
    """The steps and values that TensorBoard should show."""
    columns = member.history.columns()
    return [(step, float(np.float32(value))) for step, value in zip(columns["epoch"].tolist(), columns[tag].tolist(), strict=True)]


def read(folder):
    """Return the steps and values of a folder by tag, as the reader of TensorBoard has them."""
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def served(folder, run, tag):
    """Return the steps and values of a tag, as the page of TensorBoard gets them."""
    server = program.TensorBoard()
    server.configure(logdir=str(folder), port=0)
    url = server.launch()
    for _ in range(60):
        with urllib.request.urlopen(f"{url}data/plugin/scalars/tags") as answer:
            if tag in json.load(answer).get(run, {}):
                break
        time.sleep(0.5)
    with urllib.request.urlopen(f"{url}data/plugin/scalars/scalars?run={run}&tag={tag}") as answer:
        return [(step, value) for _, step, value in json.load(answer)]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = killed_and_resumed(folder)
        for number, member in enumerate(model.members):
            shown = read(folder / f"member-{number}")
            assert shown.keys() == {*COLUMNS, "seconds"}, shown.keys()
            for tag in COLUMNS:
                assert shown[tag] == of_history(member, tag), (number, tag, shown[tag])
            assert [step for step, _ in shown["seconds"]] == list(range(1, 9))
        assert served(folder, "member-0", "loss") == of_history(model.members[0], "loss")
    print("TensorBoard reads the events of mlpkit")


if __name__ == "__main__":
    main()
