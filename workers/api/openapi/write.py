"""`python -m workers.api.openapi.write`: writes both documents from the models."""

from pathlib import Path
from typing import Any

import yaml

from workers.api.app import ROUTERS
from workers.api.openapi import asyncapi_document, openapi_document

COORDINATION = Path(__file__).parents[3] / "coordination"
HEAD = "# Made of the models by `make spec`; changes go there.\n\n"


class _Plain(yaml.SafeDumper):
    """A dumper without anchors: repeated values are written again."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _written(dumper: _Plain, text: str) -> yaml.ScalarNode:
    """Represents text of several lines as a block."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _written)


def documents() -> dict[Path, str]:
    by_path = {
        COORDINATION / "unified_api_spec.yaml": openapi_document.document(ROUTERS),
        COORDINATION / "unified_events_spec.yaml": asyncapi_document.document(),
    }
    return {path: HEAD + _text(document) for path, document in by_path.items()}


def _text(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def main() -> None:
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
