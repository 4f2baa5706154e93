"""Reads several values in one text: `Referral;Website`, `["a", "b"]`."""

import orjson

SEPARATORS = ";|\n"
MOST = 50  # values of one text


def parts_of(text: str) -> list[str]:
    """The values that the text lists, without space around them; one if it is no list."""
    stripped = text.strip()
    if stripped.startswith("[") and stripped.endswith("]"):
        try:
            listed = orjson.loads(stripped)
        except orjson.JSONDecodeError:
            pass
        else:
            return [str(part).strip() for part in listed if part not in (None, "")][:MOST]
    for separator in SEPARATORS:
        if separator in stripped:
            return [part.strip() for part in stripped.split(separator) if part.strip()][:MOST]
    return [stripped]
