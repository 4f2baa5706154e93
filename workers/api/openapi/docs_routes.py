"""Routes of `/docs`: both documents as a page without scripts, and as files."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from workers.api.openapi.docs_html import page

COORDINATION = Path(__file__).parents[3] / "coordination"
API = COORDINATION / "unified_api_spec.yaml"
EVENTS = COORDINATION / "unified_events_spec.yaml"


def routes(headers: Mapping[str, str]) -> list[Route]:
    """The routes; they need no token, because their content is in the repository."""

    def docs(_: Request) -> Response:
        return HTMLResponse(_page(), headers=headers)

    def api(_: Request) -> Response:
        return FileResponse(API, media_type="application/yaml", headers=headers)

    def events(_: Request) -> Response:
        return FileResponse(EVENTS, media_type="application/yaml", headers=headers)

    return [Route("/docs", docs), Route("/docs/openapi.yaml", api), Route("/docs/asyncapi.yaml", events)]


@cache
def _page() -> str:
    return page(*(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) for path in (API, EVENTS)))
