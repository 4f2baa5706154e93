"""Answers to Salesforce, which repeats a notification until it gets `Ack` true."""

from xml.sax.saxutils import escape

import orjson
from starlette.responses import Response

from workers.api.errors import problem

ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)
ACK = ENVELOPE.format(
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
)
FAULT = "<soapenv:Fault><faultcode>soapenv:{}</faultcode><faultstring>{}</faultstring></soapenv:Fault>"


def accepted() -> Response:
    return Response(ACK, 200, media_type="text/xml")


def refused(error: Exception) -> Response:
    """A SOAP fault with the status and the words of the problem."""
    response = problem(error)
    detail = escape(orjson.loads(response.body)["detail"])
    fault = FAULT.format("Server" if response.status_code >= 500 else "Client", detail)
    answer = Response(ENVELOPE.format(fault), response.status_code, media_type="text/xml")
    if "retry-after" in response.headers:
        answer.headers["retry-after"] = response.headers["retry-after"]
    return answer
