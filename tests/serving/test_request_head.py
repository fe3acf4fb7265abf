"""Heads of requests: any bytes are a head or a bad request."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpkit.serving.request_head import BadRequest, Head, read_head

PIECES = [
    b"GET",
    b"POST",
    b" ",
    b"/predict",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"\r\n",
    b"\n",
    b"\r",
    b":",
    b"a",
    b"Content-Length: 3",
    b"\0",
    b"\xff",
    b"\t",
    b",",
]


def head_of(data):
    stream = io.BytesIO(data)
    return read_head(stream.readline(2**14), stream.readline)


def head_or_status(data):
    try:
        return head_of(data)
    except BadRequest as error:
        return error.status


@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)))
def test_any_bytes_are_a_head_or_a_bad_request(data):
    found = head_or_status(data)
    if not isinstance(found, Head):
        assert found in (400, 414, 431, 505)
        return
    assert found.target.isascii()
    assert found.target.isprintable()
    assert all(name == name.lower() for name in found.fields)


def test_a_head_is_read():
    head = head_of(b"POST /predict?a=b HTTP/1.1\r\nHost: here\r\nContent-Length:  12 \r\nX-A: 1\r\nx-a: 2\r\n\r\nrest")
    assert (head.method, head.target, head.keeps, head.has_body) == ("POST", "/predict?a=b", True, True)
    assert head.fields == {"host": ["here"], "content-length": ["12"], "x-a": ["1", "2"]}
    assert (head.value("x-a"), head.value("none"), head.length(100)) == ("1", "", 12)


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [("1.1", "", True), ("1.1", "close", False), ("1.1", "Keep-Alive, Close", False), ("1.0", "", False), ("1.0", "Keep-Alive", True)],
)
def test_a_connection_is_kept_as_the_version_and_the_client_have_it(version, connection, keeps):
    assert head_of(f"GET / HTTP/{version}\r\nConnection: {connection}\r\n\r\n".encode()).keeps is keeps
