"""Limits what unauthenticated clients may make this process hold: bytes of requests, and connections."""

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from pipeline.errors import TryAgain
from pipeline.settings.sections import ApiSettings
from workers.api.errors import QueueFull

IPV6_PREFIX = 64  # one machine has a whole network of this size to itself
ADDRESSES_KEPT = 4096  # of which we know without computing whether they are proxies


class Client(NamedTuple):
    """A client, counted by `address`; bounds per address do not apply to a trusted proxy."""

    address: str
    trusted: bool


class RequestLimits:
    """Counts by client address; one object per process.

    Requests of a trusted proxy that name their client in `X-Forwarded-For` are counted as that client's.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._bytes = settings.request_bytes
        self._bytes_per_address = settings.request_bytes_per_address
        self._connections_per_address = settings.connections_per_address
        self._proxies = settings.trusted_proxies
        self._total = 0
        self._held: dict[str, int] = {}
        self._connections: dict[str, int] = {}
        self.client = lru_cache(ADDRESSES_KEPT)(self._client)

    def connect(self, client: Client) -> TryAgain | None:
        """Counts a connection; the error if this address has too many, and then it counts all the same."""
        connections = self._connections[client.address] = self._connections.get(client.address, 0) + 1
        if connections > self._connections_per_address and not client.trusted:
            return QueueFull("this address has too many connections open; close some, and try again")
        return None

    def disconnect(self, client: Client) -> None:
        _subtract(self._connections, client.address, 1)

    def hold(self, client: Client, size: int) -> TryAgain | None:
        """Counts bytes of a request; the error if they are too many, and then they count all the same."""
        self._total += size
        held = self._held[client.address] = self._held.get(client.address, 0) + size
        if held > self._bytes_per_address and not client.trusted:
            return QueueFull("this address sends more at once than is held in memory for one; send it again")
        # Whoever holds less than an equal share goes on, or those who hold much would lock out all others.
        if self._total > self._bytes and held * len(self._held) > self._bytes:
            return TryAgain("more comes in at once than is held in memory; send it again")
        return None

    def release(self, client: Client, size: int) -> None:
        self._total -= size
        _subtract(self._held, client.address, size)

    def named_by(self, proxy: Client, forwarded: str) -> Client:
        """The client that a trusted proxy names: the last in its header that is no such proxy, or the proxy itself."""
        for host in reversed(forwarded.split(",")):
            try:
                client = self._client(host.strip())
            except ValueError:
                break
            if not client.trusted:
                return client
        return proxy

    def _client(self, host: str) -> Client:
        """Raises ValueError for what is no address."""
        if not host:  # a Unix socket's
            return Client("", trusted=True)
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        trusted = any(address in proxy for proxy in self._proxies)
        if isinstance(address, ipaddress.IPv6Address) and not trusted:
            return Client(str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False)), trusted)
        return Client(str(address), trusted)


def _subtract(counts: dict[str, int], address: str, number: int) -> None:
    remaining = counts[address] - number
    if remaining:
        counts[address] = remaining
    else:
        del counts[address]
