"""Pages for people: every link and anchor leads somewhere, and no page is out of reach."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")


def pages() -> list[str]:
    """Every Markdown file that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:  # not a checkout
        return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
    return found.stdout.split()


@pytest.mark.parametrize("page", pages())
def test_every_link_and_anchor_leads_somewhere(page: str):
    wrong = []
    for link in links(ROOT / page):
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / unquote(file) if file else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


def test_every_page_is_reached_from_the_readme():
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        todo += [(page.parent / unquote(link.partition("#")[0])).resolve() for link in links(page)]
    assert {ROOT / page for page in pages()} <= seen


def test_the_index_has_every_page():
    index = ROOT / "docs" / "README.md"
    listed = {link.partition("#")[0] for link in links(index)}
    assert {path.name for path in index.parent.glob("*.md")} - {index.name} <= listed


def test_the_held_screen_of_the_readme_is_the_one_that_was_played():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    screens = re.findall(r"^```\n(HELD .*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len(screens) == 1
    assert screens[0] in (ROOT / "docs" / "a-week.md").read_text(encoding="utf-8")


def test_anchors_are_those_of_github(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# A `code`, & more\n## It's_so\n### Twice\n### Twice\n```\n# not one\n```\n")
    assert anchors(page) == {"a-code--more", "its_so", "twice", "twice-1"}


def links(page: Path) -> list[str]:
    """Relative links, in their order; those in code are none."""
    text = "\n".join(re.sub(r"`[^`]*`", "", line) for line in prose(page))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The names that a link may say after `#`, as GitHub makes them of headings."""
    found: dict[str, int] = {}
    names = set()
    for line in prose(page):
        if heading := re.match(r"#{1,6} +(.*)", line):
            name = re.sub(r"[^\w\- ]", "", heading[1].strip().lower()).replace(" ", "-")
            count = found[name] = found.get(name, -1) + 1
            names.add(f"{name}-{count}" if count else name)
    return frozenset(names)


def prose(page: Path) -> list[str]:
    """The lines outside of fenced blocks."""
    lines: list[str] = []
    fenced = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r" *```", line):
            fenced = not fenced
        elif not fenced:
            lines.append(line)
    return lines
