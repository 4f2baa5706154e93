import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from pipeline.errors import Misconfigured, Refused
from pipeline.vendors.signed_request import MAKE_ONE, SignedRequest, matches, strong_secrets

FIT_FOR_A_PATH = re.compile("[A-Za-z0-9_-]+")


class SalesforceVerifier:
    """Salesforce signs nothing and sends no header of ours, so the secret is the last part of the address's path."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not all(map(FIT_FOR_A_PATH.fullmatch, secrets)):
            raise Misconfigured(f"the secret stands in an address: letters, digits, - and _ only ({MAKE_ONE})")
        self._secrets = strong_secrets(secrets, f"a text ({MAKE_ONE})")

    def verify(self, request: SignedRequest, _: datetime) -> None:
        given = urlsplit(request.uri).path.rpartition("/")[2]
        if not matches(given.encode(), self._secrets):
            raise Refused("there is no such address")
