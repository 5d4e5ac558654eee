"""F28: a database that was restored from a backup sends nothing a second time."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select, update

from plugin import clock
from plugin.backups import unsent
from plugin.backups.backup import make_backup
from plugin.backups.restore import restore_backup
from plugin.errors import RegularsError
from plugin.flows import library
from plugin.flows.advance import advance_enrolments
from plugin.imports import lifecycle
from plugin.ingest.digest import digest_deliveries
from plugin.jobs import Progress
from plugin.messages import send
from plugin.settings import Settings, get_settings
from storage import coupons, flows, lists
from storage.engine import db
from storage.flows import Enrolment
from storage.imports import Import
from storage.messages import Message, MessageState
from storage.restorations import UnsentChoice
from storage.shops import Shop
from tests.faults.test_f29_repeated_jobs import deliver
from tests.plugin.channels.relay import Relay
from tests.plugin.imports import sheet
from tests.story import Story

SHOPPERS, SENT_BEFORE = 9, 3
EVERYONE = [f"shopper{number}@example.com" for number in range(SHOPPERS)]
pytestmark = pytest.mark.usefixtures("data_dir")


@pytest.fixture
def story(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Shoppers who agreed to mails; the flows are on."""
    story = Story()
    monkeypatch.setattr(clock, "now", lambda: story.at)
    library.seed_flows(shop.id)
    with db.reading() as session:
        every = [flow.id for flow in flows.flows_of(session, shop.id)]
    for flow_id in every:
        library.set_status(shop.id, flow_id, True)
    return story


def leave_checkout(story: Story, address: str) -> None:
    variant = story.store.products()[0]["variants"][0]["id"]
    story.store.subscribe_newsletter(address)
    cart = story.store.add_to_cart(None, variant)
    story.store.start_checkout(cart["token"], address)
    story.wait(seconds=1)


def advance(shop: Shop) -> list[int]:
    """Let the clock and a worker do all steps that are due; the messages to be sent."""
    digest_deliveries()
    with db.transaction() as session:
        session.connection().execute(
            update(Enrolment).where(Enrolment.shop_id == shop.id).values(lease_until=0.0)
        )
    with db.transaction() as session:
        due = [number for _, number in flows.claim_due(session, clock.now(), 1_000)]
    advance_enrolments(shop.id, due)
    with db.reading() as session:
        query = select(Message.id).where(
            Message.shop_id == shop.id, Message.state == MessageState.DUE
        )
        return sorted(session.exec(query))


def sent(relay: Relay) -> Counter[str]:
    return Counter(str(mail["To"]) for mail in relay.mails())


@pytest.fixture(params=["elsewhere", "moved"])
def place(request: pytest.FixtureRequest) -> Callable[[], Settings]:
    """The settings of an empty place: another folder, or PostgreSQL."""
    found: Callable[[], Settings] = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def restored(
    shop: Shop, story: Story, relay: Relay, tmp_path: Path, place: Callable[[], Settings]
) -> Counter[str]:
    """A copy of when a third of the first reminders was out and one webhook lay in the inbox; all
    others, and the second ones, went out of the copy that was lost. How many each shopper got.
    """
    for address in EVERYONE:
        leave_checkout(story, address)
    deliver(shop, story)
    advance(shop)
    story.wait(hours=1)
    due = advance(shop)
    assert len(due) == SHOPPERS
    send.send_messages(shop.id, due[:SENT_BEFORE])
    leave_checkout(story, "late@example.com")
    deliver(shop, story)

    make_backup(tmp_path / "backup.tar")

    send.send_messages(shop.id, due)
    for _ in range(3):
        send.send_messages(shop.id, advance(shop))
        story.wait(days=1, seconds=1)
    got = sent(relay)
    assert got == dict.fromkeys([*EVERYONE, "late@example.com"], 2)

    restore_backup(tmp_path / "backup.tar", place())
    return got


def test_f28_nothing_goes_out_before_it_is_decided(restored: Counter[str]) -> None:
    with pytest.raises(RegularsError, match="regulars unsent --count-as-sent") as refused:
        unsent.require_decision()

    assert f"{SHOPPERS - SENT_BEFORE}  email of dewpoint.myshopify.com" in refused.value.message


def test_f28_what_counts_as_sent_is_sent_by_no_part_of_the_copy(
    shop: Shop, story: Story, relay: Relay, restored: Counter[str]
) -> None:
    unsent.decide(UnsentChoice.SENT)
    unsent.require_decision()
    for _ in range(3):
        send.send_messages(shop.id, advance(shop))
        story.wait(days=1, seconds=1)

    assert sent(relay) == restored

    leave_checkout(story, "new@example.com")
    deliver(shop, story)
    advance(shop)
    story.wait(hours=1)
    send.send_messages(shop.id, advance(shop))
    assert sent(relay) == restored + Counter({"new@example.com": 1})


def test_f28_what_the_lost_copy_did_not_send_goes_out_once(
    shop: Shop, story: Story, relay: Relay, restored: Counter[str]
) -> None:
    relay.raw.clear()
    unsent.decide(UnsentChoice.SEND)
    for _ in range(3):
        send.send_messages(shop.id, advance(shop))
        story.wait(days=1, seconds=1)

    assert len(sent(relay)) >= SHOPPERS - SENT_BEFORE
    assert max(sent(relay).values()) <= 2, "the first reminder and the second"


def test_a_decision_is_asked_for_once(restored: Counter[str]) -> None:
    unsent.decide(UnsentChoice.SENT)
    with pytest.raises(RegularsError, match="Nothing is held"):
        unsent.decide(UnsentChoice.SEND)


SHEET = "email,consent\n" + "".join(f"{address},yes\n" for address in EVERYONE)
IN_A_BATCH = 4


@pytest.fixture
def importing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Import:
    """A file of all shoppers that is read a few rows at a time, into a list that welcomes them."""
    monkeypatch.setattr(lifecycle, "ROWS_BATCH_SIZE", IN_A_BATCH)
    held = sheet.upload(shop, SHEET.encode())
    with db.transaction() as session:  # each welcome gives a code
        for coupon in coupons.coupons_of(session, shop.id):
            coupons.add_codes(session, shop.id, coupon.id, [f"WELCOME-{n}" for n in range(50)])
        held.list_id = lists.lists_of(session, shop.id)[0].id
    held.starts_flows = True
    lifecycle.start_import(held)
    return held


def welcome(shop: Shop) -> bool:
    """Read some rows, and send what they start; whether there may be more."""
    progress = lifecycle.advance_import(shop.id)
    send.send_messages(shop.id, advance(shop))
    return progress is Progress.MORE


@pytest.mark.parametrize("choice", [UnsentChoice.SENT, UnsentChoice.SEND])
def test_f28_an_import_that_goes_on_welcomes_no_one_twice(
    shop: Shop,
    story: Story,
    relay: Relay,
    importing: Import,
    tmp_path: Path,
    place: Callable[[], Settings],
    choice: UnsentChoice,
) -> None:
    """Of nine shoppers four were welcomed before the backup, and all of them after it, by the copy
    that was lost; or, where the operator says that it sent nothing more, only those four.
    """
    welcome(shop)
    make_backup(tmp_path / "backup.tar")
    assert sent(relay).total() == IN_A_BATCH
    while choice is UnsentChoice.SENT and welcome(shop):
        pass
    story.wait(hours=3)
    restore_backup(tmp_path / "backup.tar", place())

    assert any("1  imports under way" in line for line in unsent.describe())
    unsent.decide(choice)
    while welcome(shop):
        story.wait(hours=1)

    assert sent(relay) == dict.fromkeys(EVERYONE, 1)
    assert len(sheet.members(shop, importing.list_id)) == SHOPPERS

    later = sheet.upload(shop, b"email,consent\nnew@example.com,yes\n")
    later.list_id, later.starts_flows = importing.list_id, True
    lifecycle.start_import(later)
    welcome(shop)
    assert sent(relay)["new@example.com"] == 1


def test_f28_a_wait_of_a_restored_copy_counts_from_when_the_lost_one_began_it(
    shop: Shop,
    story: Story,
    relay: Relay,
    tmp_path: Path,
    elsewhere: Callable[[], Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A webhook that lay in the inbox at the backup leads to both reminders once, though the lost
    copy sent the second one, too.
    """
    monkeypatch.setenv("REGULARS_MAX_EVENT_AGE_HOURS", "72")
    get_settings.cache_clear()
    leave_checkout(story, "late@example.com")
    deliver(shop, story)
    make_backup(tmp_path / "backup.tar")
    for hours in (1, 24, 1):
        send.send_messages(shop.id, advance(shop))
        story.wait(hours=hours, seconds=1)
    send.send_messages(shop.id, advance(shop))
    got = sent(relay)
    restore_backup(tmp_path / "backup.tar", elsewhere())
    unsent.decide(UnsentChoice.SENT)

    for _ in range(3):
        send.send_messages(shop.id, advance(shop))
        story.wait(days=1, seconds=1)

    assert got == {"late@example.com": 2}
    assert sent(relay) == got
