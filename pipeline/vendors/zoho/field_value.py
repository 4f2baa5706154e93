"""The values of Zoho's fields, from its notifications and from its API alike."""

from pipeline.vendors.json_body import listed, plain

# Of an object that stands for another record or a tag; one with more is a row of a subform, with values of its own.
OF_LOOK_UP = frozenset({"id", "name", "email", "full_name", "color_code", "type", "module"})


def field_value(value: object, name: str) -> object:
    """A look-up, such as the owner, as its id; choices, look-ups and tags as one text; subforms as they are."""
    if not isinstance(value, list):
        return plain(value, "id")
    choices = [_choice(one) for one in value]
    if any(isinstance(one, dict) and not one.keys() <= OF_LOOK_UP for one in choices):
        return value
    # People know tags by their names.
    return listed(choices, *(("name", "id") if name == "Tag" else ("id", "name")))


def _choice(value: object) -> object:
    """The look-up in a row that does nothing but link two records; any other value as it is."""
    if not isinstance(value, dict):
        return value
    linked = [part for key, part in value.items() if key != "id" and not key.startswith("$")]
    return linked[0] if len(linked) == 1 and isinstance(linked[0], dict) else value
