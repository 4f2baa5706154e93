"""A few hundred broken bodies of each vendor; `python -m tests.support.fuzz` tries many more."""

import random
from itertools import islice
from pathlib import Path

import pytest

from tests.support import fuzz
from tests.support.crm import SAMPLE_VENDORS, sequence
from workers.webhooks.receiver import body_parser

FEW = 300


@pytest.mark.parametrize("name", SAMPLE_VENDORS)
def test_a_broken_body_is_malformed_and_nothing_worse(name: str, tmp_path: Path) -> None:
    services = fuzz.fuzz_services(tmp_path)
    made = body_parser(services, name)
    bodies = islice(fuzz.mutants(sequence(name), random.Random(name)), FEW)
    taken = sum(fuzz.survive(services, made, name, body) for body in bodies)
    # Or the mutations would be too tame, or too wild, to say anything.
    assert FEW // 50 < taken < FEW * 49 // 50
