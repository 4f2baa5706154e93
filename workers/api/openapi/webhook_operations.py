"""The webhooks, which FastAPI does not see: one path a vendor, with the proof that it sends of who it is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from pipeline.vendors.gohighlevel import body as gohighlevel
from pipeline.vendors.hubspot import body as hubspot
from pipeline.vendors.pipedrive import body as pipedrive
from pipeline.vendors.standard import body as standard
from pipeline.vendors.zoho import body as zoho

Json = dict[str, Any]

PROBLEMS = ("400", "401", "404", "413", "422", "429", "503")
JSON, XML = "application/json", "text/xml"
ACCEPTED: Json = {"type": "object", "properties": {"status": {"const": "accepted"}}, "required": ["status"]}


@dataclass(frozen=True)
class VendorDocumentation:
    """`body`: what every body of this vendor has; None is XML. `security`: schemes of which one suffices."""

    title: str
    documentation: str
    proof: str
    body: TypeAdapter[Any] | None
    security: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    secret_in_path: bool = False


DOCUMENTED_VENDORS: Mapping[str, VendorDocumentation] = {
    "standard": VendorDocumentation(
        "Standard Webhooks",
        "https://www.standardwebhooks.com",
        "HMAC-SHA256 over id, timestamp and body; five minutes either way.",
        standard.DELIVERY,
        ("standardSignature",),
        ("webhook-id", "webhook-timestamp"),
    ),
    "hubspot": VendorDocumentation(
        "HubSpot",
        "https://developers.hubspot.com/docs/api/webhooks",
        "HMAC-SHA256 (v3) over method, address, body and timestamp; five minutes.",
        hubspot.KINDS,
        ("hubspotSignature",),
        ("X-HubSpot-Request-Timestamp",),
    ),
    "gohighlevel": VendorDocumentation(
        "GoHighLevel",
        "https://marketplace.gohighlevel.com/docs/webhook/WebhookIntegrationGuide",
        "Ed25519 over the body, or the older RSA.",
        gohighlevel.KIND,
        ("gohighlevelSignature", "gohighlevelOldSignature"),
    ),
    "pipedrive": VendorDocumentation(
        "Pipedrive",
        "https://pipedrive.readme.io/docs/guide-for-webhooks-v2",
        "HTTP Basic: Pipedrive signs nothing.",
        pipedrive.ANNOUNCEMENT,
        ("pipedriveBasic",),
    ),
    "salesforce": VendorDocumentation(
        "Salesforce outbound messages",
        "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm",
        "Salesforce signs nothing, so the secret is the last part of the address.",
        None,
        secret_in_path=True,
    ),
    "zoho": VendorDocumentation(
        "Zoho CRM notifications",
        "https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html",
        "The token of the channel, echoed in the body.",
        zoho.NOTIFICATION,
    ),
}

SCHEMES: Json = {
    "standardSignature": {"type": "apiKey", "in": "header", "name": "webhook-signature"},
    "hubspotSignature": {"type": "apiKey", "in": "header", "name": "X-HubSpot-Signature-v3"},
    "gohighlevelSignature": {"type": "apiKey", "in": "header", "name": "X-GHL-Signature"},
    "gohighlevelOldSignature": {"type": "apiKey", "in": "header", "name": "x-wh-signature"},
    "pipedriveBasic": {"type": "http", "scheme": "basic"},
}


TEXT: Json = {"schema": {"type": "string"}}


def paths(problem: Callable[[str], Json]) -> Json:
    found = {}
    for name, vendor in DOCUMENTED_VENDORS.items():
        address = f"/webhooks/{name}" + ("/{secret}" if vendor.secret_in_path else "")
        found[address] = {"post": _operation(name, vendor, problem)}
    return found


def schemas() -> Json:
    found: Json = {}
    for name, vendor in DOCUMENTED_VENDORS.items():
        if vendor.body is not None:
            prefix = name.capitalize()  # each vendor has a Kind of its own
            schema = vendor.body.json_schema(ref_template=f"#/components/schemas/{prefix}{{model}}")
            found.update({prefix + model: kind for model, kind in schema.pop("$defs", {}).items()})
            found[_schema(name)] = {**schema, "title": _schema(name)}
    return found


def _operation(name: str, vendor: VendorDocumentation, problem: Callable[[str], Json]) -> Json:
    problems = {status: problem(status) for status in PROBLEMS}
    return {
        "tags": ["webhooks"],
        "summary": vendor.title,
        "description": f"{vendor.proof} A source of another name in `sources` has an address of that name.",
        "operationId": f"receive_{name}",
        "externalDocs": {"url": vendor.documentation},
        "parameters": list(_parameters(vendor)),
        "requestBody": {"required": True, "content": _body(name, vendor)},
        "responses": {**_accepted(vendor), **(problems if vendor.body else _faults(problems))},
        "security": [{scheme: []} for scheme in vendor.security],
    }


def _parameters(vendor: VendorDocumentation) -> Iterator[Json]:
    for header in vendor.headers:
        yield {"name": header, "in": "header", "required": True, "schema": {"type": "string"}}
    if vendor.secret_in_path:
        yield {"name": "secret", "in": "path", "required": True, "schema": {"type": "string"}}


def _body(name: str, vendor: VendorDocumentation) -> Json:
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{_schema(name)}"}}} if vendor.body else {XML: TEXT}


def _accepted(vendor: VendorDocumentation) -> Json:
    about = "Saved, now or by an earlier delivery of the same."
    if vendor.body is None:
        return {"200": {"description": about, "content": {XML: TEXT}}}
    return {"202": {"description": about, "content": {JSON: {"schema": ACCEPTED}}}}


def _faults(problems: Json) -> Json:
    """To one who speaks SOAP; that there is no such door is told before anyone knows what it speaks."""
    fault = {"description": "A SOAP fault, with the status of the problem.", "content": {XML: TEXT}}
    return {status: problem if status == "404" else fault for status, problem in problems.items()}


def _schema(name: str) -> str:
    return f"{name.capitalize()}Delivery"
