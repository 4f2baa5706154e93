"""What a file of leads may be packed in, and what is refused with a word on what to do."""

import bz2
import gzip
import lzma
import os
from io import BytesIO
from pathlib import Path
from threading import Thread
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from pipeline.errors import GiveUp
from pipeline.importing import csv_bytes
from pipeline.importing.csv_bytes import CsvBytes

CSV = b"id,a\n1,5\n" * 1000


def zipped(**files: bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def with_password() -> bytes:
    made = bytearray(zipped(**{"a.csv": CSV}))
    for header, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        made[made.index(header) + place] |= 1
    return bytes(made)


def named(argument: object) -> str:
    """A name for a case: what is packed now differs by its time from what another process packs."""
    return argument if isinstance(argument, str) else ""


def content(path: Path) -> list[bytes]:
    """What two readers read at the same time."""
    opened = CsvBytes(path)
    try:
        first, second = opened.reader(), opened.reader()
        half = first.read(len(CSV) // 2)
        return [second.read(), half + first.read()]
    finally:
        opened.close()


@pytest.mark.parametrize(
    "packed",
    [
        CSV,
        gzip.compress(CSV),
        gzip.compress(CSV[:9]) + gzip.compress(CSV[9:]),
        zipped(**{"leads.csv": CSV}),
        zipped(**{"export/leads.txt": CSV, "export/": b"", "__MACOSX/export/._leads.txt": b"x", ".DS_Store": b"x"}),
        zipped(**{"leads.csv.gz": gzip.compress(CSV)}),
    ],
    ids=named,
)
def test_a_packed_file_is_read_as_if_it_were_not(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "leads"
    path.write_bytes(packed)
    assert content(path) == [CSV, CSV]


@pytest.mark.parametrize("packed", [CSV, gzip.compress(CSV), zipped(**{"leads.csv": CSV})], ids=named)
def test_a_pipe_is_read_once_and_then_as_often_as_needed(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(packed,))
    writer.start()
    try:
        assert content(path) == [CSV, CSV]
    finally:
        writer.join()


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (gzip.compress(CSV)[:-20], "damaged or cut off"),
        (gzip.compress(CSV)[:-8] + bytes(8), "damaged or cut off"),
        (gzip.compress(CSV)[:10] + b"\xff" * 40, "damaged or cut off"),
        (zipped(**{"leads.csv": CSV})[:-30], "damaged or cut off"),
        (zipped(**{"leads.csv": CSV}).replace(b"leads.csv", b"leads.c\xff\xfe", 1), "damaged or cut off"),
        (zipped(**{"a.csv": CSV, "b.csv": CSV}), r"holds 2 files \(a.csv, b.csv\); unpack it and import one"),
        (zipped(**{f"{n}.csv": b"" for n in range(9)}), r"9 files \(0.csv, .*4.csv and 4 more\)"),
        (zipped(**{"readme/": b""}), "holds 0 files"),
        (zipped(), "holds 0 files"),
        (zipped(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "an Excel workbook .* save it as CSV UTF-8"),
        (zipped(mimetype=b"", **{"content.xml": b""}), "OpenDocument"),
        (with_password(), "has a password"),
        (gzip.compress(gzip.compress(gzip.compress(CSV))), "packed several times"),
        (bz2.compress(CSV), "packed by bzip2; unpack it first"),
        (lzma.compress(CSV), "packed by xz; unpack it first"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "an Excel workbook of the old kind"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
    ids=named,
)
def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, packed: bytes, words: str) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(packed)
    with pytest.raises(GiveUp, match=words):
        CsvBytes(path)


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: zipped(**{"leads.csv": text})])
def test_what_unpacks_to_too_much_is_refused_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: object
) -> None:
    monkeypatch.setattr(csv_bytes, "COPIED_LIMIT", 3 << 20)
    path = tmp_path / "leads.csv"
    assert callable(pack)
    path.write_bytes(pack(bytes(64 << 20)))
    with pytest.raises(GiveUp, match="more than 3 MiB"):
        CsvBytes(path)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev/full"])
def test_a_device_is_no_file(path: str) -> None:
    with pytest.raises(GiveUp, match="neither a file nor a pipe"):
        CsvBytes(Path(path))
