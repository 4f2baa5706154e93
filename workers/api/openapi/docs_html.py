"""Renders the documents as one HTML page of headings, tables and folds."""

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

Json = dict[str, Any]
Row = tuple[str, str, str]  # a name, HTML, words

CODE = re.compile("`([^`]+)`")
BOUNDS = {"minimum": "from", "maximum": "to", "maxLength": "up to", "pattern": "like"}

FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Service 6: API and events</title>
<link rel="icon" href="./icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="./styles/docs.css">
</head>
<body>
<header><h1>Service 6: API and events</h1>
<p><a href="./docs/openapi.yaml">OpenAPI 3.1</a> · <a href="./docs/asyncapi.yaml">AsyncAPI 3</a>
· <a href="./">the page</a></p></header>
<nav aria-label="Contents">{contents}</nav>
<main>{main}</main>
</body>
</html>
"""


def page(api: Json, events: Json) -> str:
    tags = [tag["name"] for tag in api["tags"]]
    sections = [*tags, "live feed and queues", "schemas"]
    contents = "".join(f'<a href="#{_anchor(name)}">{escape(name.capitalize())}</a>' for name in sections)
    # One name is one model in both documents.
    schemas = {**events["components"]["schemas"], **api["components"]["schemas"]}
    parts = [
        _words(api["info"]["description"]),
        *(_tag(api, tag) for tag in api["tags"]),
        _section("live feed and queues", _words(events["info"]["description"]) + "".join(_channels(events))),
        _section("schemas", "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))),
    ]
    return FRAME.format(contents=contents, main="".join(parts))


def _tag(api: Json, tag: Json) -> str:
    operations = [
        _operation(api, path, method, operation)
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
        if tag["name"] in operation["tags"]
    ]
    return _section(tag["name"], _words(tag["description"]) + "".join(operations))


def _operation(api: Json, path: str, method: str, operation: Json) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    schemes = " or ".join(" and ".join(together) for together in operation.get("security", ())) or "none"
    inside = [
        _words(operation.get("description", "")),
        _words(f"Proof of who asks: {schemes}"),
        _table("Parameters", map(_parameter, operation.get("parameters", ()))),
        _table("Body", ((kind, _type(content["schema"]), "") for kind, content in body.items())),
        _table("Answers", (_answer(api, status, response) for status, response in operation["responses"].items())),
    ]
    title = f'<b class="{method}">{method.upper()}</b> <code>{escape(path)}</code> {escape(operation["summary"])}'
    return _fold(operation["operationId"], title, "".join(inside))


def _parameter(parameter: Json) -> Row:
    schema = parameter["schema"]
    about = parameter.get("description") or schema.get("description", "")
    return f"{parameter['name']} ({parameter['in']})", _type(schema), _said(parameter.get("required", False), about)


def _answer(api: Json, status: str, response: Json) -> Row:
    if "$ref" in response:
        response = api["components"]["responses"][response["$ref"].rpartition("/")[2]]
    kinds = [_type(content["schema"]) for content in response.get("content", {}).values() if content.get("schema")]
    headers = ", ".join(response.get("headers", ()))
    return status, kinds[0] if kinds else "", response["description"] + (f" Headers: {headers}." if headers else "")


def _channels(events: Json) -> Iterator[str]:
    messages = events["components"]["messages"]
    for name, channel in events["channels"].items():
        rows = []
        for short, reference in channel["messages"].items():
            message = messages[reference["$ref"].rpartition("/")[2]]
            rows.append((short, _type(message["payload"]), message["summary"]))
        inside = _words(channel.get("description", "")) + _table("Messages", rows)
        yield _fold(f"channel-{name}", f"<code>{escape(channel['address'])}</code>", inside)


def _schema(name: str, schema: Json) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (field, _type(kind), _said(field in needed, kind.get("description", "")))
        for field, kind in schema.get("properties", {}).items()
    ]
    values = _words("One of: " + ", ".join(map(str, schema["enum"]))) if "enum" in schema else ""
    about = _words(schema.get("description", ""))
    examples = "".join(
        f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
        for example in schema.get("examples", ())
    )
    return _fold(f"schema-{name}", escape(name), about + values + _table("Fields", rows) + examples)


def _said(needed: bool, about: str) -> str:
    return " · ".join(filter(None, ("needed" if needed else "", about)))


def _type(schema: Json) -> str:
    """The type of a schema in a word or two, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{escape(name)}</a>'
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(_type(alternative) for alternative in schema[choice])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    bounds = [f"{word} {schema[key]}" for key, word in BOUNDS.items() if key in schema]
    return escape(" ".join([schema.get("format") or schema.get("type", "anything"), *bounds]))


def _table(title: str, rows: Iterable[Row]) -> str:
    lines = [f"<tr><th scope=row>{escape(name)}<td>{kind}<td>{_inline(about)}" for name, kind, about in rows]
    if not lines:
        return ""
    # Wide ones scroll, also by keyboard.
    opening = f'<div class="table" tabindex="0" role="region" aria-label="{title}"><table><caption>{title}</caption>'
    return f"{opening}{''.join(lines)}</table></div>"


def _section(name: str, inside: str) -> str:
    return f'<section id="{_anchor(name)}"><h2>{escape(name.capitalize())}</h2>{inside}</section>'


def _fold(identity: str, title: str, inside: str) -> str:
    return f'<details id="{escape(identity)}"><summary>{title}</summary>{inside}</details>'


def _words(text: str) -> str:
    """Text as HTML: paragraphs, and lists of lines that begin with a dash."""
    written = []
    for part in text.split("\n\n"):
        lines = part.strip().split("\n")
        items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines if line.startswith("- "))
        rest = " ".join(line for line in lines if not line.startswith("- "))
        written.append((f"<p>{_inline(rest)}</p>" if rest else "") + (f"<ul>{items}</ul>" if items else ""))
    return "".join(written)


def _inline(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", escape(text))


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
