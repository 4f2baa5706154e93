"""Builds the OpenAPI document: FastAPI's, completed with what FastAPI does not see."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from schemas.api import Problem
from workers.api.access import roles_of
from workers.api.openapi import examples, webhook_operations

Json = dict[str, Any]

DESCRIPTION = """\
Scores CRM leads the moment they arrive, and explains every score.

Every route but the webhooks, `/health/live`, the status of `/health/ready` and the page needs an access token;
`service6 token` makes one. A viewer sees scores and reasons but no attributes, an agent own leads only, executives and
admins all of them. A monitor, which is a machine, reads `/health`, `/health/ready` and `/metrics` and nothing else.

Errors are problem details (RFC 9457). Ids are strings. Listings continue with `next_cursor`.
"""

TAGS = {
    "leads": "Leads that have a score, the story of each, and what it would score.",
    "models": "Models that learn from outcomes, and their trainings; for admins and executives.",
    "dead letters": "Work whose last attempt failed; for admins.",
    "rescoring": "Saved leads scored again; executives watch, admins act.",
    "operations": "The state of the system, for people, load balancers and Prometheus.",
    "webhooks": "Where CRMs send their leads, each in its own format.",
}

# Why a status is answered; the problem's detail says it more exactly.
REASONS = {
    "400": "Not the agreed shape; `pointer` says where.",
    "401": "No access token, or one that is forged or has expired.",
    "403": "The reader's role does not allow it.",
    "404": "There is no such thing, or the reader may not see it.",
    "409": "It does not fit how things are now.",
    "413": "The body is too large.",
    "422": "The values are refused.",
    "429": "Too many requests; come again after `Retry-After`.",
    "503": "The database is away; come again after `Retry-After`.",
}

BUDGET = {
    "RateLimit-Policy": {"description": 'as `"user";q=1000;w=60`: requests in seconds', "schema": {"type": "string"}},
    "RateLimit": {"description": 'as `"user";r=998;t=52`: what is left, for how long', "schema": {"type": "string"}},
}

SECONDS = {"schema": {"type": "string", "pattern": r"^\d+$"}, "required": True}
HEADERS: dict[str, Json] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}},
    "429": {"Retry-After": {"description": "seconds", **SECONDS}, **BUDGET},
    "503": {"Retry-After": {"description": "seconds", **SECONDS}},
}


def document(routers: Sequence[APIRouter]) -> Json:
    app = FastAPI(
        title="Service 6",
        version="1",
        description=DESCRIPTION,
        openapi_tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router)
    openapi = app.openapi()
    openapi["servers"] = [{"url": "/"}]
    _name_roles(openapi, routers)
    for operation in _operations(openapi):
        _complete(operation)
    openapi["paths"].update(webhook_operations.paths(problem))
    components = openapi["components"]
    components["securitySchemes"].update(webhook_operations.security_schemes())
    schemas = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    schemas.update(webhook_operations.schemas())
    for name, example in examples.by_schema().items():
        schemas[name]["examples"] = [example]
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = {_name(status): _described(status) for status in REASONS}
    return openapi


def problem(status: str) -> Json:
    """The answer of this status."""
    return {"$ref": f"#/components/responses/{_name(status)}"}


def _name(status: str) -> str:
    return f"Problem{status}"


def _described(status: str) -> Json:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: Json = {"description": REASONS[status], "content": content}
    return {**described, "headers": HEADERS[status]} if status in HEADERS else described


def _name_roles(openapi: Json, routers: Iterable[APIRouter]) -> None:
    """Adds to each operation the roles that its permission lets in."""
    for route in (route for router in routers for route in router.routes):
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        roles = roles_of(route)
        if roles is None:
            continue
        for method in route.methods or ():
            openapi["paths"][route.path_format][method.lower()]["x-roles"] = sorted(map(str, roles))


def _operations(openapi: Json) -> Iterator[Json]:
    for path in openapi["paths"].values():
        yield from path.values()


def _complete(operation: Json) -> None:
    """Adds the problems that every operation of its kind may answer with; the route itself names its own."""
    operation["summary"] = operation["summary"].capitalize()
    answers = operation["responses"]
    answers.pop("422", None)  # FastAPI's own kind, which ours never is
    statuses = [str(status) for status in operation.pop("x-problems", ())]
    for status in sorted({*statuses, *_usual(operation)} - answers.keys()):
        answers[status] = problem(status)
    answers["200"]["description"] = "Done."
    if "429" in statuses:
        answers["200"]["headers"] = BUDGET


def _usual(operation: Json) -> Iterator[str]:
    parameters = operation.get("parameters", [])
    if operation.get("security"):
        yield from ("401", "503")
    if parameters or "requestBody" in operation:
        yield "400"
    if "requestBody" in operation:
        yield "413"
    if any(parameter["in"] == "path" for parameter in parameters):
        yield "404"
