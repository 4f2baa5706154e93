"""`service6 up` after a supervisor was killed while some of its processes were stopped (SIGSTOP)."""

from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import NullPool, create_engine, text

from pipeline.settings.loader import embedded_servers
from tests.chaos.test_stack import Place, process
from tests.support.directories import directory
from tests.support.processes import all_gone, gone
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture
def place() -> Iterator[Place]:
    with directory() as path:
        yield Place(path / "state", free_port(), free_port())


def test_the_next_up_ends_what_was_stopped_and_finds_all_as_it_was(place: Place) -> None:
    with place.up() as first:
        first.shows("Service 6 is up", within_s=90)
        engine = create_engine(embedded_servers(place.state_dir)["DATABASE_URL"], poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 1 AS one"))
        family = first.family()
        scoring = psutil.Process(process(first, "worker", "-Q scoring"))
        postgres = psutil.Process(process(first, "bin/postgres"))
        stopped = [
            postgres,
            next(one for one in postgres.children() if "service6" in one.cmdline()[0]),
            psutil.Process(process(first, "valkey-server")),
            scoring.children()[0],
        ]
        for one in stopped:
            one.suspend()
        first.process.kill()
        eventually(lambda: gone(scoring.pid))
        assert not any(gone(one.pid) for one in stopped)
        with place.up() as again:
            again.shows("Service 6 is up", within_s=120)
            assert all_gone(family)
            engine = create_engine(embedded_servers(place.state_dir)["DATABASE_URL"], poolclass=NullPool)
            with engine.connect() as connection:
                assert connection.execute(text("SELECT one FROM kept")).scalar_one() == 1
