"""Folders that many tests begin with: made once in a session, and copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Hashable
from pathlib import Path


class Prepared:
    """What was made, by a key that says all that it was made from."""

    def __init__(self, new_folder: Callable[[], Path]) -> None:
        self._new_folder = new_folder
        self._made: dict[Hashable, Path] = {}

    def copy(self, key: Hashable, make: Callable[[Path], object], to: Path) -> None:
        """Lay a copy of what `make` leaves in an empty folder into `to`, over what is there.

        What it leaves must not name its own folder: paths in a flow are relative ones.
        """
        if key not in self._made:
            folder = self._new_folder()
            make(folder)
            self._made[key] = folder
        shutil.copytree(self._made[key], to, dirs_exist_ok=True)
