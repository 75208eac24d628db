"""What a run needs, loaded and not yet used: the process that runs are forked from has no threads."""

from etlrunner import (  # noqa: F401
    check,
    compare,
    deliver,
    delivery,
    engine,
    extract,
    figures,
    guard,
    package,
    pull,
    settle,
)
from etlrunner.checks import *  # noqa: F403
from etlrunner.cli import main, report, run  # noqa: F401
from etlrunner.history import store  # noqa: F401
from etlrunner.mapping import apply  # noqa: F401
from etlrunner.sinks import apple_school_manager, local_folder, sftp  # noqa: F401
from etlrunner.sources import oneroster_csv  # noqa: F401
