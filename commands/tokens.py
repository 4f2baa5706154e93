from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from commands.options import Expiry, settings, state_dir_option
from commands.output import echo
from pipeline.errors import GiveUp
from schemas.access import Role


@click.command()
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="Role of the bearer.")
@click.option(
    "--owner", "owners", multiple=True, help="Owner whose leads an agent sees, as the CRM names them; repeatable."
)
@click.option("--expires", type=Expiry(), help="Lifetime: 90s, 30m, 12h, 7d.  [default: 12h; for a monitor 3650d]")
@click.option("--sub", default="operator", show_default=True, help="Name of the bearer.")
@click.option("--link", is_flag=True, help="Print a link to the page that signs in with the token.")
@state_dir_option
def token(
    role: str, owners: tuple[str, ...], expires: timedelta | None, sub: str, link: bool, state_dir: Path | None
) -> None:
    """Print an access token for the API, the feed and the page.

    \b
    curl -H "Authorization: Bearer $(service6 token --role admin)" http://127.0.0.1:8000/api/v1/leads
    service6 token --role agent --owner "Ada Lovelace" --expires 7d --link
    service6 token --role monitor  # for Prometheus and probes: /metrics, /health and /health/ready only
    """
    from commands import token_lifetime

    if (role == Role.AGENT) != bool(owners):
        raise click.UsageError("an agent needs --owner, and no other role takes it: the others see all leads")
    if link and Role(role).is_machine:
        raise click.UsageError("a monitor's token does not open the page: leave out --link")
    configured = settings(state_dir)
    try:
        minted = token_lifetime.token(configured, Role(role), owners=owners, sub=sub, expires=expires)
    except GiveUp as error:
        raise click.UsageError(str(error)) from None
    echo(token_lifetime.sign_in_link(configured, minted) if link else minted)
