"""F12 to F15: whatever a mail relay does, no mail is lost or goes twice, no shopper is silenced
wrongly, and only what was handed over is ever in doubt.

The mails go through the database and `send_messages` as from a sender's threads; the story's clock
is moved to when the next is due, and a slow relay's time and our patience are scaled alike.
"""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, func, select

from plugin import clock
from plugin.channels.email import connection, smtp
from plugin.messages import send as sending
from plugin.settings import get_settings
from storage import consent, message_claims
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.messages import Message, MessageState, add_messages
from storage.profiles import Profile
from storage.shops import Shop
from tests.faults.behaviours import BEHAVIOURS, Behaviour, is_gone
from tests.faults.served import tell
from tests.faults.town import free_ports
from tests.plugin.channels import scripted_relay
from tests.plugin.channels.scripted_relay import ScriptedRelay
from tests.plugin.messages.world import World, build, consent_row
from tests.sizes import PATIENCE, size

MAILS, SLOW_MAILS = size((14, 4), (300, 300))
SENDERS = 4
AT_ONCE = timedelta(seconds=20)  # what is due within so long goes together
WITHIN_S = size(60.0, 900.0)


class Story:
    """The time of the story, which only a test moves on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The real time, and what was skipped."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    """The product's clock."""
    story = Story()
    monkeypatch.setattr(clock, "now", story.now)
    return story


def queue_mails(world: World, count: int) -> None:
    """A mail of marketing to each of so many shoppers who agreed to it."""
    now = clock.now()
    with db.transaction() as session:
        rows = []
        for number in range(count):
            address, profile_id = f"shopper-{number}@example.com", new_id()
            session.add(Profile(
                shop_id=world.shop.id, id=profile_id, email=address, first_name="Ada",
                created_at=now, last_active_at=now,
            ))  # fmt: skip
            said = consent_row(world.shop.id, ConsentState.SUBSCRIBED, address)
            consent.record_consent(session, [said])
            rows.append({
                "shop_id": world.shop.id, "id": new_id(), "idempotency_key": f"mail:{number}",
                "channel": "email", "profile_id": profile_id, "event_id": world.event_id,
                "template_id": world.ids["checkout_reminder_1"], "due_at": now,
                "created_at": now,
            })  # fmt: skip
        session.flush()
        add_messages(session, rows)


@contextlib.contextmanager
def senders() -> Generator[ThreadPoolExecutor]:
    """Threads that send, each over a connection of its own."""
    last = threading.Barrier(SENDERS)

    def leave() -> None:
        last.wait(30 * PATIENCE)
        smtp.close_connection()

    with ThreadPoolExecutor(SENDERS) as pool:
        yield pool
        for each in [pool.submit(leave) for _ in range(SENDERS)]:
            each.result()


def next_due() -> datetime | None:
    """When the next unsent message is due; None when all are settled."""
    open_states = (MessageState.DUE, MessageState.SENDING)
    with db.reading() as session:
        query = select(func.min(Message.due_at)).where(col(Message.state).in_(open_states))
        found = db.across_shops(session, query, "a test looks").one()
    return found if isinstance(found, datetime) or found is None else found[0]


def send_all(shop: Shop, story: Story, look: Callable[[], None]) -> None:
    """Offer what is due to the senders, and skip the time in which nothing is."""
    until = time.monotonic() + WITHIN_S * PATIENCE
    with senders() as pool:
        while (due_at := next_due()) is not None:
            assert time.monotonic() < until
            look()
            with db.transaction() as session:
                keys = message_claims.claim_due(session, clock.now(), 5_000, transactional=False)
            ids = [message_id for _, message_id in keys]
            shares = [share for n in range(SENDERS) if (share := ids[n::SENDERS])]
            list(pool.map(lambda share: sending.send_messages(shop.id, share), shares))
            if not ids and due_at > clock.now():
                story.ahead += due_at - clock.now() + AT_ONCE
            elif not ids:
                time.sleep(0.05)


def doubled(relay: ScriptedRelay) -> int:
    """How many mails a relay has more than once."""
    return sum(times > 1 for times in Counter(relay.taken).values())


def check(relay: ScriptedRelay, behaviour: Behaviour, count: int) -> dict[str, object]:
    """What became of the mails."""
    with db.reading() as session:
        query = select(Message).where(col(Message.idempotency_key).startswith("mail:"))
        mails = [each for (each,) in db.across_shops(session, query, "a test looks")]
        silenced = {
            each.address for each in mails
            if consent.consent_state(session, each.shop_id, each.channel, each.address)
            == ConsentState.BOUNCED
        }  # fmt: skip
    gone = {each.address for each in mails if behaviour.gone and is_gone(each.address)}
    states = Counter(each.state for each in mails)
    handed = Counter(relay.recipients)
    return {
        "mails": count,
        "accepted": states[MessageState.ACCEPTED],
        "gone": states[MessageState.FAILED],
        "in_doubt": states[MessageState.AMBIGUOUS],
        "lost": sum(
            each.address not in gone if each.state == MessageState.FAILED
            else each.state == MessageState.ACCEPTED and not handed[each.address]
            for each in mails
        ) + count - states[MessageState.ACCEPTED] - states[MessageState.FAILED]
        - states[MessageState.AMBIGUOUS],
        "doubled": doubled(relay),
        "silenced_wrongly": len(silenced - gone),
        "doubted_unsent": sum(
            each.state == MessageState.AMBIGUOUS and not handed[each.address] for each in mails
        ),
        "connections": relay.connections,
    }  # fmt: skip


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.name.replace(" ", "-"))
def test_f12_f13_f14_f15_whatever_a_relay_does_no_mail_is_lost_or_doubled(
    sqlite: str, shop: Shop, story: Story, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, name in (
        (connection, "ANSWER_S"), (connection, "LEAST_S"), (smtp, "CONNECT_S"),
        (sending, "CALL_BUDGET_S"),
    ):  # fmt: skip
        if behaviour.slow:
            monkeypatch.setattr(part, name, getattr(part, name) * behaviour.scale)
    count = min(SLOW_MAILS if behaviour.slow else MAILS, behaviour.most_mails)
    queue_mails(build(shop), count)
    (port,) = free_ports(1)
    monkeypatch.setenv("REGULARS_SMTP_URL", f"smtp://127.0.0.1:{port}")
    get_settings.cache_clear()
    script, began, began_at = behaviour.script(), time.monotonic(), clock.now()
    relays: list[ScriptedRelay] = []

    with contextlib.ExitStack() as listening:

        def look() -> None:
            if not relays and clock.now() >= began_at + behaviour.refuses_for:
                relays.append(listening.enter_context(scripted_relay.running(script, port)))
            assert not relays or doubled(relays[0]) == 0

        send_all(shop, story, look)
    get_settings.cache_clear()

    figures = check(relays[0], behaviour, count)
    tell(f"relay: {behaviour.name}", **figures, story_h=round(
        (clock.now() - began_at).total_seconds() / 3600, 1),
        took_s=round(time.monotonic() - began, 1))  # fmt: skip
    wrong = ("lost", "doubled", "silenced_wrongly", "doubted_unsent")
    assert {name: figures[name] for name in wrong} == dict.fromkeys(wrong, 0)
    assert behaviour.doubts or behaviour.slow or figures["in_doubt"] == 0
    assert behaviour.gone == bool(figures["gone"])
