"""Roles and claims: who calls, and what they may see."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.frozen import Frozen

NAME_LIMIT = 200  # characters of whom a token is for, and of an owner
MOST_OWNERS = 500


class Role(StrEnum):
    ADMIN = "admin"
    EXECUTIVE = "executive"
    AGENT = "agent"
    VIEWER = "viewer"
    MONITOR = "monitor"

    @property
    def is_machine(self) -> bool:
        """Whether it is a machine's role, as of Prometheus, which reads the state of the system and no lead."""
        return self is Role.MONITOR

    @property
    def sees_attributes(self) -> bool:
        """Whether the role sees attributes; a viewer sees scores and reasons only."""
        return self not in (Role.VIEWER, Role.MONITOR)

    @property
    def sees_operations(self) -> bool:
        """Whether the role sees runs, models and alarms, which name attributes and other owners' leads."""
        return self in (Role.ADMIN, Role.EXECUTIVE)

    @property
    def sees_metrics(self) -> bool:
        """Whether the role sees metrics, whose totals include everybody's leads."""
        return self.sees_operations or self.is_machine

    @property
    def sees_own_leads_only(self) -> bool:
        return self in (Role.AGENT, Role.MONITOR)  # a monitor has none


def _printable(name: str) -> str:
    """Requires printable characters, because names appear in logs, in the audit log and on terminals."""
    if not name.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return name


class Claims(Frozen):
    """The claims of an access token; `owners` are those whose leads an agent sees."""

    sub: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT), AfterValidator(_printable)]
    role: Role
    owners: tuple[Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)], ...] = Field((), max_length=MOST_OWNERS)
    sid: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
    expires_at: datetime

    def may_see_lead_of(self, owner: str | None) -> bool:
        return not self.role.sees_own_leads_only or (owner is not None and owner in self.owners)
