"""A relay that takes nothing: mails wait untried, and go when it lets us in again."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from plugin import clock
from plugin.channels.base import SendError
from plugin.channels.email import smtp
from plugin.channels.rest import FIRST_PAUSE
from plugin.messages import outcome
from plugin.messages.send import send_messages
from plugin.settings import get_settings
from storage.shops import Shop
from tests.faults.town import free_ports
from tests.plugin.channels import scripted_relay
from tests.plugin.channels.scripted_relay import (
    Connection,
    Lines,
    Script,
    hangs_up,
    says,
)
from tests.plugin.messages.world import Accepting, World, build, use_provider

REFUSALS = {
    "password": "530 5.7.0 Authentication required",
    "sender": "550 5.1.1 <hello@dewpoint.example>: Sender address rejected: user unknown",
    "later": "452 4.3.1 Insufficient system storage",
    "hangs up": "",
}


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """The port of the relay that the settings name; nothing listens there yet."""
    (port,) = free_ports(1)
    monkeypatch.setenv("REGULARS_SMTP_URL", f"smtp://127.0.0.1:{port}")
    get_settings.cache_clear()
    yield port
    smtp.close_connection()
    get_settings.cache_clear()


def move_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + by)


def at_mail(answer: str) -> Script:
    def script(word: str, connection: Connection) -> Lines | None:
        if word != "MAIL":
            return None
        return says(answer) if answer else hangs_up()

    return script


def usual(word: str, connection: Connection) -> None:
    """As a relay that takes everything."""


def test_while_a_relay_is_away_its_mails_wait_untried_and_then_all_go(
    database: str, shop: Shop, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build(shop)
    ids = [world.queue() for _ in range(3)]
    send_messages(shop.id, ids)
    rows = [world.read(each) for each in ids]
    assert {(r.state, r.skip_reason, r.send_attempts, r.crashes, r.claimed) for r in rows} == {
        ("due", "relay_away", 0, 0, False)
    }
    (due_at,) = {row.due_at for row in rows}
    assert FIRST_PAUSE / 2 < due_at - clock.now() <= FIRST_PAUSE

    with scripted_relay.running(usual, named) as relay:
        later = world.queue()
        send_messages(shop.id, [later])
        assert world.read(later).skip_reason == "relay_away"
        assert relay.connections == 0, "it is left alone"

        move_clock(monkeypatch, timedelta(minutes=1))
        send_messages(shop.id, [*ids, later])
        assert {world.read(each).state for each in ids} == {"accepted"}
        smtp.close_connection()


@pytest.mark.parametrize("said", REFUSALS)
def test_nothing_that_is_said_before_the_recipient_gives_a_mail_up(
    world: World, named: int, said: str
) -> None:
    tries = outcome.MAX_ATTEMPTS - 1
    message_id = world.queue(send_attempts=tries)
    with scripted_relay.running(at_mail(REFUSALS[said]), named) as relay:
        send_messages(world.shop.id, [message_id])
        smtp.close_connection()

    row = world.read(message_id)
    reason = "sender_refused" if said == "sender" else "relay_away"
    assert (row.state, row.skip_reason, row.send_attempts) == ("due", reason, tries)
    assert relay.recipients == []


def test_a_sender_that_is_refused_again_and_again_is_left_alone_and_others_go(
    world: World, named: int
) -> None:
    def refuse(word: str, connection: Connection) -> Lines | None:
        return says("550 5.7.1 sender not allowed") if word == "MAIL" else None

    refused = [world.queue() for _ in range(5)]
    with scripted_relay.running(refuse, named) as relay:
        for message_id in refused[:3]:
            send_messages(world.shop.id, [message_id])
        send_messages(world.shop.id, refused[3:])
        smtp.close_connection()
        assert relay.connections == 1
    with scripted_relay.running(usual, named):
        world.change_shop(email="shop@dewpoint.example", sender_email="shop@dewpoint.example")
        other = world.queue()
        send_messages(world.shop.id, [other])
        smtp.close_connection()

    rows = [world.read(each) for each in refused]
    assert {(r.state, r.skip_reason, r.send_attempts) for r in rows} == {
        ("due", "sender_refused", 0)
    }
    assert world.read(other).state == "accepted"


def test_no_mail_is_claimed_while_its_relay_is_connected_to(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = world.queue()
    seen: list[tuple[int, bool]] = []

    class Slow(Accepting):
        def get_ready(self, sender: str) -> None:
            row = world.read(message_id)
            seen.append((row.crashes, row.claimed))

    use_provider(monkeypatch, Slow())
    send_messages(world.shop.id, [message_id])

    assert seen == [(0, False)]
    assert world.read(message_id).state == "accepted"


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA", "END"])
def test_a_line_that_breaks_ends_the_turn_and_the_others_are_free_at_once(
    world: World, named: int, word: str
) -> None:
    def hang_up(said: str, connection: Connection) -> Lines | None:
        return hangs_up() if said == word else None

    ids = [world.queue() for _ in range(3)]
    with scripted_relay.running(hang_up, named) as relay:
        send_messages(world.shop.id, ids)
        smtp.close_connection()
        assert relay.connections == 1

    first, *others = [world.read(each) for each in ids]
    reasons = {"MAIL": "relay_away", "END": "ambiguous"}
    assert first.skip_reason == reasons.get(word, "try_again")
    assert {(r.state, r.skip_reason, r.crashes, r.lease_until) for r in others} == {
        ("due", "", 0, 0.0)
    }


def test_a_sender_that_is_refused_takes_no_trial_of_the_relay_from_others(
    named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, now = get_settings().smtp_url, clock.now()
    smtp.exchanges[url].fail(now, now)
    for _ in range(5):
        smtp.senders[url, "refused@dewpoint.example"].fail(now, now)
    move_clock(monkeypatch, FIRST_PAUSE)

    with scripted_relay.running(usual, named):
        with pytest.raises(SendError, match="refuses the sender"):
            smtp.SmtpEmail().get_ready("refused@dewpoint.example")
        smtp.SmtpEmail().get_ready("hello@dewpoint.example")
