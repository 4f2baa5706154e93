from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.salesforce import body
from pipeline.vendors.salesforce.signature import SalesforceVerifier

ADAPTER = VendorAdapter(body.read, SalesforceVerifier)
