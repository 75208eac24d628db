"""What holds of every transform's declaration."""

from __future__ import annotations

import jsonschema
import pytest

from etlrunner import registry
from tests.support.transform_driver import run_transform, schema_of

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
def test_the_example_of_its_page_is_true(verb: str):
    schema = schema_of(verb)
    worked, (options,) = schema["worked"], schema["examples"]
    made = run_transform(
        registry.component("transforms", verb), worked["rows"], worked.get("tables"), **options
    )
    assert made == [tuple(row) for row in worked["result"]]


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_default_or_is_required_or_says_what_holds_without_it(verb: str):
    schema = schema_of(verb)
    for name, part in schema["properties"].items():
        assert "default" in part or "absent" in part or name in schema["required"], name
