"""HubSpot's records, read and written a hundred at a time.

https://developers.hubspot.com/docs/api/crm/contacts
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipeline.outbound.http_client import Request, Response, Unavailable
from pipeline.outbound.record import CrmRecord, attributes_of, moment
from pipeline.outbound.sync_result import Done, Failed, Gone, Rejected, SyncResult, require_available
from pipeline.vendors.crm_account import CrmAccount
from schemas.outbound import WriteBack

AT_ONCE = 100
PLURALS = {"contact": "contacts", "company": "companies", "deal": "deals", "ticket": "tickets", "lead": "leads"}
NOT_FOUND = "OBJECT_NOT_FOUND"
ERROR_LIMIT = 60  # characters of HubSpot's own word for what is wrong
MOST_ASKED = 40  # requests to find who is to blame for a bundle that is refused; two of a hundred are found with fewer


class HubSpotClient:
    """The records of one account and kind; the token is a private app's, with the scopes to read and write them."""

    at_once = AT_ONCE
    calls = 1

    def __init__(self, account: CrmAccount) -> None:
        self._http = account.http
        self._settings = account.settings
        self._url = f"{self._settings.url}/crm/v3/objects/{PLURALS.get(account.record, account.record)}/batch"
        self._headers = {"Authorization": f"Bearer {account.token}"}

    def write(self, due: Sequence[WriteBack]) -> list[SyncResult]:
        """As pipeline.outbound.sync_result.Writer."""
        # An import may have brought ids that are no record's, and one of them would spoil the whole request.
        known = [one for one in due if one.external_id.isdecimal()]
        if not known:
            return [Gone() for _ in due]
        found = self._write(known)
        if isinstance(found, Unavailable):
            found = self._apart(known, found)
        return [found.get(one.external_id, Gone()) for one in due]

    def read(self, external_ids: Sequence[str]) -> dict[str, CrmRecord]:
        """As pipeline.outbound.record.Reader."""
        known = [one for one in external_ids if one.isdecimal()]
        if not known:
            return {}
        inputs = [{"id": one} for one in known]
        answer = self._call("read", {"properties": self._settings.properties, "inputs": inputs})
        _, lost = _outcome(answer)
        if not answer.is_success and not lost:
            raise _refusal(answer)
        made = [_record(one) for one in _objects(answer.object(), "results")]
        return {one.external_id: one for one in made if one is not None}

    def _write(self, known: Sequence[WriteBack]) -> dict[str, SyncResult] | Unavailable:
        """By id what became of each; Unwell if all were refused, and nobody says whose fault it was."""
        answer = self._call("update", {"inputs": [self._input(one) for one in known]})
        saved, lost = _outcome(answer)
        if not answer.is_success and not lost:
            return _refusal(answer)
        return {one.external_id: _verdict(one, saved, lost) for one in known}

    def _apart(self, refused: Sequence[WriteBack], why: Unavailable) -> dict[str, SyncResult]:
        """Asks for halves of what is refused whole, until those that are to blame stand alone.

        Raises `why` if the first alone is refused, and so is the last: then it is no record's fault but the account's
        (a property that is missing).
        """
        if len(refused) == 1:
            raise why
        found: dict[str, SyncResult] = {one.external_id: Failed(str(why)) for one in refused}
        parts = [refused[1:-1], refused[-1:], refused[:1]]
        accepted = False
        for asked in range(MOST_ASKED):
            if not parts:
                break
            part = parts.pop()
            attributes_of = self._write(part) if part else {}
            accepted = accepted or (bool(part) and not isinstance(attributes_of, Unavailable))
            if asked == 1 and not accepted:
                raise why
            if not isinstance(attributes_of, Unavailable):
                found |= attributes_of
            elif len(part) == 1:
                found[part[0].external_id] = Rejected(str(attributes_of))
            else:
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        return found

    def _input(self, one: WriteBack) -> dict[str, object]:
        properties = {self._settings.score: f"{one.score:.1f}", self._settings.tier: one.tier}
        return {"id": one.external_id, "properties": properties}

    def _call(self, verb: str, body: Mapping[str, object]) -> Response:
        return require_available(self._http.ask(Request(f"{self._url}/{verb}", orjson.dumps(body), self._headers)))


def _outcome(answer: Response) -> tuple[set[str], set[str]]:
    """Ids that it has saved or given, and ids that it does not know."""
    body = answer.object()
    saved = {str(one.get("id")) for one in _objects(body, "results")}
    errors = [*_objects(body, "errors"), body]
    lost = {str(one) for error in errors if error.get("category") == NOT_FOUND for one in _ids(error)}
    return saved, lost


def _verdict(one: WriteBack, saved: set[str], lost: set[str]) -> SyncResult:
    if one.external_id in saved:
        return Done()
    if one.external_id in lost or not one.external_id.isdecimal():
        return Gone()
    return Failed("it was not among those saved")


def _objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = body.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _ids(error: Mapping[str, Any]) -> list[Any]:
    context = error.get("context")
    ids = context.get("ids") if isinstance(context, dict) else None
    return ids if isinstance(ids, list) else []


def _refusal(answer: Response) -> Unavailable:
    """With HubSpot's word for it; its sentences may quote a value."""
    category = str(answer.object().get("category", ""))[:ERROR_LIMIT]
    return Unavailable(f"it answers {answer.status} {category}".rstrip())


def _record(one: Mapping[str, Any]) -> CrmRecord | None:
    modified_at, properties = moment(one.get("updatedAt")), one.get("properties")
    if modified_at is None or not isinstance(properties, dict):
        return None
    return CrmRecord(str(one.get("id")), modified_at, attributes_of(properties))
