"""What a route may be given: the process's services, and the user that its permission lets in.

A permission is declared here once and named in a route's signature; the OpenAPI document and the tests read the roles
from there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pipeline.errors import Refused
from pipeline.security import tokens
from pipeline.wiring import Services
from schemas.access import Claims, Role
from workers.api.errors import NO_METRICS, Forbidden
from workers.bearer import MISSING

PEOPLE = frozenset(role for role in Role if not role.is_machine)

bearer = HTTPBearer(
    scheme_name="accessToken", bearerFormat="JWT", auto_error=False, description="`service6 token` makes one"
)


def current_services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


CurrentServices = Annotated[Services, Depends(current_services)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


@dataclass(frozen=True)
class Permission:
    """A dependency that returns who asks, or raises Refused without a valid token and Forbidden for another role."""

    roles: frozenset[Role]
    refusal: str

    def __call__(self, services: CurrentServices, credentials: Credentials) -> Claims:
        if credentials is None:
            raise Refused(MISSING)
        key = services.settings.secret_key.get_secret_value()
        claims = tokens.verify(key, credentials.credentials, machines=True)
        if claims.role not in self.roles:
            raise Forbidden(self.refusal)
        return claims


HEALTH = Permission(frozenset(Role), "")
METRICS = Permission(frozenset(role for role in Role if role.sees_metrics), NO_METRICS)
PERSON = Permission(PEOPLE, "a monitor reads /health, /health/ready and /metrics only")
ATTRIBUTES = Permission(
    frozenset(role for role in PEOPLE if role.sees_attributes),
    "your role does not look leads up by e-mail or telephone number",
)
OPERATIONS = Permission(
    frozenset(role for role in Role if role.sees_operations), "runs, models and trainings are for admins and executives"
)
ADMIN = Permission(frozenset({Role.ADMIN}), "only an admin may do this")

HealthReader = Annotated[Claims, Depends(HEALTH)]
MetricsReader = Annotated[Claims, Depends(METRICS)]
CurrentUser = Annotated[Claims, Depends(PERSON)]
AttributesUser = Annotated[Claims, Depends(ATTRIBUTES)]
OperationsUser = Annotated[Claims, Depends(OPERATIONS)]
AdminUser = Annotated[Claims, Depends(ADMIN)]


def roles_of(route: APIRoute) -> frozenset[Role] | None:
    """The roles that every permission of the route lets in; None if it asks for no token."""
    permissions = list(_permissions(route.dependant))
    return frozenset.intersection(*(permission.roles for permission in permissions)) if permissions else None


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    if isinstance(dependant.call, Permission):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _permissions(inner)
