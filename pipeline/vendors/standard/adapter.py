from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.standard import body
from pipeline.vendors.standard.signature import StandardVerifier

ADAPTER = VendorAdapter(body.read, StandardVerifier, body.DELIVERY)
