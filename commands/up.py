from __future__ import annotations

from pathlib import Path

import click

from commands.options import Whole, resolved, state_dir_option


@click.command()
@click.option("--sample", is_flag=True, help="Add a simulated CRM that sends leads.")
@click.option("--host", help="Address that the API listens on.  [default: 127.0.0.1]")
@click.option("--port", type=Whole(1, 65535), help="Port of the API and the page.  [default: 8000]")
@click.option("--flower-port", type=Whole(1, 65535), help="Port of Flower.  [default: 5555]")
@state_dir_option
def up(sample: bool, host: str | None, port: int | None, flower_port: int | None, state_dir: Path | None) -> None:
    """Run the whole system in this terminal; Ctrl-C stops it.

    Starts PostgreSQL and Redis too, unless DATABASE_URL and REDIS_URL name servers.
    """
    # `up` stays in memory as long as the system runs, so it loads no more than it needs.
    from workers.supervisor import up

    up.up(resolved(state_dir), sample=sample, host=host, port=port, flower_port=flower_port)
