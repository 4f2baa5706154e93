"""Six open doors, without a server behind them."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from pipeline.metrics import Metrics
from pipeline.settings.loader import load
from pipeline.wiring import Services
from tests.support import crm
from tests.support.keys import SECRET_KEY


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**crm.environment(), "SERVICE6_SECRET_KEY": SECRET_KEY}.items():
            patch.setenv(name, value)
        yield Services(load(tmp_path_factory.mktemp("state")), Metrics(CollectorRegistry()))
