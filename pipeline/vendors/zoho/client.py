"""Reads Zoho's records, a hundred at a time.

https://www.zoho.com/crm/developer/docs/api/v8/get-records.html
https://www.zoho.com/accounts/protocol/oauth/web-apps/access-token-expiry.html
"""

import time
from collections.abc import Sequence
from urllib.parse import urlencode

from pipeline.errors import Misconfigured, Refused
from pipeline.outbound.crm_record import CrmRecord, attributes_of, moment
from pipeline.outbound.http_client import Request, Response, Unavailable
from pipeline.outbound.sync_result import require_available
from pipeline.vendors.crm_account import AccessToken, CrmAccount
from pipeline.vendors.zoho.field_value import field_value

EARLY_S = 60.0  # before its end a token is renewed
NOTHING = 204


class ZohoClient:
    """The records of one organisation and module.

    The account's token is client id, client secret and refresh token, with colons between. Access tokens are kept by
    client id; Zoho gives only ten in ten minutes, so they outlast this object.
    """

    at_once = 100

    def __init__(self, account: CrmAccount) -> None:
        settings = account.settings
        parts = account.token.split(":")
        if len(parts) != 3 or not all(parts):
            raise Misconfigured("the token must be client id, client secret and refresh token, with colons between")
        if settings.login_url is None:
            raise Misconfigured("crm.login_url is not set, as https://accounts.zoho.com")
        self._client, self._secret, self._refresh = parts
        self._http = account.http
        self._settings = settings
        self._login_url = settings.login_url
        self._url = f"{settings.url}/crm/v8/{account.record}"
        self._tokens = account.access_tokens

    def read(self, external_ids: Sequence[str]) -> dict[str, CrmRecord]:
        """As `RecordReader.read`."""
        query = {"ids": ",".join(external_ids), "fields": ",".join(("id", "Modified_Time", *self._settings.properties))}
        answer = self._get(f"{self._url}?{urlencode(query)}")
        if answer.status == NOTHING:
            return {}
        if not answer.is_success:
            raise Unavailable(f"it answers {answer.status}")
        entries = answer.object().get("data")
        if not isinstance(entries, list):
            raise Unavailable("its answer holds no records")
        records = [self._record(entry) for entry in entries if isinstance(entry, dict)]
        return {entry.external_id: entry for entry in records if entry is not None}

    def _record(self, fields: dict[str, object]) -> CrmRecord | None:
        modified_at = moment(fields.get("Modified_Time"))
        if modified_at is None:
            return None
        values = {name: field_value(fields.get(name), name) for name in self._settings.properties}
        return CrmRecord(str(fields.get("id")), modified_at, attributes_of(values))

    def _get(self, url: str) -> Response:
        answer = self._authorised(url)
        if answer.status == 401:
            # A token can be revoked early; a new one shows whether we have access at all.
            self._tokens.pop(self._client, None)
            answer = self._authorised(url)
        return require_available(answer)

    def _authorised(self, url: str) -> Response:
        return self._http.ask(Request(url, headers={"Authorization": f"Zoho-oauthtoken {self._token()}"}, method="GET"))

    def _token(self) -> str:
        current = self._tokens.get(self._client)
        if current is not None and time.monotonic() < current.good_until:
            return current.text
        form = {
            "grant_type": "refresh_token",
            "client_id": self._client,
            "client_secret": self._secret,
            "refresh_token": self._refresh,
        }
        answer = self._http.ask(Request(f"{self._login_url}/oauth/v2/token", urlencode(form).encode(), form=True))
        given = require_available(answer).object()
        text, seconds = given.get("access_token"), given.get("expires_in", 3600)
        if not isinstance(text, str) or not isinstance(seconds, int):
            # Zoho reports this error with status 200.
            raise Refused("it gives no access token: is the refresh token right, and not revoked?")
        self._tokens[self._client] = AccessToken(text, time.monotonic() + seconds - EARLY_S)
        return text
