"""Checks the URLs of PostgreSQL and Redis, and converts them into the form that is used.

No error quotes a part of an address: with a password that is not percent-encoded any part may be the password.
"""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

DRIVER = "postgresql+psycopg2"
POSTGRES_SCHEMES = ("postgres", "postgresql", DRIVER)
REDIS_SCHEMES = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
REDIS_OPTIONS = ("db", "protocol", "client_name", "health_check_interval", "socket_timeout", "socket_connect_timeout")
ENCODE = "special characters of a password must be percent-encoded, as %40 for @"
# As SQLAlchemy reads it: a password may hold everything but @.
DATABASE = re.compile(
    r"(?P<scheme>[\w+]+)://(?P<user>(?:[^:/]*(?::[^@]*)?@)?)(?P<host>\[[^/?\]]+\]|[^/:?]*)(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<name>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


def database_url(text: str) -> str:
    """The URL for SQLAlchemy with psycopg2. Raises ValueError with what to change."""
    match = DATABASE.fullmatch(_clean(text))
    if match is None or match["scheme"] not in POSTGRES_SCHEMES:
        raise ValueError(
            "write postgresql://<user>:<password>@<host>:<port>/<database>; no other driver or server works"
        )
    if "@" in match["host"]:
        raise ValueError(ENCODE)
    if match["port"] is not None:
        _require_port(match["port"])
    if not match["name"]:
        raise ValueError("it names no database; end it with /<database>, as /service6")
    query = parse_qsl(match["query"] or "", keep_blank_values=True)
    host = match["host"]
    if unquote(host).startswith("/"):  # the folder of a Unix socket, as libpq writes it
        query, host = [*query, ("host", unquote(host))], ""
    port = f":{match['port']}" if match["port"] else ""
    return f"{DRIVER}://{match['user']}{host}{port}/{match['name']}" + (
        f"?{urlencode(query, safe='/:')}" if query else ""
    )


def redis_url(text: str) -> str:
    """The URL for redis-py. Raises ValueError with what to change."""
    text = _clean(text)
    given, separator, rest = text.partition("://")
    scheme = REDIS_SCHEMES.get(given)
    if scheme is None or not separator:
        raise ValueError(
            "write redis://:<password>@<host>:<port>/0; rediss:// with TLS, unix:///<path>?db=0 for a socket"
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
    except ValueError:
        raise ValueError(f"it cannot be read; {ENCODE}") from None
    _require_redis_options(parts.query, scheme)
    if scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("it names no socket; write unix:///<path>?db=0")
    else:
        _require_port(parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2] or None)
        if not re.fullmatch(r"/?\d{0,4}", parts.path, re.ASCII):
            raise ValueError("after the last / stands the database's number, as /0")
    if "#" in text:
        raise ValueError(ENCODE)
    return f"{scheme}://{rest}"


def broker_url(url: str) -> str:
    """The URL of the same Redis for Celery, which requires certificates and has its own form for sockets."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "rediss":
        query = urlencode({"ssl_cert_reqs": "required", **options}, safe="/:")
        return parts._replace(query=query).geturl()
    if parts.scheme == "unix":
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return f"redis+socket://{user}{quote(parts.path)}?virtual_host={options.get('db', '0')}"
    return url


def is_socket(url: str) -> bool:
    return url.startswith("unix:")


def without_secrets(url: str) -> str:
    """Host, port and name of a URL, for people to read."""
    if match := DATABASE.fullmatch(url) if url.startswith("postgres") else None:
        host = match["host"] or dict(parse_qsl(match["query"] or "")).get("host", "local socket")
        return f"{host}{':' if match['port'] else ''}{match['port'] or ''}/{match['name']}"
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _require_redis_options(query: str, scheme: str) -> None:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in REDIS_OPTIONS and not (scheme == "rediss" and name.startswith("ssl_")):
            options = ", ".join(REDIS_OPTIONS)
            raise ValueError(f"after its ? only these options may stand: {options}, and with rediss:// those of ssl_")
        if name == "db" and not value.isdecimal():
            raise ValueError("its option db must be a number, as ?db=0")


def _require_port(port: str | None) -> None:
    if port is not None and not (re.fullmatch(r"\d{1,5}", port, re.ASCII) and 0 < int(port) < 65536):
        raise ValueError(f"its port must be a number from 1 to 65535; {ENCODE}")


def _clean(text: str) -> str:
    text = text.strip()
    if text.startswith(("'", '"')) or any(character.isspace() for character in text):
        raise ValueError("it holds a quotation mark or a space; write it without")
    return text
