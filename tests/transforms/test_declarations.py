"""What holds of every transform's declaration."""

from __future__ import annotations

import jsonschema
import pytest

from etlrunner import registry
from tests.support.transform_driver import schema_of

VERBS = sorted(registry.TRANSFORMS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_schema_is_closed_and_says_what_the_module_says(verb: str):
    schema = schema_of(verb)
    assert schema["additionalProperties"] is False
    module = registry.component("transforms", verb)
    assert schema["description"] == module.__doc__.strip()


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_is_valid(verb: str):
    schema = schema_of(verb)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["examples"]
    for example in schema["examples"]:
        jsonschema.validate(example, schema)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_default_or_is_required_or_changes_nothing_when_left_out(verb: str):
    schema = schema_of(verb)
    free = {"where"}
    for name, part in schema["properties"].items():
        assert "default" in part or name in schema["required"] or name in free, name
