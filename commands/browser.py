"""Opens the page in the browser of whoever sits at this machine."""

import os
import webbrowser
from html import escape
from pathlib import Path

from workers.supervisor.state_dir import write_private

SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
PAGE = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={link}"><title>Service 6</title>\n'
)


def open_link(state_dir: Path, link: str) -> bool:
    """False where there is no screen. The link holds a token: an argument could be read by every user of the machine,
    so the browser is given a file of ours that leads there.
    """
    if os.name == "posix" and os.uname().sysname != "Darwin" and not any(map(os.environ.get, SCREENS)):
        return False
    page = state_dir / "sign-in.html"
    write_private(page, PAGE.format(link=escape(link)))
    return webbrowser.open(page.as_uri())
