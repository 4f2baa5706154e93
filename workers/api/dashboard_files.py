"""Serves the dashboard's files from memory: compressed, under one address per version, with a strict policy."""

import gzip
import hashlib
import mimetypes
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parents[2] / "dashboard"
INDEX = "index.html"
ENTRY = "app.js"
PREFIX = "static"
TEXT = re.compile(r"^(?:text/|application/javascript|image/svg)")
IMPORT = re.compile(r"""(?:^|[;}])\s*(?:import|export)\s*(?:[^'"()]*?\bfrom\s*)?['"](\.[^'"]+)['"]""", re.MULTILINE)
PRELOADS = "<!-- what app.js imports -->"
STYLE = re.compile(r"""<link rel="stylesheet" href="\./([^"]+)">""")
STYLES = re.compile(rf"""(?:{STYLE.pattern}\s*)+""")
JOINED = "styles.css"

# The server adds the headers that every answer has.
POLICY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'"
    )
}
ALWAYS_ASK = {"Cache-Control": "no-cache"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # another version has another address


@dataclass(frozen=True)
class File:
    body: bytes
    compressed: bytes | None
    media_type: str

    @classmethod
    def of(cls, body: bytes, name: str) -> "File":
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        if media_type == "text/javascript":
            media_type = "application/javascript"
        return cls(body, gzip.compress(body, mtime=0) if TEXT.match(media_type) else None, media_type)

    def answer(self, scope: Scope, extra: dict[str, str]) -> Response:
        headers = {**POLICY, **extra, "Vary": "Accept-Encoding"}
        if self.compressed is None or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return Response(self.body, headers=headers, media_type=self.media_type)
        return Response(self.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=self.media_type)


class Dashboard:
    """An ASGI application. Files that change are read again with the next request for the page itself."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._read()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path = scope["path"].lstrip("/")
        if path in {"", INDEX}:
            if self._newest() != self._read_at:
                self._read()
            if Headers(scope=scope).get("if-none-match") == self._etag:
                return Response(status_code=304, headers={**POLICY, **ALWAYS_ASK, "ETag": self._etag})
            return self._page.answer(scope, {**ALWAYS_ASK, "ETag": self._etag})
        # Whatever the version, for pages that were opened before an update; and without one, for /docs.
        prefix, _, rest = path.partition("/")
        file = self._files.get(rest.partition("/")[2] if prefix == PREFIX else path)
        if file is None:
            raise HTTPException(404)
        return file.answer(scope, FOR_EVER if rest.startswith(f"{self._version}/") else ALWAYS_ASK)

    def _newest(self) -> int:
        return max(path.stat().st_mtime_ns for path in self._paths())

    def _paths(self) -> Iterator[Path]:
        return (path for path in self._folder.rglob("*") if path.is_file())

    def _read(self) -> None:
        self._read_at = self._newest()
        bodies = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in sorted(self._paths())}
        digest = hashlib.sha256(b"\0".join(part for name in bodies for part in (name.encode(), bodies[name])))
        self._version = digest.hexdigest()[:12]
        self._etag = f'"{self._version}"'
        # Joined, because nothing is drawn before all are there, and each would be another round trip.
        bodies[JOINED] = b"\n".join(bodies[name] for name in STYLE.findall(bodies[INDEX].decode()))
        self._files = {name: File.of(body, name) for name, body in bodies.items()}
        links = "\n    ".join(f'<link rel="modulepreload" href="./{name}">' for name in imported(bodies, ENTRY))
        page = STYLES.sub(f'<link rel="stylesheet" href="./{JOINED}">\n    ', bodies[INDEX].decode())
        page = page.replace(PRELOADS, links).replace('"./', f'"./{PREFIX}/{self._version}/')
        self._page = File.of(page.encode(), INDEX)


def imported(bodies: dict[str, bytes], entry: str) -> list[str]:
    """The modules that `entry` needs before it runs, for preloading, so that a browser loads them at once."""
    modules: list[str] = []
    waiting = [entry]
    while waiting:
        name = waiting.pop(0)
        for target in IMPORT.findall(bodies[name].decode()):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
            if path not in modules:
                modules.append(path)
                waiting.append(path)
    return modules
