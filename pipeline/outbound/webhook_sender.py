"""Sends scores as Standard Webhooks (https://www.standardwebhooks.com)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from pipeline.outbound.http_client import HttpClient, Request, Response, Unavailable
from pipeline.outbound.sync_result import Done, Failed, Rejected, SyncResult
from pipeline.security.webhook_secrets import signing_key
from schemas.outbound import WriteBack

GONE = 410


class WebhookSender:
    """Writes scores to a webhook. The id of a lead's `rev` is always the same, so that receivers recognise repeats."""

    at_once = 10
    calls = 10

    def __init__(self, http: HttpClient, url: str, secret: str) -> None:
        self._http = http
        self._url = url
        self._signer = Webhook(signing_key(secret))

    def write(self, due: Sequence[WriteBack]) -> list[SyncResult]:
        """As `ScoreWriter.write`; raises Unavailable if no request was answered."""
        answers = self._http.ask_all([self._call(write_back) for write_back in due])
        unavailable = [answer for answer in answers if isinstance(answer, Unavailable)]
        if len(unavailable) == len(answers):
            raise unavailable[0]
        return [_result(answer) for answer in answers]

    def _call(self, write_back: WriteBack) -> Request:
        body = write_back.body or ""
        now = datetime.now(UTC)
        webhook_id = f"score_{write_back.lead_id}_{write_back.rev}"
        headers = {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(webhook_id, now, body),
        }
        return Request(self._url, body.encode(), headers)


def _result(answer: Response | Unavailable) -> SyncResult:
    if isinstance(answer, Unavailable):
        return Failed(str(answer))
    if answer.is_success:
        return Done()
    if answer.status == GONE:
        return Rejected("the receiver says that it is gone for good (410)")
    return Failed(f"it answers {answer.status}", after_s=answer.after_s)
