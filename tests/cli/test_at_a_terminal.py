"""What is asked at a terminal: questions that stay readable, answers in any spelling, and a plain no."""

from __future__ import annotations

from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run
from tests.support import terminal


def test_nothing_is_drawn_over_the_question_and_no_is_no(
    pinewood: Pinewood, etlrunner: Etlrunner
):
    assert etlrunner("run").code == 6
    with terminal.etlrunner(pinewood.folder, "approve") as screen:
        screen.asks("now? [y/N]: ")
        assert screen.draws(0.5) == ""
        screen.answer("n")
        assert screen.ends() == 130
    held = last_run(etlrunner, "held")
    assert f"nothing was sent, as you answered; {held} stays held" in screen.text
    assert pinewood.sent == []
    with terminal.etlrunner(pinewood.folder, "approve", "--because", "counted") as screen:
        screen.asks("now? [y/N]: ")
        screen.answer("y")
        assert screen.ends() == 0
    assert len(pinewood.sent) == 1


def test_nobody_is_asked_about_what_cannot_be_sent(pinewood: Pinewood, etlrunner: Etlrunner):
    assert etlrunner("plan").code == 6
    with terminal.etlrunner(pinewood.folder, "approve", last_run(etlrunner, "held")) as screen:
        assert screen.ends() == 2
    assert "a plan is never sent" in screen.text
    assert "[y/N]" not in screen.text
