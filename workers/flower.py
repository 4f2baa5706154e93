"""Flower with stricter access (`celery -A workers.flower flower`): only its own names, and always a password.

Flower itself requires no password at `/metrics`, and answers to any name that a browser was tricked into resolving to
this machine (DNS rebinding).
"""

from ipaddress import ip_address
from typing import Any

from flower import command
from flower.app import Flower
from flower.views.monitor import Metrics
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler, authenticated

from pipeline.settings import loader
from workers.broker import app

__all__ = ["app"]

MISDIRECTED = 421
OWN_NAMES = frozenset({"localhost"})


class Misdirected(RequestHandler):
    def prepare(self) -> None:
        self.set_status(MISDIRECTED)
        self.set_header("Content-Type", "text/plain")
        self.finish("Flower does not answer to this name; SERVICE6_FLOWER__NAMES says to which it does.\n")


class PrivateMetrics(Metrics):  # type: ignore[misc]
    @authenticated
    async def get(self) -> None:
        await super().get()


class GuardedFlower(Flower):  # type: ignore[misc]
    names = OWN_NAMES

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        if not self.answers_to(request.host_name):
            return self.get_handler_delegate(request, Misdirected)
        if request.path.rstrip("/").endswith("/metrics"):
            return self.get_handler_delegate(request, PrivateMetrics)
        return super().find_handler(request, **options)

    def answers_to(self, name: str) -> bool:
        """Whether Flower answers to the name: an IP address, or one of its names."""
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return name.lower() in self.names
        return True


GuardedFlower.names = OWN_NAMES | {name.lower() for name in loader.load().flower.names}
command.Flower = GuardedFlower  # which the command `flower` runs
