"""Salesforce's answers: an Ack, or a fault with the problem's status and words."""

from pipeline.errors import Malformed, TryAgain
from pipeline.vendors.xml_body import parse
from tests.support.crm import RECORDED
from workers.webhooks import soap


def test_the_acknowledgement_is_what_its_sample_is() -> None:
    assert soap.accepted().body.decode() == (RECORDED / "salesforce" / "ack.xml").read_text(encoding="utf-8").strip()


def test_a_fault_keeps_the_reason_and_when_to_come_again() -> None:
    answer = soap.refused(TryAgain("PostgreSQL <away>", after_s=7))
    fault = parse(bytes(answer.body)).child("Body").child("Fault")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert (fault.child("faultcode").text, fault.child("faultstring").text) == ("soapenv:Server", "PostgreSQL <away>")


def test_a_fault_of_the_senders() -> None:
    answer = soap.refused(Malformed("not XML", pointer=""))
    assert answer.status_code == 400
    assert b"soapenv:Client" in answer.body
