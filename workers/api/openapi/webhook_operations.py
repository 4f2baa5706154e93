"""Describes the webhooks, which FastAPI does not see: one path per vendor, with its proof of identity."""

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.settings.vendors import VendorSettings, vendor_files
from pipeline.vendors.registry import VENDORS

Json = dict[str, Any]

PROBLEMS = ("400", "401", "404", "413", "422", "429", "503")
JSON, XML = "application/json", "text/xml"
ACCEPTED: Json = {"type": "object", "properties": {"status": {"const": "accepted"}}, "required": ["status"]}
TEXT: Json = {"schema": {"type": "string"}}


def paths(problem: Callable[[str], Json]) -> Json:
    addresses = {}
    for name, vendor in _vendors().items():
        address = f"/webhooks/{name}" + ("/{secret}" if vendor.key_in_path else "")
        addresses[address] = {"post": _operation(name, vendor, problem)}
    return addresses


def schemas() -> Json:
    definitions: Json = {}
    for name, adapter in VENDORS.items():
        if adapter.body is not None:
            prefix = name.capitalize()  # each vendor has a Kind of its own
            schema = adapter.body.json_schema(ref_template=f"#/components/schemas/{prefix}{{model}}")
            definitions.update({prefix + model: kind for model, kind in schema.pop("$defs", {}).items()})
            definitions[_schema(name)] = {**schema, "title": _schema(name)}
    return definitions


def security_schemes() -> Json:
    return {name: scheme for vendor in _vendors().values() for name, scheme in vendor.openapi.security.items()}


def _vendors() -> dict[str, VendorSettings]:
    """The vendors as delivered, whatever this installation overrides."""
    files = vendor_files()
    return {name: VendorSettings.model_validate(files[name]) for name in VENDORS}


def _operation(name: str, vendor: VendorSettings, problem: Callable[[str], Json]) -> Json:
    problems = {status: problem(status) for status in PROBLEMS}
    soap = vendor.reply == "soap"
    return {
        "tags": ["webhooks"],
        "summary": vendor.title,
        "description": f"{vendor.proof} A source of another name in `sources` has an address of that name.",
        "operationId": f"receive_{name}",
        "externalDocs": {"url": vendor.documentation},
        "parameters": list(_parameters(vendor)),
        "requestBody": {"required": True, "content": _body(name)},
        "responses": {**_accepted(soap), **(_soap_faults(problems) if soap else problems)},
        "security": [{scheme: []} for scheme in vendor.openapi.security],
    }


def _parameters(vendor: VendorSettings) -> Iterator[Json]:
    for header in vendor.openapi.headers:
        yield {"name": header, "in": "header", "required": True, "schema": {"type": "string"}}
    if vendor.key_in_path:
        yield {"name": "secret", "in": "path", "required": True, "schema": {"type": "string"}}


def _body(name: str) -> Json:
    if VENDORS[name].body is None:
        return {XML: TEXT}
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{_schema(name)}"}}}


def _accepted(soap: bool) -> Json:
    about = "Saved, now or by an earlier delivery of the same."
    if soap:
        return {"200": {"description": about, "content": {XML: TEXT}}}
    return {"202": {"description": about, "content": {JSON: {"schema": ACCEPTED}}}}


def _soap_faults(problems: Json) -> Json:
    """An unknown source answers 404 as a problem: nobody knows yet that the sender speaks SOAP."""
    fault = {"description": "A SOAP fault, with the status of the problem.", "content": {XML: TEXT}}
    return {status: problem if status == "404" else fault for status, problem in problems.items()}


def _schema(name: str) -> str:
    return f"{name.capitalize()}Delivery"
