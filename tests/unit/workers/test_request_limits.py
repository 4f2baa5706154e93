"""Who counts as whom, and what is too much."""

import pytest

from pipeline.errors import TryAgain
from pipeline.settings.loader import load
from pipeline.settings.sections import ApiSettings
from workers.api.errors import QueueFull
from workers.request_limits import Client, RequestLimits


def limits(**changed: object) -> RequestLimits:
    given = load().api.model_dump() | {"request_bytes": 1000, "request_bytes_per_address": 600, **changed}
    return RequestLimits(ApiSettings.model_validate(given))


def test_an_address_may_hold_so_much_and_others_may_still() -> None:
    made = limits()
    one, other = made.client("192.0.2.1"), made.client("192.0.2.2")
    assert made.hold(one, 600) is None
    assert isinstance(made.hold(one, 1), QueueFull)
    assert made.hold(other, 300) is None
    made.release(one, 601)
    assert made.hold(one, 600) is None


def test_those_who_hold_much_are_refused_first() -> None:
    made = limits(request_bytes_per_address=900)
    greedy, modest = made.client("192.0.2.1"), made.client("192.0.2.2")
    assert made.hold(greedy, 900) is None
    assert made.hold(modest, 200) is None
    refusal = made.hold(greedy, 0)
    assert isinstance(refusal, TryAgain)
    assert not isinstance(refusal, QueueFull)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # one machine has the whole network
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_who_counts_as_one(one: str, other: str, same: bool) -> None:
    made = limits()
    assert (made.client(one) == made.client(other)) == same


def test_a_trusted_proxy_has_no_bound_of_its_own_and_names_its_clients() -> None:
    made = limits(trusted_proxies=["10.0.0.0/8", "2001:db8::/32"], connections_per_address=1)
    proxy = made.client("10.1.2.3")
    assert made.connect(proxy) is None
    assert made.connect(proxy) is None
    assert made.hold(proxy, 900) is None
    stranger = made.client("192.0.2.1")
    assert made.connect(stranger) is None
    assert isinstance(made.connect(stranger), QueueFull)
    for forwarded, named in {
        "192.0.2.7": "192.0.2.7",
        "203.0.113.9, 192.0.2.7": "192.0.2.7",  # whatever the client itself wrote stands before
        "192.0.2.7, 10.9.9.9, 2001:db8::5": "192.0.2.7",
        "": "10.1.2.3",
        "unknown": "10.1.2.3",
        "192.0.2.7, _hidden": "10.1.2.3",
        "10.9.9.9": "10.1.2.3",
    }.items():
        assert made.named_by(proxy, forwarded).address == named


def test_a_unix_sockets_peer_is_a_proxy() -> None:
    assert limits().client("") == Client("", trusted=True)


def test_nothing_is_kept_of_those_who_left() -> None:
    made = limits()
    for n in range(100):
        client = made.client(f"192.0.2.{n}")
        made.connect(client)
        made.hold(client, 5)
        made.release(client, 5)
        made.disconnect(client)
    assert not made._held
    assert not made._connections
    assert made._total == 0
