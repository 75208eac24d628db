"""A project: the folder that holds `flows/`, and what it says for all flows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etlrunner.errors import UsageError
from etlrunner.lib import shipped
from etlrunner.lib.suggest import close_to

STATE = ".etlrunner"
SUFFIX = ".yaml"


@dataclass(frozen=True)
class Project:
    """A folder in git. Cheap to make: nothing is read until somebody asks."""

    root: Path

    @classmethod
    def find(cls, start: Path, explicit: Path | None = None) -> Project:
        """The folder given, or the nearest one upwards that holds `flows/`, or `start` itself."""
        if explicit is not None:
            return cls(explicit.resolve())
        start = start.resolve()
        holding = (folder for folder in (start, *start.parents) if (folder / "flows").is_dir())
        return cls(next(holding, start))

    @property
    def state(self) -> Path:
        """This machine's state: `.etlrunner/`."""
        return self.root / STATE

    def runs_folder(self, flow: str) -> Path:
        """What the runs of a flow keep."""
        return self.state / flow / "runs"

    def flows(self) -> list[str]:
        """The names of the flows; what lies in `flows/base/` is a part of flows, not one."""
        return sorted(path.stem for path in (self.root / "flows").glob(f"*{SUFFIX}"))

    def misnamed(self) -> str:
        """What to do about a file in `flows/` that is no flow because of its name's end; empty if there is none."""
        found = sorted((self.root / "flows").glob("*.yml"))
        return f"rename flows/{found[0].name} to flows/{found[0].stem}{SUFFIX}" if found else ""

    def flow_path(self, name: str) -> Path:
        """The file of a flow by its name or path. Raises UsageError with the nearest name."""
        path = Path(name)
        if path.suffix in (SUFFIX, ".yml"):
            found = path if path.is_absolute() else Path.cwd() / path
            if found.is_file():
                return found.resolve()
            named = self.root / "flows" / f"{path.stem}{SUFFIX}"
            hint = f"did you mean the flow {path.stem}?" if named.is_file() else ""
            raise UsageError(f"there is no file {name}", hint=hint)
        found = self.root / "flows" / f"{name}{SUFFIX}"
        if not found.is_file():
            if found.with_suffix(".yml").is_file():
                raise UsageError(f"flows/{name}.yml does not end in .yaml", hint=self.misnamed())
            known = self.flows()
            listed = f"flows here: {', '.join(known)}" if known else "write one: etlrunner init"
            raise UsageError(f"there is no flow '{name}'", hint=close_to(name, known) or listed)
        return found

    def shown(self, path: Path) -> str:
        """A file's name in messages: from the project folder, or from what is shipped."""
        path = path.resolve()
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        for name in ("mappings", "definitions"):
            if path.is_relative_to(shipped.folder(name)):
                return f"etlrunner/{name}/{path.relative_to(shipped.folder(name)).as_posix()}"
        return str(path)
