"""Opens the file of an import: a plain file, a pipe, or one that gzip or zip packed.

Pipes and packed files are copied once into a temporary file without a name, because an import reads its file twice.
"""

import gzip
import os
import re
import stat
import tempfile
import zlib
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, Protocol
from zipfile import BadZipFile, ZipFile, ZipInfo

from pipeline.errors import GiveUp, TryAgain

# Of a pipe or a packed file; some megabytes of zip or gzip can unpack to thousands of times their size.
COPIED_LIMIT = 4 << 30  # bytes
LINE_LIMIT = 16 << 20  # bytes; a file that is no text may have no end of line at all
CHUNK = 1 << 20  # bytes
HEAD = 16  # bytes, in which every format below shows itself
NAMES_SHOWN = 5  # of the files in an archive

GZIP = b"\x1f\x8b\x08"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an archive of no files
FOREIGN = {
    re.compile(rb"\xd0\xcf\x11\xe0"): "an Excel workbook of the old kind; save it as CSV UTF-8",
    re.compile(rb"BZh\d1AY&SY"): "packed by bzip2; unpack it first",
    re.compile(rb"\xfd7zXZ"): "packed by xz; unpack it first",
    re.compile(rb"\x28\xb5\x2f\xfd"): "packed by zstd; unpack it first",
    re.compile(rb"7z\xbc\xaf"): "packed by 7-Zip; unpack it first",
    re.compile(rb"Rar!\x1a"): "packed by RAR; unpack it first",
    re.compile(rb"%PDF-"): "a PDF; export the leads as CSV",
    re.compile(rb"PAR1"): "a Parquet file; write it as CSV",
}
# An archive that holds one of these is a document.
DOCUMENTS = {
    "[Content_Types].xml": "an Excel workbook or another Office document; save it as CSV UTF-8",
    "mimetype": "an OpenDocument file; save it as CSV UTF-8",
    "Index/Document.iwa": "a Numbers document; export it as CSV",
}
DAMAGED = (EOFError, zlib.error, BadZipFile, gzip.BadGzipFile)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class CsvBytes:
    """The unpacked bytes of a file. Raises GiveUp for what cannot hold a CSV, TryAgain where there is no room."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _opened(path)
        try:
            self._unpack()
        except BaseException:
            self._file.close()
            raise

    @property
    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    @property
    def head(self) -> bytes:
        return os.pread(self._file.fileno(), HEAD, 0)

    def reader(self) -> BufferedReader:
        """Reads from the beginning, independently of other readers."""
        return BufferedReader(_Reader(self._file.fileno(), self.path), CHUNK)

    def close(self) -> None:
        self._file.close()

    def _unpack(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._replace(self._file)
        for _ in range(2):  # a file of gzip's within a zip file happens; more than that is no export
            if self.head.startswith(GZIP):
                self._replace(gzip.GzipFile(fileobj=self.reader()))
            elif self.head.startswith(ZIP):
                self._replace(_member(self.path, self._file))
        if self.head.startswith((GZIP, *ZIP)):
            raise GiveUp(f"{self.path} is packed several times; unpack it first")
        for magic, what in FOREIGN.items():
            if magic.match(self.head):
                raise GiveUp(f"{self.path} is {what}")

    def _replace(self, packed: Readable) -> None:
        former, self._file = self._file, _copied(self.path, packed)
        former.close()


class _Reader(RawIOBase):
    """Reads a file at an offset of its own. Raises GiveUp for a line that would not fit into the memory."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._at = 0
        self._line_at = 0  # at most so far back does the current line begin

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._descriptor, [buffer], self._at)
        chunk = bytes(buffer[:count])
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        if end >= 0:
            self._line_at = self._at + end
        self._at += count
        if self._at - self._line_at > LINE_LIMIT:
            raise GiveUp(f"{self._path} has a line of more than {LINE_LIMIT >> 20} MiB; is it a CSV file?")
        return count


def _opened(path: Path) -> IO[bytes]:
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise GiveUp(f"{path} cannot be opened: {error.strerror}") from None
    mode = os.fstat(file.fileno()).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        file.close()
        raise GiveUp(f"{path} is neither a file nor a pipe")
    return file


def _member(path: Path, packed: IO[bytes]) -> IO[bytes]:
    """The only file of an archive, besides what macOS and desktops add."""
    try:
        archive = ZipFile(packed)
        return archive.open(_only_entry(path, archive))
    except (NotImplementedError, RuntimeError):  # how zipfile says: an unknown method, a password
        raise GiveUp(f"{path} has a password or an unusual compression; unpack it first") from None
    except (*DAMAGED, ValueError):
        raise _damaged(path) from None


def _only_entry(path: Path, archive: ZipFile) -> ZipInfo:
    names = archive.namelist()
    document = next((what for name, what in DOCUMENTS.items() if name in names), None)
    if document is not None:
        raise GiveUp(f"{path} is {document}")
    found = [entry for entry in archive.infolist() if _is_content(entry)]
    if len(found) != 1:
        shown = ", ".join(entry.filename for entry in found[:NAMES_SHOWN])
        more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
        raise GiveUp(f"{path} holds {len(found)} files ({shown}{more}); unpack it and import one of them")
    return found[0]


def _is_content(entry: ZipInfo) -> bool:
    folder, _, name = entry.filename.rpartition("/")
    return not entry.is_dir() and not folder.startswith("__MACOSX") and not name.startswith(".")


def _copied(path: Path, packed: Readable) -> IO[bytes]:
    try:
        copy: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by the caller
    except OSError as error:
        raise _no_room(path, error) from None
    try:
        for chunk in _chunks(path, packed):
            copy.write(chunk)
    except OSError as error:
        copy.close()
        raise _no_room(path, error) from None
    except BaseException:
        copy.close()
        raise
    return copy


def _chunks(path: Path, packed: Readable) -> Iterator[bytes]:
    size = 0
    while True:
        try:
            chunk = packed.read(CHUNK)
        except DAMAGED:
            raise _damaged(path) from None
        size += len(chunk)
        if size > COPIED_LIMIT:
            raise GiveUp(
                f"{path} unpacks to more than {COPIED_LIMIT >> 20:,} MiB; unpack it first and import that file"
            )
        if not chunk:
            return
        yield chunk


def _damaged(path: Path) -> GiveUp:
    return GiveUp(f"{path} is damaged or cut off; fetch it again")


def _no_room(path: Path, error: OSError) -> TryAgain:
    place = tempfile.gettempdir()
    return TryAgain(f"{path} cannot be unpacked into {place} ({error.strerror}); make room there, or set TMPDIR")
