"""What docs/safeguards.md and docs/odd-data.md tell people to write is what a flow takes; defaults are the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etlrunner import plan as plans
from etlrunner.config import validate
from tests.support.project import TestProject

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(
        r"^```yaml\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S
    )


BLOCKS = blocks("safeguards.md")


@pytest.mark.parametrize(
    "block", [*BLOCKS, *blocks("odd-data.md")], ids=lambda block: block.partition(":")[0]
)
def test_every_block_is_part_of_a_valid_flow(project: TestProject, block: str) -> None:
    folder = project.root / "mappings" / "crosswalks"
    folder.mkdir(parents=True)
    for name in ("users", "classes"):
        (folder / f"lakeside-isd-{name}.csv").write_text("sourcedId,known_as\nq1,1\n")
    project.csv("lakeside-isd", Path("nowhere.zip"), block)
    assert plans.make(project.project, "lakeside-isd").flow.name == "lakeside-isd"


def test_the_limits_on_the_page_are_the_defaults(project: TestProject) -> None:
    project.csv("plain", Path("nowhere.zip"))
    block = next(block for block in BLOCKS if block.startswith("safeguards:"))
    project.csv("told", Path("nowhere.zip"), re.sub(r"^  expect:.*\n", "", block, flags=re.M))
    plain, told = (validate.read_flow(project.project, name) for name in ("plain", "told"))
    assert told.safeguards == plain.safeguards
