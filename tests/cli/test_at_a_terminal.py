"""What is asked at a terminal: questions that stay readable, answers in any spelling, and a plain no."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run
from tests.support import terminal


def test_nothing_is_drawn_over_the_question_and_no_is_no(pinewood: Pinewood, etlrunner: Etlrunner):
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


def test_the_questions_of_init_take_what_a_newcomer_types(folder: Path):
    """Skyward's own spelling, a wrong hour, a zone without summer time; then the secrets, in words."""
    asked = [
        ("Where does the roster come from", "Skyward"),
        ("Which Skyward", "Qmlativ"),
        ("without https://", "lakeside.example.org/LakesideAPI"),
        ("a third value", "False"),
        ("Time zone [US/Central]: ", "EST"),
        ("Time zone [US/Eastern]: ", ""),
        ("At which hour", "2am"),
        ("(2 is two in the morning", "2"),
        ("Run on Saturday and Sunday too?", "False"),
        ("Store the secrets now", "y"),
        ("Skyward's key (LAKESIDE_SKYWARD_KEY; it is not shown): ", "key-canary"),
        ("Skyward's secret (LAKESIDE_SKYWARD_SECRET; it is not shown): ", "secret-canary"),
        ("Apple School Manager's user name (LAKESIDE_ASM_USERNAME", "user-canary"),
        ("Apple School Manager's password (LAKESIDE_ASM_PASSWORD", "password-canary"),
        ("Try to sign in", "no"),
    ]
    with terminal.etlrunner(folder, "init", "lakeside") as screen:
        for question, answer in asked:
            screen.asks(question)
            screen.answer(answer)
        assert screen.ends() == 0
    assert "'EST' knows no summer time; most districts mean US/Eastern" in screen.text
    assert "canary" not in screen.text
    flow = (folder / "flows" / "lakeside.yaml").read_text(encoding="utf-8")
    assert "  timezone: US/Eastern\n" in flow
    assert "  variant: qmlativ " in flow
    assert (folder / ".env").read_text(encoding="utf-8").count("canary") == 4


def test_ctrl_c_at_a_secret_leaves_a_flow_and_says_how_to_go_on(folder: Path):
    flags = ("--variant", "sms-2.0", "--domain", "a.example.org", "--timezone", "US/Central")
    more = ("--hour", "2", "--no-weekend")
    with terminal.etlrunner(folder, "init", "lakeside", *flags, *more) as screen:
        screen.asks("Store the secrets now")
        screen.answer("y")
        screen.asks("Skyward's key")
        screen.interrupt()
        assert screen.ends() == 130
    assert "The flow is written. Next: etlrunner secrets set lakeside" in screen.text
    with terminal.etlrunner(folder, "init", "lakeside") as screen:  # before nine more questions
        assert screen.ends() == 2
    assert "lakeside.yaml is there already" in screen.text
