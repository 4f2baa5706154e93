"""Which roles each route lets in, as its permission declares it."""

from pathlib import Path

import yaml
from fastapi.routing import APIRoute

from schemas.access import Role
from tests.support.processes import ROOT
from workers.api.access import PEOPLE, roles_of
from workers.api.app import ROUTERS

PUBLIC = {"/health/live", "/health/ready"}
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
DOCUMENT = Path(ROOT, "coordination", "unified_api_spec.yaml")


def test_every_route_but_the_probes_has_a_permission() -> None:
    assert {route.path for route in ROUTES if roles_of(route) is None} == PUBLIC


def test_a_machine_reads_health_and_metrics_only() -> None:
    assert {route.path for route in ROUTES if Role.MONITOR in (roles_of(route) or ())} == {"/health", "/metrics"}


def test_only_admins_change_anything() -> None:
    changing = [route for route in ROUTES if route.methods - {"GET"}]
    open_to_others = {route.name for route in changing if roles_of(route) != {Role.ADMIN}}
    assert open_to_others == {"score_lead", "look_up"}  # which save nothing


def test_what_leads_are_shown_in_is_for_people() -> None:
    reading = [route for route in ROUTES if route.path.startswith("/api/v1/leads") and route.methods == {"GET"}]
    assert {roles_of(route) for route in reading} == {PEOPLE}


def test_the_document_names_the_roles_and_the_refusal() -> None:
    paths = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    for route in ROUTES:
        roles = roles_of(route)
        for method in route.methods:
            operation = paths[route.path_format][method.lower()]
            assert operation.get("x-roles") == (None if roles is None else sorted(roles))
            if roles is not None and PEOPLE - roles:
                assert "403" in operation["responses"], route.name
