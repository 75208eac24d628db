"""Every name that a flow may use, and the module behind it, loaded when it is used.

To add a component: its module, `schemas/<shelf>/<name>.json`, one line here, one test.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

SOURCES = {
    "skyward": "etlrunner.sources.rest",
    "oneroster": "etlrunner.sources.rest",
    "oneroster-csv": "etlrunner.sources.oneroster_csv",
    "rest": "etlrunner.sources.rest",
    "asm-zip": "etlrunner.sources.asm_zip",
    "table-file": "etlrunner.sources.table_file",
    "database": "etlrunner.sources.database",
}

TRANSFORMS = {
    "add": "etlrunner.transforms.add",
    "collect": "etlrunner.transforms.collect",
    "dedupe": "etlrunner.transforms.dedupe",
    "explode": "etlrunner.transforms.explode",
    "fill": "etlrunner.transforms.fill",
    "filter": "etlrunner.transforms.filter",
    "join": "etlrunner.transforms.join",
    "number": "etlrunner.transforms.number",
    "pivot": "etlrunner.transforms.pivot",
    "sort": "etlrunner.transforms.sort",
    "union": "etlrunner.transforms.union",
    "unpivot": "etlrunner.transforms.unpivot",
}

CHECKS = {
    "apple-school-manager": "etlrunner.checks.apple_school_manager",
    "references": "etlrunner.checks.references",
    "policy": "etlrunner.checks.policy",
}

SINKS = {
    "apple-school-manager": "etlrunner.sinks.apple_school_manager",
    "sftp": "etlrunner.sinks.sftp",
    "local-folder": "etlrunner.sinks.local_folder",
}

SHELVES = {
    "sources": SOURCES,
    "transforms": TRANSFORMS,
    "checks": CHECKS,
    "sinks": SINKS,
}


def component(shelf: str, name: str) -> ModuleType:
    """The module of a component; the schema has already said that the name exists."""
    return import_module(SHELVES[shelf][name])
