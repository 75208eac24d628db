"""The plan of the house shows every layer as it is."""

from __future__ import annotations

from tests.support import inside


def test_the_page_is_fresh():
    text = inside.PAGE.read_text(encoding="utf-8")
    assert inside.page(text) == text, "run: python -m tests.support.inside"


def test_each_module_stands_in_one_layer_and_says_what_it_is_for():
    names = [name for layer in inside.layers() for name in layer]
    there = {path.stem for path in (inside.ROOT / "etlrunner").iterdir()} - {
        "__init__",
        "__pycache__",
        "py",
    }
    assert sorted(names) == sorted(there)
