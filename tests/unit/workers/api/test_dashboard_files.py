"""The page's files: what a browser keeps, what it asks for again, and that it need not search for modules."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from workers.api.dashboard_files import FOLDER, Dashboard, imported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "index.html").write_text(
        '<script src="./app.js"></script>\n<!-- what app.js imports -->', encoding="utf-8"
    )
    (tmp_path / "app.js").write_text(
        "import { a } from './parts/a.js';\nconst later = () => import('./later.js');", encoding="utf-8"
    )
    (tmp_path / "parts" / "a.js").write_text("import '../b.js';\nexport const a = 1;", encoding="utf-8")
    (tmp_path / "b.js").write_text('export * from "./app.js";', encoding="utf-8")
    (tmp_path / "later.js").write_text("export {};", encoding="utf-8")
    return tmp_path


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def ask(page: Dashboard, path: str, method: str = "GET", **headers: str) -> Answer:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        raise AssertionError("a file needs no body")

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(page({"type": "http", "method": method, "path": path, "headers": raw}, receive, send))
    start, *rest = told
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(message["body"] for message in rest))


def linked(page: Dashboard) -> list[str]:
    body = ask(page, "/").body.decode()
    return [part.split('"')[0] for part in body.split('href="./')[1:]]


def test_the_page_names_all_that_its_first_module_needs(folder: Path) -> None:
    links = linked(Dashboard(folder))
    assert [link.split("/", 2)[2] for link in links] == ["parts/a.js", "b.js", "app.js"]


def test_the_styles_of_the_page_are_one_file_in_their_order(folder: Path) -> None:
    styles = {"b.css": "p { color: red }", "a.css": "p { color: blue }"}
    for name, text in styles.items():
        (folder / name).write_text(text, encoding="utf-8")
    links = "\n".join(f'<link rel="stylesheet" href="./{name}">' for name in styles)
    (folder / "index.html").write_text(links, encoding="utf-8")
    page = Dashboard(folder)
    [link] = linked(page)
    assert ask(page, f"/{link}").body.decode() == "\n".join(styles.values())


def test_every_import_of_the_real_page_exists() -> None:
    bodies = {file.relative_to(FOLDER).as_posix(): file.read_bytes() for file in FOLDER.rglob("*") if file.is_file()}
    found = imported(bodies, "app.js")
    assert "vendor/preact.js" in found
    assert not {"leads/lead_panel.js", "vendor/uplot.js"} & set(found)  # only when somebody opens a lead


def test_files_are_kept_for_ever_and_the_page_is_asked_for_again(folder: Path) -> None:
    page = Dashboard(folder)
    first = ask(page, "/")
    assert first.headers["cache-control"] == "no-cache"
    assert ask(page, "/", if_none_match=first.headers["etag"]).status == 304
    link = f"/{linked(page)[0]}"
    assert "immutable" in ask(page, link).headers["cache-control"]
    # What another version named is answered, and not kept under that name.
    assert ask(page, f"/static/older/{link.split('/', 3)[3]}").headers["cache-control"] == "no-cache"


def test_a_changed_file_makes_another_version(folder: Path) -> None:
    page = Dashboard(folder)
    before = linked(page)
    (folder / "b.js").write_text("export const b = 2;", encoding="utf-8")
    after = linked(page)
    assert before != after
    assert b"const b = 2" in ask(page, f"/{after[1]}").body


def test_a_browser_that_takes_gzip_gets_it(folder: Path) -> None:
    page = Dashboard(folder)
    link = f"/{linked(page)[0]}"
    packed = ask(page, link, accept_encoding="br, gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == ask(page, link).body
    assert "script-src 'self'" in packed.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/nothing", "/static/x/nothing.js", "/static/x/../../setup.cfg", "/static/app.js"])
def test_what_is_not_there_is_not_found(folder: Path, path: str) -> None:
    with pytest.raises(HTTPException, match="404"):
        ask(Dashboard(folder), path)


def test_nothing_can_be_sent_to_it(folder: Path) -> None:
    with pytest.raises(HTTPException, match="405"):
        ask(Dashboard(folder), "/", "POST")
