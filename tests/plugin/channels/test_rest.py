"""Rests: after failures in a row there is a growing pause, and one tries before the others."""

from datetime import UTC, datetime, timedelta

from plugin.channels.rest import FIRST_PAUSE, LONGEST_PAUSE, TRIAL, Rest

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_each_failure_in_a_row_doubles_the_pause_up_to_the_longest() -> None:
    rest, now, pauses = Rest(), AT, []
    for _ in range(9):
        assert rest.ends_at(now) is None
        pause = rest.fail(now, now)
        assert pause is not None
        assert rest.ends_at(now) == now + pause
        pauses.append(pause)
        now += pause

    assert pauses[:4] == [FIRST_PAUSE * 2**n for n in range(4)]
    assert pauses[-1] == LONGEST_PAUSE
    rest.end()
    assert rest.fail(now, now) == FIRST_PAUSE


def test_after_a_rest_one_tries_and_the_others_wait_for_what_it_finds() -> None:
    rest = Rest()
    rest.fail(AT, AT)
    then = AT + FIRST_PAUSE

    assert rest.ends_at(then) is None
    assert rest.ends_at(then) == then + TRIAL
    rest.end()
    assert rest.ends_at(then) is None


def test_some_failures_may_be_tolerated() -> None:
    rest = Rest()

    assert [rest.fail(AT, AT, tolerated=2) for _ in range(3)] == [None, None, FIRST_PAUSE]


def test_what_was_tried_before_a_rest_says_nothing_new() -> None:
    rest, soon = Rest(), AT + timedelta(seconds=1)
    assert rest.fail(AT, soon) == FIRST_PAUSE

    assert rest.fail(AT, soon + timedelta(seconds=1)) is None
    assert rest.ends_at(soon) == soon + FIRST_PAUSE


def test_a_clock_that_is_set_back_makes_no_rest_longer() -> None:
    rest = Rest()
    rest.fail(AT, AT)
    before = AT - timedelta(days=1)

    assert rest.ends_at(before) == before + LONGEST_PAUSE
    assert rest.fail(before, before) == FIRST_PAUSE * 2
