from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.gohighlevel import body
from pipeline.vendors.gohighlevel.signature import GoHighLevelVerifier

ADAPTER = VendorAdapter(body.read, GoHighLevelVerifier, body.KIND)
