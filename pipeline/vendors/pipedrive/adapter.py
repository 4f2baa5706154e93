from pipeline.vendors.adapter import VendorAdapter
from pipeline.vendors.pipedrive import body
from pipeline.vendors.pipedrive.signature import PipedriveVerifier

ADAPTER = VendorAdapter(body.read, PipedriveVerifier, body.ANNOUNCEMENT)
