"""The vendors we speak with, one line each: who reads their bodies, who checks them, how they want to be answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from pipeline.settings.sources import Vendor
from pipeline.vendors.gohighlevel import body as gohighlevel
from pipeline.vendors.gohighlevel.signature import GoHighLevelVerifier
from pipeline.vendors.hubspot import body as hubspot
from pipeline.vendors.hubspot.signature import HubSpotVerifier
from pipeline.vendors.pipedrive import body as pipedrive
from pipeline.vendors.pipedrive.signature import PipedriveVerifier
from pipeline.vendors.report import WebhookReport
from pipeline.vendors.salesforce import body as salesforce
from pipeline.vendors.salesforce.signature import SalesforceVerifier
from pipeline.vendors.signed_request import Verifier
from pipeline.vendors.standard import body as standard
from pipeline.vendors.standard.signature import StandardVerifier
from pipeline.vendors.zoho import body as zoho
from pipeline.vendors.zoho.signature import ZohoVerifier
from workers.api.errors import problem
from workers.webhooks import soap

ACCEPTED = b'{"status":"accepted"}'


def accepted() -> Response:
    return Response(ACCEPTED, 202, media_type="application/json")


@dataclass(frozen=True)
class VendorAdapter:
    """One vendor's: `read(body, wanted)`, a verifier made of the source's secrets, and the answers it understands."""

    read: Callable[[bytes, str], WebhookReport]
    verifier: Callable[[Sequence[str]], Verifier]
    accepted: Callable[[], Response] = accepted
    refused: Callable[[Exception], Response] = problem
    listens: bool = False  # its sender writes for us, and mends what we refuse
    signs_uri: bool = False  # so the address must be known as the vendor knows it
    key_in_path: bool = False
    signs_for_all: bool = False  # with one key for all its customers, so accounts must tell them apart


VENDORS: Mapping[Vendor, VendorAdapter] = {
    "standard": VendorAdapter(standard.read, StandardVerifier, listens=True),
    "hubspot": VendorAdapter(hubspot.read, HubSpotVerifier, signs_uri=True),
    "gohighlevel": VendorAdapter(gohighlevel.read, GoHighLevelVerifier, signs_for_all=True),
    "pipedrive": VendorAdapter(pipedrive.read, PipedriveVerifier),
    "salesforce": VendorAdapter(salesforce.read, SalesforceVerifier, soap.accepted, soap.refused, key_in_path=True),
    "zoho": VendorAdapter(zoho.read, ZohoVerifier),
}
