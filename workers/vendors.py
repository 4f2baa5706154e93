"""The vendors we speak with, one line each: who reads their bodies, who checks them, how they want to be answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from pipeline.security.signatures.gohighlevel import GoHighLevelVerifier
from pipeline.security.signatures.hubspot import HubSpotVerifier
from pipeline.security.signatures.pipedrive import PipedriveVerifier
from pipeline.security.signatures.request import Verifier
from pipeline.security.signatures.salesforce import SalesforceVerifier
from pipeline.security.signatures.standard import StandardVerifier
from pipeline.security.signatures.zoho import ZohoVerifier
from pipeline.sources import Vendor
from schemas.crm import gohighlevel, hubspot, pipedrive, salesforce, standard, zoho
from schemas.crm.report import Report
from workers import soap
from workers.problems import problem

ACCEPTED = b'{"status":"accepted"}'


def accepted() -> Response:
    return Response(ACCEPTED, 202, media_type="application/json")


@dataclass(frozen=True)
class Manner:
    """One vendor's: `read(body, wanted)`, a verifier made of the source's secrets, and the answers it understands."""

    read: Callable[[bytes, str], Report]
    verifier: Callable[[Sequence[str]], Verifier]
    accepted: Callable[[], Response] = accepted
    refused: Callable[[Exception], Response] = problem
    listens: bool = False  # its sender writes for us, and mends what we refuse
    signs_uri: bool = False  # so the address must be known as the vendor knows it
    key_in_path: bool = False
    signs_for_all: bool = False  # with one key for all its customers, so accounts must tell them apart


MANNERS: Mapping[Vendor, Manner] = {
    "standard": Manner(standard.read, StandardVerifier, listens=True),
    "hubspot": Manner(hubspot.read, HubSpotVerifier, signs_uri=True),
    "gohighlevel": Manner(gohighlevel.read, GoHighLevelVerifier, signs_for_all=True),
    "pipedrive": Manner(pipedrive.read, PipedriveVerifier),
    "salesforce": Manner(salesforce.read, SalesforceVerifier, soap.accepted, soap.refused, key_in_path=True),
    "zoho": Manner(zoho.read, ZohoVerifier),
}
