"""Unit tests reach nothing outside their process."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

# The first test that draws a text builds Unicode's tables, and would be called slow for it.
settings.register_profile("unit", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> Iterator[None]:
    # Event loops wake themselves through a pair of Unix sockets.
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
