"""Write-backs: consent given to us reaches Shopify's customers, once, and never in a circle."""

from datetime import UTC, datetime, timedelta

import pytest

from devstore.shop.database import Document
from plugin import clock
from plugin.facts import ProfileFact, identity_keys
from plugin.ingest.digest import digest_deliveries
from plugin.jobs import Progress, run_slice
from plugin.profiles.identity import resolve_profiles
from plugin.shopify.install.installation import install
from plugin.sync import write_backs as writing
from storage import arrivals, consent, profiles, write_backs
from storage.arrivals import NewDelivery
from storage.consent_ledger import ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.shops import get_shop
from storage.write_backs import ON, WriteBack, WriteBackState
from tests.plugin.shopify.box import Shopify, refused

DOMAIN, ANA, PHONE = "dewpoint.myshopify.com", "ana@example.com", "+12125550123"
CHANNELS = {"email": ANA, "sms": PHONE, "whatsapp": PHONE}


@pytest.fixture
def shop_id(database: str, broker: object, shopify: Shopify) -> int:
    return install(DOMAIN, shopify.id_token())


@pytest.fixture
def ana(shopify: Shopify) -> Document:
    return shopify.store.register_customer(ANA, phone=PHONE)


def say(
    shop_id: int,
    state: str,
    channel: str = "email",
    *,
    at: datetime | None = None,
    source: str = "form",
    profile_id: int | None = None,
) -> datetime:
    at = at or clock.now()
    with db.transaction() as session:
        consent.record_consent(
            session,
            [
                {
                    "shop_id": shop_id,
                    "id": (entry := new_id()),
                    "dedupe_key": str(entry),
                    "channel": channel,
                    "address": CHANNELS[channel],
                    "state": state,
                    "occurred_at": at,
                    "recorded_at": clock.now(),
                    "source": source,
                    "profile_id": profile_id,
                }
            ],
        )
    return at


def at_shopify(shopify: Shopify, channel: str = "email") -> Document:
    kept = shopify.store.customer(ANA)
    assert kept
    held: Document = kept.get(f"{channel}_consent", {"state": "not_subscribed"})
    return held


def row(shop_id: int, channel: str = "email") -> WriteBack:
    key = write_backs.key_of(channel, CHANNELS[channel], None)
    with db.reading() as session:
        return write_backs.by_key(session, shop_id, [key])[key]


def take_in(shop_id: int, shopify: Shopify, since: int = 0) -> None:
    """Deliver the store's webhooks."""
    told = [shopify.store.request(each) for each in shopify.store.outbox(since=since)]
    arrivals.add_deliveries([
            NewDelivery(
                shop_id, one.headers["X-Shopify-Webhook-Id"], one.topic, "2026-10",
                one.headers["X-Shopify-Triggered-At"], clock.now(), one.body,
            )
            for one in told
        ],
    )  # fmt: skip
    digest_deliveries()


def test_a_confirmed_yes_is_told_as_one(shop_id: int, shopify: Shopify, ana: Document) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, source="confirmation")
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["opt_in_level"] == "confirmed_opt_in"


@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
def test_yes_and_no_reach_the_customer_with_the_moment_they_were_said(
    shop_id: int, shopify: Shopify, ana: Document, channel: str
) -> None:
    yes = say(shop_id, ConsentState.SUBSCRIBED, channel, at=clock.now() - timedelta(hours=3))
    assert run_slice(writing.SLICE_JOB, shop_id) is Progress.DONE

    held = at_shopify(shopify, channel)
    assert (held["state"], held["opt_in_level"]) == ("subscribed", "single_opt_in")
    assert datetime.fromisoformat(held["updated_at"]) == yes.replace(microsecond=0)
    assert held["collected_from"] == "other"

    say(shop_id, ConsentState.UNSUBSCRIBED, channel, source="one-click")
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify, channel)["state"] == "unsubscribed"
    assert row(shop_id, channel).state == WriteBackState.DONE


def test_what_shopify_told_is_never_written_back(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    shopify.store.set_consent(ANA, email_state="subscribed", sms_state="unsubscribed")
    take_in(shop_id, shopify)
    shopify.seen.clear()

    with db.reading() as session:
        assert write_backs.due_shops(session, clock.now()) == []
        assert consent.consent_state(session, shop_id, "email", ANA) == ConsentState.SUBSCRIBED
    run_slice(writing.SLICE_JOB, shop_id)

    assert shopify.seen == []


@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
def test_our_own_word_coming_back_is_no_news(
    shop_id: int, shopify: Shopify, ana: Document, channel: str
) -> None:
    said = say(shop_id, ConsentState.SUBSCRIBED, channel)
    run_slice(writing.SLICE_JOB, shop_id)
    assert at_shopify(shopify, channel)["state"] == "subscribed"
    take_in(shop_id, shopify)
    shopify.seen.clear()
    run_slice(writing.SLICE_JOB, shop_id)

    with db.reading() as session:
        ledger = consent.ledger_of(session, shop_id, [(channel, CHANNELS[channel])])
        held = consent.get_consent(session, shop_id, channel, CHANNELS[channel])
    assert [entry.source for entry in ledger] == ["form"]
    assert held is not None
    assert held.changed_at == said
    assert shopify.seen == []


def test_a_late_echo_undoes_no_newer_word(shop_id: int, shopify: Shopify, ana: Document) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, at=clock.now() - timedelta(minutes=5))
    run_slice(writing.SLICE_JOB, shop_id)
    say(shop_id, ConsentState.UNSUBSCRIBED, source="one-click")

    take_in(shop_id, shopify)
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "unsubscribed"
    with db.reading() as session:
        assert consent.consent_state(session, shop_id, "email", ANA) == ConsentState.UNSUBSCRIBED


def test_of_two_words_only_the_newest_is_written(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    now = clock.now()
    say(shop_id, ConsentState.UNSUBSCRIBED, at=now)
    say(shop_id, ConsentState.SUBSCRIBED, at=now - timedelta(hours=1))
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "unsubscribed"
    told = shopify.store.outbox("customers_email_marketing_consent/update")
    assert len(told) == 1


def test_of_two_words_of_one_moment_the_stop_is_written(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    now = clock.now()
    for state in (ConsentState.SUBSCRIBED, ConsentState.UNSUBSCRIBED, ConsentState.SUBSCRIBED):
        say(shop_id, state, at=now)
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "unsubscribed"


def test_what_was_said_later_at_shopify_stays(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, at=clock.now() - timedelta(hours=1))
    shopify.store.set_consent(ANA, email_state="unsubscribed")
    shopify.seen.clear()

    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "unsubscribed"
    assert len(shopify.seen) == 1  # it was read, and left alone
    assert row(shop_id).state == WriteBackState.DONE


def test_a_word_that_the_store_has_overtaken_is_not_written(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, at=clock.now() - timedelta(hours=1))
    shopify.store.set_consent(ANA, email_state="unsubscribed")
    take_in(shop_id, shopify)
    shopify.seen.clear()

    run_slice(writing.SLICE_JOB, shop_id)

    assert shopify.seen == []
    assert row(shop_id).state == WriteBackState.DONE


def test_a_write_back_waits_until_the_subscriber_is_a_customer(
    shop_id: int, shopify: Shopify
) -> None:
    said = say(shop_id, ConsentState.SUBSCRIBED, at=clock.now() - timedelta(days=3))
    run_slice(writing.SLICE_JOB, shop_id)
    assert row(shop_id).state == WriteBackState.WAITING
    assert shopify.store.customer(ANA) is None

    shopify.store.register_customer(ANA)
    take_in(shop_id, shopify)
    assert row(shop_id).state == WriteBackState.DUE
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "subscribed"
    assert datetime.fromisoformat(at_shopify(shopify)["updated_at"]) == said.replace(microsecond=0)


def test_a_customer_is_made_of_a_subscriber_where_the_merchant_wants_that(
    shop_id: int, shopify: Shopify
) -> None:
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        assert shop
        shop.create_customers = True
    say(shop_id, ConsentState.SUBSCRIBED)
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "subscribed"
    assert len(shopify.store.customers()) == 1


def test_an_unsubscribe_creates_no_customer(shop_id: int, shopify: Shopify) -> None:
    with db.transaction() as session:
        shop = get_shop(session, shop_id)
        assert shop
        shop.create_customers = True
    say(shop_id, ConsentState.UNSUBSCRIBED, source="link")
    run_slice(writing.SLICE_JOB, shop_id)

    assert shopify.store.customers() == []
    assert row(shop_id).state == WriteBackState.WAITING


def test_a_bounce_is_no_word_of_the_shoppers(shop_id: int, shopify: Shopify, ana: Document) -> None:
    say(shop_id, ConsentState.BOUNCED, source="bounce")

    with db.reading() as session:
        assert write_backs.due_shops(session, clock.now()) == []


def test_trouble_at_shopify_is_waited_out(
    shop_id: int, shopify: Shopify, ana: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugin.shopify.api.graphql.MAX_ATTEMPTS", 1)
    say(shop_id, ConsentState.SUBSCRIBED)
    shopify.trouble = [refused(503)]
    run_slice(writing.SLICE_JOB, shop_id)
    put_off = row(shop_id)
    assert (put_off.state, put_off.attempts) == (WriteBackState.DUE, 1)
    assert put_off.error == "Shopify is in trouble (503)."
    assert put_off.due_at > clock.now()
    with db.reading() as session:
        assert write_backs.due_shops(session, clock.now()) == []
        assert write_backs.due_shops(session, clock.now() + timedelta(minutes=1)) == [shop_id]

    with db.transaction() as session:
        write_backs.retry_failed(session, shop_id, clock.now())
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "subscribed"
    assert (row(shop_id).state, row(shop_id).error) == (WriteBackState.DONE, "")


def test_a_lost_answer_makes_no_second_word(shop_id: int, shopify: Shopify, ana: Document) -> None:
    say(shop_id, ConsentState.SUBSCRIBED)
    shopify.after = [None, refused(502)]  # written, yet its answer never reached us
    run_slice(writing.SLICE_JOB, shop_id)

    assert row(shop_id).state == WriteBackState.DONE
    assert len(shopify.store.outbox("customers_email_marketing_consent/update")) == 1


def test_what_shopify_refuses_stands_there_for_the_merchant(
    shop_id: int, shopify: Shopify, ana: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstore.admin.customer_mutations.ACCEPTED", ())
    say(shop_id, ConsentState.SUBSCRIBED)
    run_slice(writing.SLICE_JOB, shop_id)

    with db.reading() as session:
        count, shown = write_backs.failed_write_backs(session, shop_id)
    assert count == 1
    assert (shown[0].state, shown[0].name) == (WriteBackState.FAILED, ANA)
    assert "not included in the list" in shown[0].error

    say(shop_id, ConsentState.UNSUBSCRIBED)
    assert row(shop_id).state == WriteBackState.DUE
    assert row(shop_id).error == ""


def test_a_consent_given_during_a_write_back_is_written_after_it(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, at=clock.now() - timedelta(minutes=1))
    with db.transaction() as session:
        (held,) = write_backs.claim_write_backs(session, shop_id, clock.now(), 10, seconds=60)
    say(shop_id, ConsentState.UNSUBSCRIBED)
    with db.transaction() as session:
        write_backs.settle_write_back(session, held, state=WriteBackState.DONE)
    assert row(shop_id).state == WriteBackState.DUE
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "unsubscribed"


def test_what_a_dead_worker_held_is_offered_again(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    say(shop_id, ConsentState.SUBSCRIBED)
    with db.transaction() as session:
        assert (
            len(write_backs.claim_write_backs(session, shop_id, clock.now(), 10, seconds=0.0)) == 1
        )
    with db.transaction() as session:
        assert (
            len(write_backs.claim_write_backs(session, shop_id, clock.now(), 10, seconds=60.0)) == 1
        )
    with db.transaction() as session:
        assert write_backs.claim_write_backs(session, shop_id, clock.now(), 10, seconds=60.0) == []


def test_what_may_have_ended_a_worker_does_not_hold_up_the_rest(
    shop_id: int, shopify: Shopify
) -> None:
    say(shop_id, ConsentState.SUBSCRIBED, "email")
    with db.transaction() as session:
        (first,) = write_backs.claim_write_backs(
            session, shop_id, clock.now(), 1, seconds=0.0
        )  # and it died
    say(shop_id, ConsentState.SUBSCRIBED, "sms")
    with db.transaction() as session:
        (second,) = write_backs.claim_write_backs(session, shop_id, clock.now(), 1, seconds=60.0)

    assert (first.kind, second.kind) == ("email", "sms")


def test_tags_go_on_and_off_the_customer_that_a_profile_is(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    take_in(shop_id, shopify)
    with db.reading() as session:
        (profile_id,) = profiles.find_identities(session, shop_id, [("email", ANA)]).values()

    def tag(value: str, at: datetime) -> None:
        said = {"kind": "tag", "name": "vip", "value": value, "profile_id": profile_id}
        with db.transaction() as session:
            write_backs.save_write_backs(
                session, shop_id, [{**said, "requested_at": at}], clock.now()
            )
        run_slice(writing.SLICE_JOB, shop_id)

    tag(ON, datetime(2026, 11, 21, 9, tzinfo=UTC))
    kept = shopify.store.customer(ANA)
    assert kept
    assert kept["tags"] == ["vip"]

    tag("off", datetime(2026, 11, 21, 10, tzinfo=UTC))
    kept = shopify.store.customer(ANA)
    assert kept
    assert kept["tags"] == []


def test_answers_wait_for_their_customer_and_become_metafields(
    shop_id: int, shopify: Shopify
) -> None:
    with db.transaction() as session:
        person = ProfileFact(identity_keys(("email", ANA)), clock.now())
        (whose,) = resolve_profiles(session, shop_id, [person], clock.now())
        assert whose is not None
        said = {"kind": "metafield", "name": "skin_need", "value": "hydration"}
        said |= {**whose.columns, "requested_at": clock.now()}
        write_backs.save_write_backs(session, shop_id, [said], clock.now())
    run_slice(writing.SLICE_JOB, shop_id)
    with db.reading() as session:
        assert write_backs.due_shops(session, clock.now()) == []

    ana = shopify.store.register_customer(ANA)
    take_in(shop_id, shopify)
    run_slice(writing.SLICE_JOB, shop_id)

    (field,) = shopify.store.metafields(f"gid://shopify/Customer/{ana['id']}")
    assert (field["namespace"], field["key"]) == ("regulars", "skin_need")
    assert (field["type"], field["value"]) == ("single_line_text_field", "hydration")


def test_nothing_is_written_back_about_a_redacted_shopper(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    """Otherwise the store would report it back, as a fact from after the request."""
    for channel in CHANNELS:
        say(shop_id, ConsentState.SUBSCRIBED, channel)
    shopify.store.redact_customer(ANA)
    take_in(shop_id, shopify)
    shopify.seen.clear()

    run_slice(writing.SLICE_JOB, shop_id)

    assert shopify.seen == []
    with db.reading() as session:
        keys = [write_backs.key_of(c, CHANNELS[c], None) for c in CHANNELS]
        assert write_backs.by_key(session, shop_id, keys) == {}


def test_a_customer_with_erased_data_gets_no_write_back(
    shop_id: int, shopify: Shopify, ana: Document
) -> None:
    shopify.store.redact_customer(ANA)
    said = len(shopify.store.outbox())
    say(shop_id, ConsentState.SUBSCRIBED)
    run_slice(writing.SLICE_JOB, shop_id)

    assert at_shopify(shopify)["state"] == "redacted"
    assert len(shopify.store.outbox()) == said
    assert "erased" in row(shop_id).error
