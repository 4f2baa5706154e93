"""A queue and a vendor are declared once: one that a test adds is seen everywhere."""

import ast
import importlib
import inspect
import re
import shutil
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

import celeryconfig
from commands import source_checks
from pipeline.metrics import Metrics
from pipeline.settings import vendors
from pipeline.settings.loader import load
from pipeline.vendors import registry
from pipeline.wiring import Services
from tasks import queues
from tasks.app import app
from tasks.queues import QueueDeclaration
from workers.api.openapi import asyncapi_document, webhook_operations
from workers.supervisor import process_table
from workers.webhooks.receiver import receivers

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
SENDS = re.compile(r"\.(delay|apply_async|send_task|basic_publish)\(")


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A vendor that sends what Standard Webhooks sends."""
    folder = tmp_path / "vendors"
    for path in vendors.FOLDER.glob("*/vendor.yaml"):
        (folder / path.parent.name).mkdir(parents=True)
        shutil.copy(path, folder / path.parent.name)
    shutil.copytree(folder / "standard", folder / "invented")
    monkeypatch.setattr(vendors.vendor_files, "__defaults__", (folder,))
    monkeypatch.setitem(registry.VENDORS, "invented", registry.VENDORS["standard"])
    monkeypatch.setenv("SERVICE6_SECRET_KEY", "a-secret-key-of-thirty-two-characters-or-more")
    monkeypatch.setenv("SERVICE6_WEBHOOK_SECRET_INVENTED", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")
    return "invented"


def test_a_vendor_in_the_registry_has_a_source_a_receiver_a_check_and_a_route(vendor: str, tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.sources[vendor].won == settings.sources["standard"].won
    services = Services(settings, Metrics(CollectorRegistry()))
    assert vendor in receivers(services)
    findings = {finding.name: finding.level for finding in source_checks.examine_sources(services)}
    assert findings[f"webhooks {vendor}"] == "ok"
    assert f"/webhooks/{vendor}" in webhook_operations.paths(lambda status: {"description": status})
    assert "InventedDelivery" in webhook_operations.schemas()


def test_a_declared_queue_has_a_route_a_worker_and_a_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invented = QueueDeclaration("invented", "Nothing yet.", processes=lambda _: 3, needed=lambda _: True)
    monkeypatch.setattr(queues, "QUEUES", (*queues.QUEUES, invented))
    assert "invented" in queues.names()
    assert invented in queues.needed(load(tmp_path))
    [worker] = [
        program
        for program in process_table.applications(load(tmp_path), {}, flower_password="", sample=False)
        if program.name == "invented"
    ]
    assert worker.argv[worker.argv.index("-Q") + 1] == "invented"
    assert worker.argv[worker.argv.index("-c") + 1] == "3"
    assert "invented" in process_table.stop_order()[3]


def test_celery_knows_the_declared_queues_and_no_other() -> None:
    names = set(queues.names())
    assert {queue.name for queue in app.conf.task_queues} == names
    assert {route["queue"] for route in celeryconfig.task_routes.values()} == names
    assert {module.rpartition(".")[2] for module in celeryconfig.imports} == names


def test_compose_runs_a_worker_for_each_queue() -> None:
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    commands = {name: service.get("command", []) for name, service in services.items()}
    served = {command[command.index("-Q") + 1]: name for name, command in commands.items() if "-Q" in command}
    assert served == {name: name for name in queues.names()}
    for name in queues.names():
        started = process_table.worker(name, int(commands[name][commands[name].index("-c") + 1]))
        assert commands[name][1:] == list(started[started.index("-A") :])


def test_the_documents_describe_every_queue_and_task() -> None:
    document = asyncapi_document.document()
    assert set(queues.names()) <= document["channels"].keys()
    tasks = {name for name, task in app.tasks.items() if task.__module__.startswith("tasks.")}
    assert tasks <= document["components"]["messages"].keys()


def test_only_the_outbox_appends_to_the_outbox() -> None:
    root = COMPOSE.parent
    sources = [path for room in ("pipeline", "tasks", "workers", "commands") for path in (root / room).rglob("*.py")]
    writers = {path.name for path in sources if "INTO outbox" in path.read_text("utf-8")}
    assert writers == {"outbox.py"}


def test_a_task_only_calls_its_use_case() -> None:
    for queue in queues.QUEUES:
        module = importlib.import_module(queue.module)
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 15, f"{queue.module}.{node.name}"


def test_messages_are_sent_in_one_place() -> None:
    """Everything else collects its calls in the session, or hands them to `Services.send`."""
    sources = [path for room in ("pipeline", "tasks", "workers", "commands") for path in (ROOT / room).rglob("*.py")]
    sending = {path.relative_to(ROOT).as_posix() for path in sources if SENDS.search(path.read_text("utf-8"))}
    assert sending == {"tasks/app.py"}
