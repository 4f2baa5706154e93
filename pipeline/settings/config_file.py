"""Reads `unified_config.yaml`, merges its environment into the defaults, and fills in variables."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import Misconfigured

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")
ENVIRONMENT = "SERVICE6_ENV"
PARTS = ("defaults", "environments")


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # ten times as fast with libyaml
    """Refuses duplicate keys: of two ports, one would be silently ignored."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} stands here twice", key.start_mark)
            seen.add(name)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def configuration(path: Path, variables: Mapping[str, str], sections: Collection[str]) -> dict[str, Any]:
    """The merged configuration. Raises Misconfigured with the place of a fault; only these `sections` are allowed."""
    document = _document(path)
    name = variables.get(ENVIRONMENT) or "development"
    if name not in document["environments"]:
        names = ", ".join(document["environments"])
        raise Misconfigured(f"{ENVIRONMENT} is {name!r}; it must be one of {names}")
    above = document["environments"][name] or {}
    for where, part in (("defaults", document["defaults"]), (f"environments.{name}", above)):
        if not isinstance(part, dict):
            raise Misconfigured(f"{path.name}: {where} must hold sections, as `api:`, each on a line of its own")
        for section in part:
            if section not in sections:
                raise Misconfigured(
                    f"{path.name}: {where} has an unknown section {section!r}{meant(section, sections)}"
                )
    merged: dict[str, Any] = _expand(merge(document["defaults"], above), variables)
    return merged


def meant(word: object, known: Collection[str]) -> str:
    """`; did you mean …?`, or an empty text if no known word is similar."""
    close = get_close_matches(str(word).lower(), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
        document = yaml.load(text, Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise Misconfigured(
            f"{path} cannot be read ({error.strerror}); put it back, or run as who may read it"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Misconfigured(f"{path.name}, line {line}: not UTF-8; save the file as UTF-8") from None
    except yaml.YAMLError as error:
        raise Misconfigured(_fault(path, error)) from None
    if not isinstance(document, dict) or not all(isinstance(document.get(part), dict) for part in PARTS):
        raise Misconfigured(
            f"{path.name} must begin with `defaults:` and end with `environments:`, with sections in both"
        )
    return document


def _fault(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    if mark is None:
        return f"{path.name}: {problem}; correct it"
    line = path.read_text(encoding="utf-8").splitlines()[mark.line : mark.line + 1]
    tab = (
        "; indent with spaces, not with a tab" if line and "\t" in line[0] else "; correct that line or the one before"
    )
    return f"{path.name}, line {mark.line + 1}, column {mark.column + 1}: {problem}{tab}"


def merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: merge(below.get(key), value) for key, value in above.items()}}
    return above


def _expand(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _expand(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_expand(value, variables) for value in node]
    if isinstance(node, str):
        return VARIABLE.sub(lambda match: _variable(match, variables), node)
    return node


def _variable(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, default = match.groups()
    value = variables.get(name) or default
    if value is None:
        raise Misconfigured(f"the configuration needs the environment variable {name}, which is not set")
    return value
