"""The addresses of the running system."""

from pipeline.settings.loader import Settings, embedded_servers

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104


def api_url(settings: Settings) -> str:
    """The API's address that `service6 up` wrote, or else the configured one; without a slash at the end."""
    return embedded_servers(settings.state_dir).get("API_URL", origin(settings)).rstrip("/")


def origin(settings: Settings) -> str:
    """The API's address as seen from this machine."""
    return _seen_from_here(settings.api.host, settings.api.port)


def flower_origin(settings: Settings) -> str:
    return _seen_from_here(settings.flower.host, settings.flower.port)


def _seen_from_here(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}"
