"""A command of the program in whose middle the wall clock is set: POINT SECONDS COMMAND…"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    import os

    from etlrunner.cli import main
    from tests.support import points, wall_clock

    point, seconds, *command = sys.argv[1:]
    file = Path(os.environ["WALL_CLOCK_SHIFT"])
    points.act_at(point, lambda: wall_clock.write(file, timedelta(seconds=float(seconds))))
    main.main(command)
