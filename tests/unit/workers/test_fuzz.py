"""A few hundred broken bodies of each vendor; `python -m tests.fuzz` tries many more."""

import random
from itertools import islice
from pathlib import Path

import pytest

from tests import fuzz
from tests.crm import VENDORS, sequence
from workers.door import reader

FEW = 300


@pytest.mark.parametrize("name", VENDORS)
def test_a_broken_body_is_malformed_and_nothing_worse(name: str, tmp_path: Path) -> None:
    own = fuzz.services(tmp_path)
    made = reader(own, name)
    bodies = islice(fuzz.mutants(sequence(name), random.Random(name)), FEW)
    taken = sum(fuzz.survive(own, made, name, body) for body in bodies)
    # Or the mutations would be too tame, or too wild, to say anything.
    assert FEW // 50 < taken < FEW * 49 // 50
