"""The registry of vendors: each is a folder and one line here."""

from importlib import import_module

from pipeline.vendors.adapter import VendorAdapter

NAMES = (
    "standard",
    "hubspot",
    "gohighlevel",
    "pipedrive",
    "salesforce",
    "zoho",
)


def _adapter(name: str) -> VendorAdapter:
    adapter: VendorAdapter = import_module(f"{__package__}.{name}.adapter").ADAPTER
    return adapter


VENDORS: dict[str, VendorAdapter] = {name: _adapter(name) for name in NAMES}
