"""Every key of every file can be explained: by its name, with a value that its own schema takes."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from etlrunner.config import keys, load


def test_every_key_says_what_it_is_and_shows_a_value_that_is_allowed() -> None:
    for key in keys.every():
        assert key.description, key.place
        assert key.may_be(), key.place
        value = key.example_of[0] if key.example_of else keys.sample(key.declared)
        wrong = [error.message for error in Draft202012Validator(key.declared).iter_errors(value)]
        assert wrong == [], f"{key.file.word} {key.place}"


def test_every_example_is_yaml_as_the_program_reads_it() -> None:
    shown = {key.example() for key in keys.every()}
    assert len(shown) > 400
    for text in shown:
        assert load.load("example.yaml", f"{text}\n").data


def test_every_key_is_found_by_the_names_above_it() -> None:
    for key in dict.fromkeys(key.place for key in keys.every()):
        name = key.replace("*", "anything").replace("[]", "[0]")
        assert keys.find(name), name


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("stale_after", ["safeguards.stale_after"]),
        ("stale-after", ["safeguards.stale_after"]),
        ("schedule.weekend", ["schedule.weekend"]),
        ("safeguards.staff.max_removed", ["safeguards.staff.max_removed"]),
        ("seasons.summer.safeguards.small_change", ["seasons.*.safeguards.small_change"]),
        ("asm-zip.path", ["source.path"]),
        ("sink.path", ["sink.path"]),
        ("settings.history", ["history"]),
        ("notify[0].on", ["notify[].on", "notify[].on"]),
        ("join.many", ["transforms[].join.many"]),
        ("leave_out.students.4711.reason", ["leave_out.students.*.reason"]),
        ("columns.email_address", ["columns.*"]),
        ("rules.asm-zero-width", ["rules.*"]),
        ("students.stale_after", []),
        ("", []),
        (".", []),
    ],
)
def test_the_names_above_a_key_say_which_is_meant(words: str, places: list[str]) -> None:
    assert [key.place for key in keys.find(words)] == places
