from __future__ import annotations

import subprocess

import pytest

from etlrunner.lib import git


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Nobody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "nobody@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "flow.yaml").write_text("version: 1\n")
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    subprocess.run(["git", "-C", tmp_path, "commit", "-q", "-m", "first"], check=True)
    return tmp_path


def test_the_commit_is_named(project):
    commit = git.head(project)
    assert len(commit) >= 12
    assert set(commit) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", ["flow.yaml", "new.yaml"])
def test_files_that_differ_from_it_are_said(project, name):
    commit = git.head(project)
    (project / name).write_text("version: 2\n")
    assert git.head(project) == f"{commit}+dirty"


def test_without_git_or_a_commit_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.head(tmp_path) == ""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert git.head(tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.head(tmp_path) == ""
