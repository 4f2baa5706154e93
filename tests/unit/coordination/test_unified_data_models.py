"""The unified data models are the schemas, all of them."""

import pkgutil
from importlib import import_module
from inspect import isclass

import schemas
from coordination import unified_data_models


def schema_classes() -> dict[str, type]:
    modules = [import_module(f"schemas.{module.name}") for module in pkgutil.iter_modules(schemas.__path__)]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def test_every_public_schema_class_is_exported_as_it_is() -> None:
    exported = {name: getattr(unified_data_models, name) for name in unified_data_models.__all__}
    missing = {name for name, schema in schema_classes().items() if exported.get(name) is not schema}
    assert missing == set()


def test_what_is_exported_is_declared_in_the_schemas() -> None:
    aliases = {"UserRole", "Event", "ClientMessage"}  # the requirements' name of Role, and two unions
    assert set(unified_data_models.__all__) - aliases == schema_classes().keys()
