"""A served model: answers, limits, hostile clients, and an end that loses no request."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
import warnings

import jsonschema
import numpy as np
import pytest

import mlpkit
from mlpkit.serving import handler as handler_module
from mlpkit.serving import server as server_module
from mlpkit.serving.server import ListenError, ModelServer

COLOURS, SHAPES = ("red", "green"), ("disc", "box")
TABLE = {
    "size": [float(row % 7) for row in range(40)],
    "colour": [COLOURS[row % 2] for row in range(40)],
    "year": [(2007, 2008)[row % 3 % 2] for row in range(40)],
    "note": [None if row % 5 else "x" for row in range(40)],
    "shape": [SHAPES[row % 2] for row in range(40)],
}
SPEC = {
    "name": "shapes",
    "data": {"target": "shape"},
    "preprocessing": {"clip_inputs": True, "columns": {"year": "one_hot"}},
    "network": {"layers": [{"activation": "softmax"}]},
    "loss": "categorical_crossentropy",
    "optimizer": {"type": "adam", "learning_rate": 0.1},
    "training": {"epochs": 20},
}
OPENED = []  # connections of a test
ROW = {"size": 3, "colour": "red", "year": 2007, "note": None}


@pytest.fixture(scope="module")
def model():
    return mlpkit.train(SPEC, TABLE)


@pytest.fixture(autouse=True)
def closing():
    """Close the connections of a test."""
    yield
    while OPENED:
        OPENED.pop().close()


@contextlib.contextmanager
def running(model, **options):
    """A server in a thread of its own, with the list of what it has told and reported."""
    told, reported = [], []
    server = ModelServer(model, port=0, tell=told.append, report=lambda request, error: reported.append((request, error)), **options)
    server.told, server.reported = told, reported
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if not server.draining:
            server.drain()
        thread.join(60)


@pytest.fixture(scope="module")
def server(model):
    with running(model) as server:
        yield server
        assert server.reported == []


@pytest.fixture
def ask(server):
    return asking(server)


def asking(server):
    """A function that sends a request and returns status and content; the connection stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    OPENED.append(connection)

    def ask(method, path, body=None, kind="application/json", **fields):
        body = json.dumps(body) if isinstance(body, (list, dict)) else body
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, path, body, {**({} if body is None or kind is None else {"Content-Type": kind}), **fields})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.getheader("Content-Length") is not None
        return answer.status, json.loads(content) if answer.getheader(
            "Content-Type"
        ) == "application/json" and content else content.decode()

    return ask


def raw(server, data, *, close_writing=True):
    """The bytes that a server answers to those of a client, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        with contextlib.suppress(OSError):  # the server may have closed it already
            connection.sendall(data)
            if close_writing:
                connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(2**16), b""))


def statuses(answer):
    """The statuses of the answers on a connection."""
    return list(map(int, re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)))


def post(body, fields=b"", path=b"/predict"):
    return b"POST %s HTTP/1.1\r\nHost: here\r\n%sContent-Length: %d\r\n\r\n%s" % (path, fields, len(body), body)


# -- answers


def test_rows_get_the_predictions_of_the_model(ask, model):
    rows = [{"size": size, "colour": colour, "year": 2008, "note": "x"} for size in range(7) for colour in COLOURS]
    assert ask("POST", "/predict", rows) == (200, {"predictions": model.predict(rows).tolist()})
    assert ask("POST", "/predict", rows[0]) == (200, {"predictions": model.predict(rows[:1]).tolist()})
    assert ask("POST", "/predict", []) == (200, {"predictions": []})


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", None])
def test_rows_are_json_where_the_type_does_not_say_otherwise(ask, kind):
    assert ask("POST", "/predict", json.dumps(ROW), kind) == (200, {"predictions": ["disc"]})


def test_numbers_that_are_categories_are_numbers_or_texts(ask):
    answers = [ask("POST", "/predict?on_unseen=error&proba=true", {**ROW, "year": year}) for year in (2007, "2007", 2007.0)]
    assert answers[0][0] == 200
    assert answers[0] == answers[1] == answers[2]


def test_probabilities_have_the_names_of_the_classes(ask, model):
    status, found = ask("POST", "/predict?proba=true", [ROW, {**ROW, "colour": "green"}])
    assert status == 200
    assert found["predictions"] == ["disc", "box"]
    expected = model.predict_proba([ROW, {**ROW, "colour": "green"}]).tolist()
    assert found["probabilities"] == [dict(zip(("box", "disc"), row, strict=True)) for row in expected]


def test_csv_gets_csv_unless_json_is_accepted(ask, model):
    text = "size,colour,year,note\n3,red,2007,\n3,green,2007,x\n"
    assert ask("POST", "/predict", text, "text/csv") == (200, "shape\ndisc\nbox\n")
    status, found = ask("POST", "/predict?proba=true", text, "text/csv; charset=utf-8")
    header, first, _ = found.splitlines()
    assert (status, header, first[:5]) == (200, "shape,shape=box,shape=disc", "disc,")
    assert ask("POST", "/predict", text, "text/csv", Accept="application/json") == (200, {"predictions": ["disc", "box"]})
    assert ask("POST", "/predict", ROW, Accept="text/csv") == (200, "shape\ndisc\n")
    assert ask("POST", "/predict", text, "text/csv", Accept="*/*") == (200, "shape\ndisc\nbox\n")


def test_the_schema_is_that_of_the_model_and_its_rows_are_predicted(ask, model):
    status, schema = ask("GET", "/schema")
    assert (status, schema) == (200, model.input_schema())
    assert jsonschema.Draft202012Validator(schema).is_valid(ROW)


def test_health_and_head(ask, server):
    assert ask("GET", "/health") == (200, {"status": "ok", "model": "shapes", "mlpkit": mlpkit.__version__})
    assert ask("HEAD", "/health") == (200, "")
    assert ask("HEAD", "/schema") == (200, "")
    assert ask("GET", "/health")[0] == 200  # nothing of the answers to HEAD is left on the connection


def test_several_targets_and_numbers_that_are_not_finite():
    table = {"a": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0], "z": [0.0, 1.0, 0.0]}
    layers = [{"units": 2, "weight_initializer": "zeros"}]
    spec = {"data": {"target": ["y", "z"]}, "network": {"layers": layers}, "loss": "mse", "training": {"epochs": 1}}
    with running(mlpkit.train(spec, table)) as server:
        status, found = asking(server)("POST", "/predict", [{"a": 2.0}])
        assert (status, list(found["predictions"][0])) == (200, ["y", "z"])
        assert asking(server)("POST", "/predict?proba=true", [{"a": 2.0}])[0] == 422


def test_a_model_of_an_array_takes_lists():
    x = [[float(row), float(row % 3)] for row in range(9)]
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    model = mlpkit.train(spec, x, [sum(row) for row in x])
    with running(model) as server:
        assert asking(server)("POST", "/predict", x) == (200, {"predictions": model.predict(x).tolist()})
        assert asking(server)("GET", "/schema")[1]["type"] == "array"
        status, found = asking(server)("POST", "/predict", [[1.0, 2.0, 3.0]])
        assert (status, found["error"]) == (422, "the data have 3 columns, but the model was trained on 2")


def test_a_server_may_be_strict_by_itself(model):
    with running(model, on_unseen="error") as server:
        ask = asking(server)
        assert ask("POST", "/predict", {**ROW, "colour": "blue"})[0] == 422
        assert ask("POST", "/predict?on_unseen=warn", {**ROW, "size": 99})[0] == 200


# -- wrong requests

WRONG = {
    "no_json": (400, "{", "the body is not valid JSON: Expecting property name"),
    "nan": (400, '{"size": NaN}', "NaN is no number of JSON"),
    "empty": (400, "", "the body is not valid JSON"),
    "deep": (400, "[" * 100_000, "it is nested too deep"),
    "digits": (400, '[{"size": %s}]' % ("1" * 5000), "the body is not valid JSON"),
    "encoding": (400, b'[{"colour": "\xff"}]', "the body is not valid JSON"),
    "a path": (422, '"/etc/passwd"', "the body has no rows"),
    "a list of texts": (422, '["/etc/passwd"]', "the body has no rows"),
    "a number": (422, "3", "the body has no rows"),
    "null": (422, "null", "the body has no rows"),
    "no columns": (422, "{}", "row 0: there are no columns 'colour', 'size', 'year'"),
    "a misspelled column": (
        422,
        [ROW, {**{k: v for k, v in ROW.items() if k != "colour"}, "color": "red"}],
        "row 1: there is no column 'colour'",
    ),
    "a text": (422, {**ROW, "size": "tall"}, "the column 'size' holds numbers, but row 0 has 'tall'"),
    "an object": (422, {**ROW, "size": {"a": 1}}, "values of type dict"),
    "a list": (422, {**ROW, "colour": ["red", "green"]}, "'colour'"),
    "a boolean": (422, {**ROW, "size": True}, "the column 'size' has True in row 0, which is not a number"),
    "mixed rows": (422, [ROW, [1, 2, 3]], "row 1 is not a dictionary"),
    "infinity": (422, '[{"size": 1e999, "colour": "red", "year": 2007}]', "size"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_bodies_get_a_clear_error(ask, name):
    status, body, words = WRONG[name]
    found = ask("POST", "/predict", body)
    assert found[0] == status
    assert words in found[1]["error"]
    assert found[1]["help"]
    assert "Traceback" not in json.dumps(found[1])
    assert ask("POST", "/predict", ROW)[0] == 200  # the connection goes on


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/", 404, "there is nothing at '/'"),
        ("GET", "/predict", 405, "/predict takes POST"),
        ("POST", "/schema", 405, "/schema takes GET"),
        ("DELETE", "/health", 405, "/health takes GET"),
        ("OPTIONS", "/predict", 405, "/predict takes POST"),
        ("POST", "/predict/../health", 404, "there is nothing at"),
        ("POST", "/predict?prob=true", 400, "there is no option 'prob'"),
        ("POST", "/predict?proba=1", 400, "the option proba is '1'"),
        ("POST", "/predict?proba=true&proba=false", 400, "the option proba is 'true,false'"),
        ("POST", "/predict?" + "&".join(f"a{n}=1" for n in range(30)), 400, "the path is not valid"),
    ],
)
def test_wrong_paths_methods_and_options(ask, method, path, status, words):
    found = ask(method, path, ROW if method == "POST" else None)
    assert found[0] == status
    assert words in found[1]["error"]
    assert ask("GET", "/health")[0] == 200


def test_columns_that_are_not_used_cost_nothing(server, ask):
    """A table of all names in any row would have 16 million values."""
    rows = [{**ROW, f"column {number}": number} for number in range(4000)]
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(server.model), "predict", lambda _, rows, **__: asked.append(rows) or np.zeros(len(rows)))
        assert ask("POST", "/predict", rows)[0] == 200
    assert asked == [[ROW] * 4000]


def test_a_model_whose_columns_may_all_be_missing_wants_one_of_them():
    table = {"a": [1.0, 2.0, None, 4.0], "y": [1.0, 2.0, 3.0, 4.0]}
    spec = {"data": {"target": "y"}, "network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    with running(mlpkit.train(spec, table)) as server:
        ask = asking(server)
        assert ask("POST", "/predict", [{}, {"a": None}, {"a": 1, "b": 2}])[0] == 200
        status, found = ask("POST", "/predict", [{"b": 1}])
        assert (status, found["error"]) == (422, "row 0: there is no column 'a'")


def test_rows_with_names_for_a_model_of_an_array_have_the_same_ones():
    x = [[float(row), float(row % 3)] for row in range(9)]
    spec = {"network": {"layers": [{"units": 1}]}, "loss": "mse", "training": {"epochs": 1}}
    with running(mlpkit.train(spec, x, [sum(row) for row in x])) as server:
        ask = asking(server)
        assert ask("POST", "/predict", [{"a": 1, "b": 2}, {"a": 1, "b": 2}])[0] == 200
        for rows in ([{"a": 1, "b": 2}, {"a": 1, "c": 2}], [[1, 2], {"a": 1, "b": 2}]):
            status, found = ask("POST", "/predict", rows)
            assert (status, found["error"]) == (422, "the rows have different columns")


def test_other_media_types_are_refused(ask):
    found = ask("POST", "/predict", "<row/>", "application/xml")
    assert (found[0], found[1]["error"]) == (415, "rows of type application/xml cannot be read")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size,colour,year,note\n3,red\n", "line 2 of the CSV has 2 values"),
        ("size,colour\n3,red\n", "there are no columns 'year', 'note' in the CSV"),
        ("size,colour,year,note\n3,red,2007,\ntall,red,2007,\n", "line 3 of the CSV has 'tall'"),
        ("size,colour,year,note\n", "the CSV has a header but no rows"),
        ("", "the CSV is empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "the CSV is an HDF5 file"),
    ],
)
def test_a_wrong_csv_gets_its_line(ask, text, words):
    found = ask("POST", "/predict", text, "text/csv")
    assert found[0] == 422
    assert words in found[1]["error"]


def test_unseen_values_are_refused_if_asked(ask):
    for change, words in (
        ({"colour": "blue"}, "the column 'colour' has 'blue' in row 0, which no training row has"),
        ({"size": 99}, "the column 'size' has 99 in row 0, outside of its range in the training rows, 0 to 6"),
        ({"size": None}, "the column 'size' has a missing value in row 0, but no training row has one"),
    ):
        found = ask("POST", "/predict?on_unseen=error", {**ROW, **change})
        assert (found[0], found[1]["error"]) == (422, words)


# -- limits and hostile clients


def test_ten_megabytes_are_refused_and_the_client_sees_why(model, server):
    body = json.dumps([ROW] * 200_000)
    assert len(body) > 10e6
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/predict", body)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    assert (answer.status, answer.getheader("Connection")) == (413, "close")
    assert found["error"].endswith("MiB, more than 4")
    assert statuses(raw(server, b"POST /predict HTTP/1.1\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")) == [413]


def test_a_client_that_waits_for_100_continue_gets_it(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        body = json.dumps(ROW).encode()
        connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


BODY = json.dumps(ROW).encode()
HOSTILE = {
    "no body": (b"POST /predict HTTP/1.1\r\n\r\n", [411]),
    "chunks": (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", [411]),
    "chunks and a length": (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n[]", [411]),
    "a body that ends early": (b"POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n[]", [400]),
    "a body that is longer": (post(b"[]") + b"more\r\n\r\n", [200, 400]),
    "a negative length": (b"POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n", [400]),
    "a length with a sign": (b"POST /predict HTTP/1.1\r\nContent-Length: +2\r\n\r\n[]", [400]),
    "a length with an underscore": (b"POST /predict HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n[]", [400]),
    "a length of other digits": ("POST /predict HTTP/1.1\r\nContent-Length: ²\r\n\r\n".encode(), [400]),
    "two lengths": (b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]", [400]),
    "an endless length": (b"POST /predict HTTP/1.1\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", [400]),
    "a huge field": (b"GET /health HTTP/1.1\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", [431]),
    "many fields": (b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 1000 + b"\r\n", [431]),
    "a long path": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", [414]),
    "a folded field": (b"GET /health HTTP/1.1\r\nA: b\r\n c\r\n\r\n", [400]),
    "a field with a blank": (b"GET /health HTTP/1.1\r\nContent-Length : 2\r\n\r\n", [400]),
    "a field without a name": (b"GET /health HTTP/1.1\r\n: 2\r\n\r\n", [400]),
    "a NUL": (b"GET /health HTTP/1.1\r\nA: b\0\r\n\r\n", [400]),
    "a return": (b"GET /health HTTP/1.1\r\nA: b\rC: d\r\n\r\n", [400]),
    "a head without an end": (b"GET /health HTTP/1.1\r\nA: b\r\n", [400]),
    "no line": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    "HTTP/0.9": (b"GET /health\r\n", [400]),
    "HTTP/1.0": (b"GET /health HTTP/1.0\r\n\r\nGET /health HTTP/1.0\r\n\r\n", [200]),
    "HTTP/1.0 that keeps": (b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /health HTTP/1.0\r\n\r\n", [200, 200]),
    "a close": (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\nGET /health HTTP/1.1\r\n\r\n", [200]),
    "a pipeline": (post(BODY) * 3 + b"\r\n" + post(BODY), [200, 200, 200, 200]),
    "a body of GET": (b"GET /health HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET GET /health HTTP/1.1\r\n\r\n", [200]),
    "line feeds": (b"GET /health HTTP/1.1\nHost: here\n\n", [200]),
    "an absolute target": (b"GET http://here/health HTTP/1.1\r\n\r\n", [200]),
    "a target that is no URL": (b"GET http://[/health HTTP/1.1\r\n\r\n", [400]),
    "lower case": (b"get /health HTTP/1.1\r\n\r\n", [400]),
    "a script in the path": (b"GET /<script> HTTP/1.1\r\n\r\n", [404]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_clients_get_an_error_and_harm_nobody(server, ask, name):
    data, expected = HOSTILE[name]
    answer = raw(server, data)
    assert statuses(answer) == expected
    assert b"Traceback" not in answer
    assert ask("POST", "/predict", ROW) == (200, {"predictions": ["disc"]})


@pytest.mark.parametrize("data", [b"POST /pre", post(BODY)[:-5], b"POST /predict HTTP/1.1\r\nA: b\r\n"])
def test_a_slow_client_is_told_and_left(model, data):
    with running(model, timeout=0.2) as server:
        assert statuses(raw(server, data, close_writing=False)) == [408]


def test_a_client_that_sends_bytes_one_by_one_has_no_more_time(model):
    """The time is that of the whole request, not of each byte."""
    with running(model, timeout=0.3) as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.settimeout(0.02)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while not answer:
                connection.sendall(b"G")
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(1000)
        assert statuses(answer) == [408]


def test_a_connection_that_sends_nothing_is_closed_without_a_word(model):
    with running(model, timeout=0.2) as server:
        assert raw(server, b"", close_writing=False) == b""


def test_a_client_that_goes_away_is_no_error(model):
    with running(model) as server:
        for _ in range(5):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(post(BODY) * 50)
            connection.close()  # which resets it
        assert asking(server)("POST", "/predict", ROW)[0] == 200
    assert server.reported == []


@pytest.mark.slow
def test_a_client_that_does_not_read_its_answer_is_left(model):
    with running(model, timeout=0.5) as server, socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        body = json.dumps([ROW] * 20_000).encode()
        connection.sendall(post(body, path=b"/predict?proba=true") + post(body, path=b"/predict?proba=true"))
        while not server.told or server._connections:
            time.sleep(0.01)
        assert asking(server)("POST", "/predict", ROW)[0] == 200
    assert server.reported == []


def test_too_many_connections_are_refused(model, monkeypatch):
    monkeypatch.setattr(server_module, "MOST_CONNECTIONS", 2)
    with running(model) as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in held:
            connection.sendall(b"GET /health HTTP/1.1\r\n\r\n")
            assert connection.recv(1000)
        assert statuses(raw(server, b"", close_writing=False)) == [503]
        for connection in held:
            connection.close()
        while statuses(raw(server, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")) == [503]:
            pass


def test_many_clients_at_once_get_their_own_answers(server, model):
    rows = [{"size": size, "colour": colour, "year": year, "note": "x"} for size in range(7) for colour in COLOURS for year in (2007, 2008)]
    expected = model.predict_proba(rows)[:, 0].tolist()
    wrong = []

    def client(start):
        ask = asking(server)
        for turn in range(20):
            place = (start + turn) % len(rows)
            status, found = ask("POST", "/predict?proba=true", [rows[place]])
            if status != 200 or abs(found["probabilities"][0]["box"] - expected[place]) > 1e-12:
                wrong.append((place, status, found))

    threads = [threading.Thread(target=client, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_an_error_of_the_server_stays_in_its_log(model, monkeypatch):
    with running(model) as server:
        monkeypatch.setattr(type(model), "predict", lambda *_, **__: {}["secret"])
        status, found = asking(server)("POST", "/predict", ROW)
        assert (status, found["error"]) == (500, "internal error")
        assert "secret" not in json.dumps(found)
        monkeypatch.undo()
        ((request, error),) = server.reported
        assert (request, repr(error)) == ("POST /predict", "KeyError('secret')")
        assert asking(server)("POST", "/predict", ROW)[0] == 200


def test_answers_are_told(model):
    with running(model) as server:
        asking(server)("GET", "/health")
        raw(server, b"?\r\n")
        assert server.told == ["127.0.0.1 GET /health 200", "127.0.0.1 - - 400"]


# -- the beginning and the end


def test_a_server_drains_the_requests_that_have_begun(model, monkeypatch):
    """One connection is in the middle of a body, one waits between two requests, one has sent nothing yet."""
    monkeypatch.setattr(server_module, "GRACE", 0.1)
    with running(model) as server:
        address = ("127.0.0.1", server.port)
        begun, idle, new = (socket.create_connection(address, timeout=60) for _ in range(3))
        OPENED.extend([begun, idle, new])
        idle.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        assert statuses(idle.recv(1000)) == [200]
        begun.sendall(post(BODY)[:-5])
        while not any(handler.timed.received and not handler.answers for handler in list(server._connections)):
            time.sleep(0.001)
        left = []
        thread = threading.Thread(target=lambda: left.append(server.drain()))
        thread.start()
        assert idle.recv(1000) == b""
        assert new.recv(1000) == b""
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(address)
        begun.sendall(post(BODY)[-5:])
        answer = begun.recv(1000)
        assert statuses(answer) == [200]
        assert b"Connection: close" in answer
        thread.join(60)
        assert left == [0]


def test_a_request_that_does_not_end_is_counted(model):
    with running(model, timeout=1.0) as server:
        release, entered = threading.Event(), threading.Event()
        server.answer = lambda *_: entered.set() or (release.wait(60) and ("application/json", b"{}"))
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(post(BODY))
        assert entered.wait(60)
        assert server.drain() == 1
        release.set()
        connection.close()


def test_an_address_that_cannot_be_used_is_an_error(model, server):
    for host, port in (("127.0.0.1", server.port), ("256.0.0.1", 0), ("127.0.0.1", 70000)):
        with pytest.raises(ListenError, match=f"cannot listen on {host}, port {port}"):
            ModelServer(model, host, port)


def test_an_untrained_model_is_not_served():
    model = mlpkit.Model({"network": {"layers": [{"units": 1}]}, "loss": "mse"}, inputs=2)
    with pytest.raises(mlpkit.DataError, match="has not been trained"):
        ModelServer(model, port=0)


def test_a_loaded_model_with_a_warning_is_served(model, tmp_path):
    model.save(tmp_path / "model.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlpkit.UnseenCategoryWarning)
        with running(mlpkit.load(tmp_path / "model.h5")) as server:
            assert asking(server)("POST", "/predict", {**ROW, "colour": "blue"})[0] == 200


def test_the_limits_are_documented():
    assert handler_module.DISCARDED > 10 * server_module.MOST_BYTES
