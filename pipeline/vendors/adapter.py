"""The interface of a vendor's code; its settings are in its `vendor.yaml`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from pipeline.outbound.crm_record import RecordReader
from pipeline.outbound.sync_result import ScoreWriter
from pipeline.vendors.crm_account import CrmAccount
from pipeline.vendors.parse_result import WebhookReport
from pipeline.vendors.signed_request import Verifier


@dataclass(frozen=True)
class VendorAdapter:
    """The code of one vendor. `read(body, record)` parses a webhook; `verifier` takes a source's secrets.

    `body`: what every body of this vendor has, for the OpenAPI document; None is XML. `score_writer` and
    `record_reader` make clients of the vendor's API and raise Misconfigured where the token has the wrong form.
    """

    read: Callable[[bytes, str], WebhookReport]
    verifier: Callable[[Sequence[str]], Verifier]
    body: TypeAdapter[Any] | None = None
    score_writer: Callable[[CrmAccount], ScoreWriter] | None = None
    record_reader: Callable[[CrmAccount], RecordReader] | None = None
