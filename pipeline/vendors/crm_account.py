"""An account at a vendor's API, as its client receives it."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.outbound.http_client import HttpClient
from pipeline.settings.sources import CrmSettings


class AccessToken(NamedTuple):
    text: str
    good_until: float  # by the monotonic clock


@dataclass(frozen=True)
class CrmAccount:
    """`record`: the kind of record that is a lead. `access_tokens` outlast the client: vendors give few an hour."""

    http: HttpClient
    settings: CrmSettings
    record: str
    token: str
    access_tokens: MutableMapping[str, AccessToken]
