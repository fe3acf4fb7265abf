"""`mlpkit serve`: a process that answers, and ends with what it has begun."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest

import mlpkit

ROW = {"width": 1.0, "height": 1.0, "colour": "green"}


@pytest.fixture
def serving(trained, start):
    """Start a server; the process and its URL."""

    def serving(*options):
        process = start("serve", "model.h5", "--port", "0", *options)
        line = process.stderr.readline().decode()
        return process, re.match(r"serving model\.h5 at (http://127\.0\.0\.1:\d+): GET /schema, POST /predict", line)[1]

    return serving


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_server_answers_until_a_signal_and_finishes_what_has_begun(serving, number):
    process, url = serving()
    expected = mlpkit.load("model.h5").predict([ROW]).tolist()
    assert ask(f"{url}/predict", ROW) == {"predictions": expected}
    assert ask(f"{url}/schema")["properties"]["colour"]["enum"] == ["blue", "green", "red"]
    body = json.dumps(ROW).encode()
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        process.send_signal(number)
        assert process.stderr.readline() == b"answering the requests that have begun; a second signal ends at once\n"
        connection.sendall(body)
        assert json.loads(connection.recv(10_000).rpartition(b"\r\n\r\n")[2]) == {"predictions": expected}
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0


@pytest.mark.slow
def test_a_second_signal_ends_at_once(serving):
    process, url = serving("--timeout", "3000")
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        process.send_signal(signal.SIGTERM)
        process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143


@pytest.mark.slow
def test_verbose_tells_of_each_request_and_options_reach_the_server(serving):
    process, url = serving("-v", "--on-unseen", "error", "--max-mib", "1")
    for body, status in (({**ROW, "colour": "pink"}, 422), ([ROW] * 30_000, 413)):
        with pytest.raises(urllib.error.HTTPError) as error:
            ask(f"{url}/predict", body)
        assert error.value.code == status
        error.value.close()
        assert process.stderr.readline() == f"127.0.0.1 POST /predict {status}\n".encode()
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(f"{url}/\x1b[31m".replace("\x1b", "%1b"))
    error.value.close()
    assert process.stderr.readline() == b"127.0.0.1 GET /%1b[31m 404\n"


def test_a_port_in_use_is_an_error(trained, run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("serve", "model.h5", "--port", port)
    assert (done.code, done.out) == (1, "")
    assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in done.err
    assert "--port" in done.err


@pytest.mark.parametrize(("options", "words"), [(["none.h5"], "none.h5"), (["model.h5", "--port", "70000"], "--port")])
def test_wrong_options(trained, run, options, words):
    done = run("serve", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_predict_takes_the_treatment_of_unseen_values(trained, run):
    (trained / "new.csv").write_text("width,height,colour\n1,1,red\n1,1,pink\n")
    assert run("predict", "model.h5", "new.csv").code == 0
    done = run("predict", "model.h5", "new.csv", "--on-unseen", "error")
    assert done.code == 2
    assert "the column 'colour' has 'pink' in line 3 of new.csv, which no training row has" in done.err
    for option in ("--proba", "--keep-columns"):
        assert "'pink' in line 3 of new.csv" in run("predict", "model.h5", "new.csv", "--on-unseen", "error", option).err
