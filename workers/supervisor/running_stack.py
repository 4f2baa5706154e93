"""The names of the secrets that a running `service6 up` was started with; never their values."""

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import Misconfigured
from pipeline.settings.loader import embedded_servers
from workers.supervisor.state_dir import holder

NOTE = "SECRET_VARIABLES"  # in servers.json, which is there as long as the stack is
SECRET = "SERVICE6_"  # noqa: S105 - how their names begin
KINDS = ("WEBHOOK_SECRET_", "CRM_TOKEN_", "SIGNING_SECRET_", "SECRET_KEY")


def note(environment: Mapping[str, str]) -> dict[str, str]:
    """The entry of servers.json with the names of the secrets in this environment; empty if there are none."""
    given = (name for name, value in environment.items() if value.strip() and name.startswith(SECRET))
    names = sorted(name for name in given if name.removeprefix(SECRET).startswith(KINDS))
    return {NOTE: " ".join(names)} if names else {}


def variables_of_the_running_stack(state_dir: Path) -> frozenset[str]:
    """The secrets in its environment that this process lacks; empty if nothing runs."""
    if holder(state_dir) is None:
        return frozenset()
    try:
        noted = embedded_servers(state_dir).get(NOTE, "")
    except Misconfigured:
        return frozenset()
    return frozenset(name for name in noted.split() if not os.environ.get(name))
