from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.hubspot import body
from pipeline.vendors.hubspot.client import HubSpotClient
from pipeline.vendors.hubspot.signature import HubSpotVerifier

ADAPTER = VendorAdapter(body.read, HubSpotVerifier, body.KINDS, score_writer=HubSpotClient, record_reader=HubSpotClient)
