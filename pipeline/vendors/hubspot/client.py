"""Reads and writes HubSpot's records, a hundred at a time.

https://developers.hubspot.com/docs/api/crm/contacts
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from pipeline.outbound.crm_record import CrmRecord, attributes_of, moment
from pipeline.outbound.http_client import Request, Response, Unavailable
from pipeline.outbound.sync_result import Done, Failed, Gone, Rejected, SyncResult, require_available
from pipeline.vendors.crm_account import CrmAccount
from schemas.outbound import WriteBack

AT_ONCE = 100
PLURALS = {"contact": "contacts", "company": "companies", "deal": "deals", "ticket": "tickets", "lead": "leads"}
NOT_FOUND = "OBJECT_NOT_FOUND"
ERROR_LIMIT = 60  # characters of HubSpot's own word for what is wrong
MOST_REQUESTS = 40  # requests to find the faulty records of a refused batch; two of a hundred need fewer


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
        """As `ScoreWriter.write`."""
        # An import may have brought ids that are no record's, and one of them would fail the whole request.
        numbered = [write_back for write_back in due if write_back.external_id.isdecimal()]
        if not numbered:
            return [Gone() for _ in due]
        results = self._write(numbered)
        if isinstance(results, Unavailable):
            results = self._write_in_parts(numbered, results)
        return [results.get(write_back.external_id, Gone()) for write_back in due]

    def read(self, external_ids: Sequence[str]) -> dict[str, CrmRecord]:
        """As `RecordReader.read`."""
        numbered = [external_id for external_id in external_ids if external_id.isdecimal()]
        if not numbered:
            return {}
        inputs = [{"id": external_id} for external_id in numbered]
        answer = self._call("read", {"properties": self._settings.properties, "inputs": inputs})
        _, lost = _outcome(answer)
        if not answer.is_success and not lost:
            raise _refusal(answer)
        records = [_record(external_id) for external_id in _objects(answer.object(), "results")]
        return {external_id.external_id: external_id for external_id in records if external_id is not None}

    def _write(self, write_backs: Sequence[WriteBack]) -> dict[str, SyncResult] | Unavailable:
        """The result of each record by id; Unavailable if all were refused without saying which is at fault."""
        answer = self._call("update", {"inputs": [self._input(write_back) for write_back in write_backs]})
        saved, lost = _outcome(answer)
        if not answer.is_success and not lost:
            return _refusal(answer)
        return {write_back.external_id: _result(write_back, saved, lost) for write_back in write_backs}

    def _write_in_parts(self, refused: Sequence[WriteBack], why: Unavailable) -> dict[str, SyncResult]:
        """Writes halves of a refused batch, and halves of those, until only the faulty records are left.

        Raises `why` if the first record and the last are each refused: then the fault is the account's
        (a property that is missing).
        """
        if len(refused) == 1:
            raise why
        results: dict[str, SyncResult] = {write_back.external_id: Failed(str(why)) for write_back in refused}
        parts = [refused[1:-1], refused[-1:], refused[:1]]
        accepted = False
        for number in range(MOST_REQUESTS):
            if not parts:
                break
            part = parts.pop()
            outcome = self._write(part) if part else {}
            accepted = accepted or (bool(part) and not isinstance(outcome, Unavailable))
            if number == 1 and not accepted:
                raise why
            if not isinstance(outcome, Unavailable):
                results |= outcome
            elif len(part) == 1:
                results[part[0].external_id] = Rejected(str(outcome))
            else:
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        return results

    def _input(self, write_back: WriteBack) -> dict[str, object]:
        properties = {self._settings.score: f"{write_back.score:.1f}", self._settings.tier: write_back.tier}
        return {"id": write_back.external_id, "properties": properties}

    def _call(self, verb: str, body: Mapping[str, object]) -> Response:
        return require_available(self._http.ask(Request(f"{self._url}/{verb}", orjson.dumps(body), self._headers)))


def _outcome(answer: Response) -> tuple[set[str], set[str]]:
    """Ids of the records in the answer, and ids that HubSpot does not know."""
    body = answer.object()
    saved = {str(record.get("id")) for record in _objects(body, "results")}
    errors = [*_objects(body, "errors"), body]
    lost = {str(record_id) for error in errors if error.get("category") == NOT_FOUND for record_id in _ids(error)}
    return saved, lost


def _result(write_back: WriteBack, saved: set[str], lost: set[str]) -> SyncResult:
    if write_back.external_id in saved:
        return Done()
    if write_back.external_id in lost or not write_back.external_id.isdecimal():
        return Gone()
    return Failed("it was not among those saved")


def _objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    objects = body.get(name)
    return [entry for entry in objects if isinstance(entry, dict)] if isinstance(objects, list) else []


def _ids(error: Mapping[str, Any]) -> list[Any]:
    context = error.get("context")
    ids = context.get("ids") if isinstance(context, dict) else None
    return ids if isinstance(ids, list) else []


def _refusal(answer: Response) -> Unavailable:
    """The refusal with HubSpot's category only, because its message may quote a value."""
    category = str(answer.object().get("category", ""))[:ERROR_LIMIT]
    return Unavailable(f"it answers {answer.status} {category}".rstrip())


def _record(fields: Mapping[str, Any]) -> CrmRecord | None:
    modified_at, properties = moment(fields.get("updatedAt")), fields.get("properties")
    if modified_at is None or not isinstance(properties, dict):
        return None
    return CrmRecord(str(fields.get("id")), modified_at, attributes_of(properties))
