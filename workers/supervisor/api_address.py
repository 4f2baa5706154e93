"""Where the running system answers."""

from pipeline.settings.loader import Settings, embedded_servers


def api_url(settings: Settings) -> str:
    """What `service6 up` left for other commands, else the configured host and port; without a slash at the end."""
    return embedded_servers(settings.state_dir).get("API_URL", origin(settings)).rstrip("/")


def origin(settings: Settings) -> str:
    """The API's address as seen from this machine."""
    host = "127.0.0.1" if settings.api.host in ("", "0.0.0.0") else settings.api.host  # noqa: S104
    return f"http://{host}:{settings.api.port}"
