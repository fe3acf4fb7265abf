"""Compressed files of text."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import sys

import pytest

from mlpkit.data import size_limits
from mlpkit.data.readers import iter_tables, read_table
from mlpkit.data.sources import reading
from mlpkit.errors import DataError
from mlpkit.spec import Spec

ZSTD = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
PACKERS = {".gz": gzip, ".bz2": bz2, ".xz": lzma, ".zst": ZSTD}
ROWS = "a,b\n" + "".join(f"{row},word {row % 7}\n" for row in range(5000))


def packed(folder, suffix, content=ROWS, name="t.csv"):
    path = folder / f"{name}{suffix}"
    path.write_bytes(PACKERS[suffix].compress(content.encode()))
    return path


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_has_the_rows_of_the_plain_one(tmp_path, suffix):
    (tmp_path / "t.csv").write_text(ROWS)
    plain, table = read_table(tmp_path / "t.csv"), read_table(packed(tmp_path, suffix))
    assert {name: table[name].tolist() for name in table.names} == {name: plain[name].tolist() for name in plain.names}
    assert table.place(4) == f"line 6 of {tmp_path / 't.csv'}{suffix}"
    assert sum(part.rows for part in iter_tables(packed(tmp_path, suffix), rows=700)) == 5000
    assert read_table(packed(tmp_path, suffix, "a\tb,c\n1\t2\n", "T.TSV")).names == ("a", "b,c")
    assert read_table(packed(tmp_path, suffix, '{"a": 1}\n', "t.jsonl"))["a"].tolist() == [1]
    assert read_table(packed(tmp_path, suffix, "a\n1\n", "rows"))["a"].tolist() == ["1"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, suffix):
    path = packed(tmp_path, suffix)
    whole = path.read_bytes()
    for content in (whole[:-9], whole[: len(whole) // 2], whole[:12] + b"x" * 50):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"t\.csv\..* is damaged or cut short"):
            read_table(path)
    for content in (b"a,b\n1,2\n", b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"is not compressed with .*although its name ends with"):
            read_table(path)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(size_limits, "FREE", 2**16)
    monkeypatch.setattr(size_limits, "RATIO", 100)
    path = packed(tmp_path, suffix, "a\n" + "1\n" * 2**17)
    with pytest.raises(DataError, match="unpacks to more than") as caught:
        read_table(path)
    assert "allow_large" in (caught.value.help or "")
    assert read_table(path, allow_large=True).rows == 2**17


def test_only_text_is_unpacked(tmp_path):
    with pytest.raises(DataError, match="compressed with gzip, and the reader 'npy' reads plain files"):
        read_table(packed(tmp_path, ".gz", name="t.npy"))
    with pytest.raises(DataError, match=r"\.tar files are not supported"):
        read_table(packed(tmp_path, ".gz", name="t.tar"))


def test_zstd_needs_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpkit.data.zstd._MODULE", "mlpkit_no_such_package")
    with pytest.raises(DataError, match="package for that is not installed") as caught:
        read_table(packed(tmp_path, ".zst"))
    assert "mlpkit[zstd]" in (caught.value.help or "")


def test_the_format_of_the_spec_is_that_of_the_unpacked_file():
    spec = Spec.model_validate(
        {"data": {"path": "train.csv.gz", "format": "tsv"}, "network": {"layers": [{}]}, "loss": "mean_squared_error"}
    )
    assert reading(spec, "other.csv")["format"] == "tsv"
    assert reading(spec, "other.jsonl.xz")["format"] is None
