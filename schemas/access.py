"""Who asks, and what they may see."""

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
        """Prometheus and its like, which live on without a person: they read how the system is, and no lead."""
        return self is Role.MONITOR

    @property
    def sees_attributes(self) -> bool:
        """A viewer learns scores and reasons, not what the lead told us."""
        return self not in (Role.VIEWER, Role.MONITOR)

    @property
    def sees_operations(self) -> bool:
        """Runs, models and alarms: their words hold attributes and other people's leads."""
        return self in (Role.ADMIN, Role.EXECUTIVE)

    @property
    def sees_metrics(self) -> bool:
        """Their totals are of everybody's leads."""
        return self.sees_operations or self.is_machine

    @property
    def sees_own_leads_only(self) -> bool:
        return self in (Role.AGENT, Role.MONITOR)  # a monitor has none


def _printable(name: str) -> str:
    """It stands in logs, in the audit and on terminals: nothing in it may steer them, or hide."""
    if not name.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return name


class Claims(Frozen):
    """What an access token says of its bearer; `owners` are those whose leads an agent sees."""

    sub: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT), AfterValidator(_printable)]
    role: Role
    owners: tuple[Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)], ...] = Field((), max_length=MOST_OWNERS)
    sid: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
    expires_at: datetime

    def may_see_lead_of(self, owner: str | None) -> bool:
        return not self.role.sees_own_leads_only or (owner is not None and owner in self.owners)
