"""Flower as we start it: its password everywhere, and no answer to a foreign name."""

from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from pipeline.settings.loader import Settings
from tests.support.serving import process
from tests.support.waiting import eventually
from workers.supervisor.embedded_server import free_port
from workers.supervisor.process_table import _flower

SECRET = {"Authorization": f"Basic {b64encode(b'service6:secret').decode()}"}


@pytest.fixture(scope="module")
def port(place: Settings) -> Iterator[int]:
    flower = place.flower.model_copy(update={"port": free_port()})
    guarded = {"FLOWER_BASIC_AUTH": "service6:secret", "SERVICE6_FLOWER__NAMES": '["Flower.example.com"]'}
    with process("flower", _flower(flower)[2:], place, SERVICE6_STATE_DIR=str(place.state_dir), **guarded):
        eventually(lambda: answer(flower.port, "/healthcheck") == 200, within_s=60)
        yield flower.port


def answer(port: int, path: str, host: str | None = None, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={**({"Host": host} if host else {}), **headers})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/", "/workers", "/api/workers"])
def test_a_stranger_is_let_in_nowhere(port: int, path: str) -> None:
    assert answer(port, path) in (401, 404)
    assert answer(port, "/metrics") == 401


@pytest.mark.parametrize("path", ["/metrics", "/workers"])
def test_whoever_has_the_password_is(port: int, path: str) -> None:
    assert answer(port, path, **SECRET) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5555", "localhost.evil.example", "127.0.0.1.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/healthcheck", "/metrics", "/static/css/flower.css"])
def test_a_foreign_name_is_refused(port: int, host: str, path: str) -> None:
    assert answer(port, path, host, **SECRET) == 421


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:5555", "192.0.2.7", "flower.example.com"]
)
def test_its_own_names_are_not(port: int, host: str) -> None:
    assert answer(port, "/healthcheck", host) == 200
    assert answer(port, "/workers", host, **SECRET) == 200
