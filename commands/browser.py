"""Opens the page in a browser on this machine."""

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
    """Returns False where there is no screen. The link holds a token, and every user of the machine can read the
    arguments of a process, so the browser opens a private file that redirects to the link.
    """
    if os.name == "posix" and os.uname().sysname != "Darwin" and not any(map(os.environ.get, SCREENS)):
        return False
    page = state_dir / "sign-in.html"
    write_private(page, PAGE.format(link=escape(link)))
    return webbrowser.open(page.as_uri())
