from __future__ import annotations

from pathlib import Path

import click

from commands.options import settings, state_dir_option
from commands.output import echo
from schemas.access import Role


@click.command("open")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role if not role.sees_own_leads_only]),
    default=Role.ADMIN.value,
    show_default=True,
    help="Role to sign in with.",
)
@click.option(
    "--browser/--no-browser", default=True, help="Open the link in a browser if there is one, or only print it."
)
@state_dir_option
def open_(role: str, browser: bool, state_dir: Path | None) -> None:
    """Print a new link that signs in to the page, and open it.

    The page must be running; `service6 up` starts it.
    """
    from commands import browser as browsers
    from commands import token_lifetime

    configured = settings(state_dir)
    token_lifetime.require_running(configured)
    link = token_lifetime.sign_in_link(
        configured, token_lifetime.token(configured, Role(role), owners=(), sub="operator", expires=None)
    )
    echo(link)
    if browser and browsers.open_link(configured.state_dir, link):
        echo("opened in the browser", err=True)
