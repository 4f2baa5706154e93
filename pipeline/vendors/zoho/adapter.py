from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.zoho import body
from pipeline.vendors.zoho.client import ZohoClient
from pipeline.vendors.zoho.signature import ZohoVerifier

ADAPTER = VendorAdapter(body.read, ZohoVerifier, body.NOTIFICATION, record_reader=ZohoClient)
