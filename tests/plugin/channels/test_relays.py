"""Relays that answer oddly, slowly or not at all: what becomes of the mails."""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import pytest

from plugin.channels.base import SendError
from plugin.channels.email import connection
from plugin.channels.email.smtp import SmtpEmail, close_connection
from plugin.settings import get_settings
from tests.plugin.channels import scripted_relay
from tests.plugin.channels.scripted_relay import (
    Connection,
    Lines,
    Script,
    ScriptedRelay,
    is_silent,
    says,
)
from tests.plugin.channels.test_email import made
from tests.sizes import PATIENCE

Answering = Callable[[Script], AbstractContextManager[ScriptedRelay]]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Generator[Answering]:
    """Runs a relay of a script, and sends to it."""

    @contextmanager
    def start(script: Script) -> Generator[ScriptedRelay]:
        with scripted_relay.running(script) as relay:
            monkeypatch.setenv("REGULARS_SMTP_URL", relay.url)
            get_settings.cache_clear()
            yield relay
            close_connection()

    close_connection()
    yield start
    close_connection()
    get_settings.cache_clear()


def refusal(**changes: object) -> SendError:
    with pytest.raises(SendError) as refused:
        SmtpEmail().send(*made(**changes))
    return refused.value


def at(word: str, *lines: str, every_s: float = 0.0) -> Script:
    """Answer one command by these lines."""

    def script(said: str, connection: Connection) -> Lines | None:
        return says(*lines, every_s=every_s) if said == word else None

    return script


def test_a_relay_that_refuses_our_sender_says_nothing_of_the_recipient(
    answering: Answering,
) -> None:
    words = "550 5.1.1 <hello@dewpoint.example>: Sender address rejected: user unknown"
    for word in ("MAIL", "RCPT"):
        with answering(at(word, words)):
            refused = refusal()

        assert refused.sender_refused
        assert not refused.permanent
        assert not refused.address_doubtful


@pytest.mark.parametrize("word", ["EHLO", "RCPT", "DATA"])
def test_an_answer_of_many_slow_lines_ends_with_the_mails_time(
    answering: Answering, word: str
) -> None:
    slow = at(word, *["250-wait"] * 40, "250 OK", every_s=0.5)
    with answering(slow) as relay:
        began = time.monotonic()
        refused = refusal(deadline=began + 3)

    assert time.monotonic() - began < 3 + 2 * PATIENCE
    assert not refused.ambiguous
    assert relay.recipients == []


def test_after_two_temporary_refusals_the_next_mail_takes_a_new_connection(
    answering: Answering,
) -> None:
    def three_a_session(word: str, connection: Connection) -> Lines | None:
        return says("452 4.5.3 enough") if word == "RCPT" and connection.mails >= 3 else None

    with answering(three_a_session) as relay:
        wanted = [f"shopper-{number}@example.com" for number in range(30)]
        waiting, tries = list(wanted), 0
        while waiting and tries < 100:
            tries += 1
            try:
                SmtpEmail().send(*made(recipient=waiting[0]))
            except SendError:
                waiting.append(waiting[0])
            waiting.pop(0)

    assert sorted(relay.recipients) == sorted(wanted)
    assert (relay.connections, tries) == (10, 48)


def test_the_last_answer_may_take_as_long_as_the_mail_has(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 1.0)
    with answering(at("END", "250 2.0.0 kept", every_s=2.5)) as relay:
        SmtpEmail().send(*made())

    assert relay.recipients == ["maya@example.com"]


@pytest.mark.parametrize("line", ["what?", "", "25", "abc kept"])
def test_words_after_a_mail_that_are_no_answer_leave_it_open(
    answering: Answering, line: str
) -> None:
    with answering(at("END", line)):
        assert refusal().ambiguous


def test_a_connection_that_took_all_of_a_mails_time_is_kept_for_the_next(
    answering: Answering,
) -> None:
    with answering(at("EHLO", "250 relay.example", every_s=1.5)) as relay:
        refused = refusal(deadline=time.monotonic() + 2.2)
        SmtpEmail().send(*made())

    assert not refused.ambiguous
    assert (relay.connections, relay.recipients) == (1, ["maya@example.com"])


@pytest.mark.parametrize("word", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"])
def test_f15_a_relay_that_hangs_holds_its_sender_for_one_answer(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    assert connection.ANSWER_S <= 30
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    began = time.monotonic()
    with answering(lambda said, _: is_silent() if said == word else None):
        refused = refusal()

    assert time.monotonic() - began < 0.5 + 2 * PATIENCE
    assert (refused.permanent, refused.ambiguous) == (False, False)
    assert refused.away == (word in ("GREETING", "EHLO", "MAIL"))


def test_f15_a_relay_that_hangs_after_the_mail_holds_its_sender_for_the_mails_time(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    began = time.monotonic()
    with answering(lambda said, _: is_silent() if said == "END" else None):
        refused = refusal(deadline=began + 2)

    assert 1 < time.monotonic() - began < 2 + 2 * PATIENCE
    assert refused.ambiguous


@pytest.mark.parametrize("greeting", ["SSH-2.0-OpenSSH_9.2", "554 5.7.1 go away", "", "220"])
def test_f15_garbage_instead_of_a_greeting_or_tls_puts_the_mail_off_untried(
    answering: Answering, greeting: str
) -> None:
    def script(word: str, connection: Connection) -> Lines | None:
        if word == "GREETING" and greeting != "220":
            return says(greeting)
        if word == "EHLO":
            return says("250-relay.example", "250 STARTTLS")
        return says("220 go ahead", "HTTP/1.1 400 Bad Request") if word == "STARTTLS" else None

    with answering(script):
        refused = refusal()

    assert (refused.away, refused.permanent, refused.ambiguous) == (True, False, False)


def test_f15_a_greeting_that_comes_late_is_waited_for(answering: Answering) -> None:
    with answering(at("GREETING", "220 relay.example", every_s=1.5)) as relay:
        SmtpEmail().send(*made())

    assert relay.recipients == ["maya@example.com"]
