"""The README's figures, made from benchmarks/results: `python -m benchmarks.figures` writes them.

A test fails while the README shows others.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.record import RESULTS

README = Path(__file__).parents[1] / "README.md"
SPEED = Path(__file__).with_name("speed.md")
QUALITY = Path(__file__).with_name("quality.md")
VENDORS = {
    "standard": "Standard Webhooks",
    "hubspot": "HubSpot",
    "gohighlevel": "GoHighLevel",
    "pipedrive": "Pipedrive",
    "salesforce": "Salesforce",
    "zoho": "Zoho",
}
BLOCK = "<!-- {name}: python -m benchmarks.figures -->\n{text}<!-- end of {name} -->\n"


def current(text: str) -> str:
    """The README's text with the figures of the results."""
    results = _results()
    for name, template in (("figures", SPEED), ("quality", QUALITY)):
        start, end = BLOCK.format(name=name, text="\0").split("\0")
        block = start + template.read_text(encoding="utf-8").format(**results) + end
        text, count = re.subn(
            f"{re.escape(start)}.*?{re.escape(end)}", lambda _, block=block: block, text, flags=re.DOTALL
        )
        if count != 1:
            raise SystemExit(f"README.md must hold the lines `{start.strip()}` and `{end.strip()}` once")
    return text


def _results() -> dict[str, Any]:
    found = {path.stem: _figures(path) for path in RESULTS.glob("*.json")}
    vendors = sorted((vars(found["parse"])[name].us_a_request, shown) for name, shown in VENDORS.items())
    cheapest, dearest = (SimpleNamespace(us=us, vendor=vendor) for us, vendor in (vendors[0], vendors[-1]))
    return {**found, "cheapest": cheapest, "dearest": dearest}


def _figures(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), object_hook=lambda fields: SimpleNamespace(**fields)).figures


if __name__ == "__main__":
    README.write_text(current(README.read_text(encoding="utf-8")), encoding="utf-8")
