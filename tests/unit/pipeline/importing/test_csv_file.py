"""The shapes and encodings in which people export CSV files."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import GiveUp
from pipeline.importing import csv_bytes
from pipeline.importing.csv_file import CsvFile


@pytest.fixture
def read(tmp_path: Path) -> Iterator[object]:
    def rows(content: str | bytes) -> list[list[str]]:
        path = tmp_path / "leads.csv"
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        with closing(CsvFile(path)) as file:
            return [file.columns, *(fields for _, fields in file.records())]

    return rows


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,a,b\n1,2,3\n2,3\n3\n", [["1", "2", "3"], ["2", "3", ""], ["3", "", ""]]),
        ("id;a;b\n1;2\n2;3,5\n", [["1", "2", ""], ["2", "3,5", ""]]),
        ("id,a,b\n1,2,3,,\n2,3,4, ,\n", [["1", "2", "3"], ["2", "3", "4"]]),
        ("id,a,b\n1,2,3\n,,\n\n,,,,\n2,3,4\n", [["1", "2", "3"], ["2", "3", "4"]]),
        ("id,a,b\n1,2,3,,x\n", [["1", "2", "3", "", "x"]]),
    ],
)
def test_missing_cells_are_empty_and_empty_ones_too_many_are_cut(
    read: object, content: str, expected: list[list[str]]
) -> None:
    assert callable(read)
    assert read(content) == [["id", "a", "b"], *expected]


def test_a_header_that_ends_in_separators_names_columns_without_a_name(read: object) -> None:
    assert callable(read)
    assert read("id,a,,\n1,2,,\n2,3\n") == [["id", "a", "", ""], ["1", "2", "", ""], ["2", "3", "", ""]]


def test_short_rows_are_counted_in_each_reading(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("id,a\n1,2\n2\n3\n", encoding="utf-8")
    with closing(CsvFile(path)) as file:
        for _ in range(2):
            assert [line for line, _ in file.records()] == [2, 3, 4]
            assert (file.short_rows, file.first_short_line) == (2, 3)


@pytest.mark.parametrize(
    ("hint", "separator"),
    [
        ("sep=;\n", ";"),
        ("sep=;\r\n", ";"),
        ("SEP=;\r", ";"),
        ('"sep=;"\n', ";"),
        ("sep=;;;\n", ";"),
        ("\ufeffsep=;\n", ";"),
        ("sep=,\n", ","),
        ("sep=\t\n", "\t"),
        ("sep=|\n", "|"),
        ("sep=^\n", "^"),
        ("sep=~\n", "~"),
    ],
)
def test_excels_line_that_names_the_separator_is_no_header(tmp_path: Path, hint: str, separator: str) -> None:
    path = tmp_path / "leads.csv"
    end = "\r" if hint.endswith("\r") else "\n"
    path.write_bytes((hint + end.join([f"Record ID{separator}a", f"1{separator}x:y", ""])).encode("utf-8"))
    with closing(CsvFile(path)) as file:
        assert file.columns == ["Record ID", "a"]
        assert list(file.records()) == [(3, ["1", "x:y"])]


@pytest.mark.parametrize("content", ["sep=;", "sep=;\n", ""])
def test_a_file_without_a_header_is_empty(read: object, content: str) -> None:
    assert callable(read)
    with pytest.raises(GiveUp, match="is empty; its first line must name the columns"):
        read(content)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-16-be with mark"]
)
@pytest.mark.parametrize("hint", ["", "sep=\t\r\n"])
def test_every_unicode_encoding_is_read(read: object, encoding: str, hint: str) -> None:
    assert callable(read)
    mark, encoding = ("\ufeff", "utf-16-be") if encoding.endswith("mark") else ("", encoding)
    content = (mark + hint + "Record ID\tCittà\r\nu-1\tForlì 🏠\r\n").encode(encoding)
    assert read(content) == [["Record ID", "Città"], ["u-1", "Forlì 🏠"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,a\n1,caf\u00e9\n".encode("latin-1"), r"is not UTF-8 \(found at or after line 1\); convert it, .*iconv"),
        ("id,a\n1,x\n".encode("utf-16")[:-1], "is UTF-16, and damaged or cut off"),
        (b"\xff\xfei\0d\0\n\0\x00\xdc1\0\n\0", "is UTF-16, and damaged or cut off"),
    ],
)
def test_what_cannot_be_decoded_names_the_encoding(read: object, content: bytes, words: str) -> None:
    assert callable(read)
    with pytest.raises(GiveUp, match=words):
        read(content)


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(
    read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(read)
    monkeypatch.setattr(csv_bytes, "LINE_LIMIT", 2 << 20)
    with pytest.raises(GiveUp, match="a line of more than 2 MiB; is it a CSV file"):
        read("id,a\n1," + "x," * (3 << 20))
    assert len(read("id,a\n" + "1,x\n" * (1 << 20))) == 1 + (1 << 20)
