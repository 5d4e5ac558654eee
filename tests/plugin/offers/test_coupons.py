"""Coupon pools: filled once by concurrent callers, also when answers get lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dramatiq.brokers.stub import StubBroker
from starlette.responses import JSONResponse

from plugin import clock
from plugin.errors import RegularsError
from plugin.ingest.record import record_facts
from plugin.messages.outcome import COUPON_WAIT
from plugin.offers.coupons import (
    ALPHABET,
    CODE_CHARS,
    create_coupon,
    new_code,
    recreate_discount,
    refill_codes,
)
from plugin.shopify.api.graphql import NOT_ALLOWED
from plugin.shopify.install.installation import install
from plugin.shopify.normalise.discounts import normalise
from storage import coupons, message_claims, messages, shops
from storage.coupons import POOL_FULL, Coupon, DiscountKind
from storage.engine import db, locks
from storage.engine.ids import new_id
from storage.messages import SkipReason
from tests.plugin.shopify.box import Shopify, refused

DOMAIN = "dewpoint.myshopify.com"


@pytest.fixture
def shop_id(database: str, shopify: Shopify) -> int:
    return install(DOMAIN, shopify.id_token())


@pytest.fixture
def coupon_id(shop_id: int) -> int:
    made = Coupon(
        shop_id=shop_id,
        id=new_id(),
        name="Welcome",
        prefix="WELCOME",
        percent=10,
        created_at=clock.now(),
    )
    with db.transaction() as session:
        session.add(made)
    return made.id


def free(shop_id: int, coupon_id: int) -> int:
    with db.reading() as session:
        return coupons.count_free(session, shop_id, coupon_id)


def kept(shop_id: int, coupon_id: int) -> Coupon:
    with db.reading() as session:
        found = coupons.get_coupon(session, shop_id, coupon_id)
    assert found
    return found


def give(shop_id: int, coupon_id: int, key: str) -> str:
    with db.transaction() as session:
        code = coupons.give_code(session, shop_id, coupon_id, key, at=clock.now())
    assert code
    return code


def test_an_empty_pool_is_filled_with_codes_that_the_store_takes(
    shop_id: int, coupon_id: int, shopify: Shopify
) -> None:
    refill_codes(shop_id, coupon_id)

    (discount,) = shopify.store.discounts()
    assert discount["title"] == "Welcome"
    assert discount["percentage"] == 0.1
    assert discount["codes"] == POOL_FULL == free(shop_id, coupon_id)
    code = give(shop_id, coupon_id, "a")
    lines = [{"price": 10_000, "quantity": 1, "compare_at": None, "product_id": 1}]
    assert shopify.store.reduction(code, lines, "wen@dewpoint.example").cents == 1_000
    assert kept(shop_id, coupon_id).error == ""


LINES = [{"price": 10_000, "quantity": 1, "compare_at": None, "product_id": 1}]


@pytest.mark.parametrize(
    ("kind", "worth", "cents", "told"),
    [
        (DiscountKind.PERCENTAGE, 15, 1_500, "percentage"),
        (DiscountKind.AMOUNT, 750, 750, "fixed_amount"),
        (DiscountKind.FREE_SHIPPING, 0, 0, "shipping"),
    ],
)
def test_each_kind_of_coupon_takes_off_what_it_says(
    shop_id: int, broker: StubBroker, shopify: Shopify, kind: str, worth: int, cents: int, told: str
) -> None:
    coupon_id = create_coupon(shop_id, "Spring", "SPRING", kind, worth=worth)
    assert broker.queues["refill"].qsize() == 1

    refill_codes(shop_id, coupon_id)

    assert free(shop_id, coupon_id) == POOL_FULL
    taken = shopify.store.reduction(give(shop_id, coupon_id, "a"), LINES, "wen@dewpoint.example")
    assert (taken.refused, taken.cents, taken.type) == (None, cents, told)
    assert taken.code.startswith("SPRING-")


def test_an_amount_is_told_in_the_shops_own_currency(
    shop_id: int, broker: StubBroker, shopify: Shopify
) -> None:
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        assert shop
        shop.currency = "JPY"
    refill_codes(shop_id, create_coupon(shop_id, "Five", "", DiscountKind.AMOUNT, worth=500))

    (discount,) = shopify.store.discounts()
    assert discount["amount"] == 500_00  # the dev store counts hundredths of any currency


@pytest.mark.parametrize(
    ("name", "prefix", "kind", "worth"),
    [
        (" ", "A", DiscountKind.PERCENTAGE, 10),
        ("x" * 101, "A", DiscountKind.PERCENTAGE, 10),
        ("A", "a b", DiscountKind.PERCENTAGE, 10),
        ("A", "A" * 21, DiscountKind.PERCENTAGE, 10),
        ("A", "A", "bogo", 10),
        ("A", "A", DiscountKind.PERCENTAGE, 0),
        ("A", "A", DiscountKind.PERCENTAGE, 101),
        ("A", "A", DiscountKind.AMOUNT, 0),
    ],
)
def test_a_coupon_that_will_not_do_is_refused(
    shop_id: int, broker: StubBroker, name: str, prefix: str, kind: str, worth: int
) -> None:
    with pytest.raises(RegularsError):
        create_coupon(shop_id, name, prefix, kind, worth=worth)

    with db.reading() as session:
        assert coupons.coupons_of(session, shop_id) == []


def test_a_deleted_discount_is_recreated_only_at_the_merchants_request(
    shop_id: int, coupon_id: int, broker: StubBroker, shopify: Shopify
) -> None:
    refill_codes(shop_id, coupon_id)
    given = give(shop_id, coupon_id, "a")
    (discount,) = shopify.store.discounts()
    shopify.store.delete_discount(discount["id"])
    (told,) = (each.payload for each in shopify.store.outbox("discounts/delete"))
    other = {"admin_graphql_api_id": "gid://shopify/DiscountAutomaticNode/1"}
    with db.transaction() as session:
        shop = shops.get_shop(session, shop_id)
        assert shop
        for body in (other, told):
            record_facts(session, shop, normalise("discounts/delete", body, "USD"), clock.now())

    assert free(shop_id, coupon_id) == 0
    assert kept(shop_id, coupon_id).deleted_at is not None
    refill_codes(shop_id, coupon_id)
    assert free(shop_id, coupon_id) == 0
    with db.reading() as session:
        assert coupons.coupons_to_refill(session) == []

    recreate_discount(shop_id, coupon_id)
    refill_codes(shop_id, coupon_id)

    assert free(shop_id, coupon_id) == POOL_FULL
    assert len(shopify.store.discounts()) == 1
    assert give(shop_id, coupon_id, "a") == given


def test_codes_of_a_discount_that_is_deleted_meanwhile_are_not_kept(
    shop_id: int,
    coupon_id: int,
    broker: StubBroker,
    shopify: Shopify,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refill_codes(shop_id, coupon_id)
    given = [give(shop_id, coupon_id, str(key)) for key in range(200)]
    whole = shopify.store.add_codes

    def add_codes(number: int, codes: list[str]) -> object:
        added = whole(number, codes)
        told = {"admin_graphql_api_id": kept(shop_id, coupon_id).discount_id}
        with db.transaction() as session:
            shop = shops.get_shop(session, shop_id)
            assert shop
            record_facts(session, shop, normalise("discounts/delete", told, "USD"), clock.now())
        return added

    monkeypatch.setattr(shopify.store, "add_codes", add_codes)
    refill_codes(shop_id, coupon_id)

    assert len(set(given)) == 200
    assert kept(shop_id, coupon_id).deleted_at is not None
    assert free(shop_id, coupon_id) == 0


def test_each_code_is_good_once_and_the_next_one_still_is(
    shop_id: int, coupon_id: int, shopify: Shopify
) -> None:
    refill_codes(shop_id, coupon_id)
    used, other = give(shop_id, coupon_id, "a"), give(shop_id, coupon_id, "b")
    lines = [{"price": 10_000, "quantity": 1, "compare_at": None, "product_id": 1}]

    shopify.store.redeem(used, "wen@dewpoint.example", 1)

    assert shopify.store.reduction(used, lines, "ana@dewpoint.example").refused
    assert not shopify.store.reduction(other, lines, "ana@dewpoint.example").refused


def test_a_full_pool_is_left_alone(shop_id: int, coupon_id: int, shopify: Shopify) -> None:
    refill_codes(shop_id, coupon_id)
    shopify.seen.clear()

    refill_codes(shop_id, coupon_id)

    assert shopify.seen == []


def test_what_was_given_is_replaced(shop_id: int, coupon_id: int, shopify: Shopify) -> None:
    refill_codes(shop_id, coupon_id)
    for key in range(20):
        give(shop_id, coupon_id, str(key))

    refill_codes(shop_id, coupon_id)

    assert free(shop_id, coupon_id) == POOL_FULL
    (discount,) = shopify.store.discounts()
    assert discount["codes"] == POOL_FULL + 20


def test_f33_many_workers_at_once_make_one_discount_and_one_pool(
    shop_id: int, coupon_id: int, shopify: Shopify
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: refill_codes(shop_id, coupon_id), range(8)))

    assert len(shopify.store.discounts()) == 1
    assert free(shop_id, coupon_id) == POOL_FULL


def test_an_answer_that_was_lost_makes_no_second_discount(
    shop_id: int, coupon_id: int, shopify: Shopify
) -> None:
    shopify.after = [refused(502)]  # created, yet its answer never reached us

    refill_codes(shop_id, coupon_id)

    assert len(shopify.store.discounts()) == 1
    assert free(shop_id, coupon_id) == POOL_FULL


def test_a_process_that_fell_over_finds_its_discount_again(
    shop_id: int, coupon_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCutError(BaseException):
        pass

    def cut(*_args: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(coupons, "add_codes", cut)
        with pytest.raises(PowerCutError):
            refill_codes(shop_id, coupon_id)
    assert len(shopify.store.discounts()) == 1
    assert kept(shop_id, coupon_id).discount_id == ""

    refill_codes(shop_id, coupon_id)

    assert len(shopify.store.discounts()) == 1
    assert free(shop_id, coupon_id) == POOL_FULL


def test_only_codes_that_the_store_took_are_given(
    shop_id: int, coupon_id: int, shopify: Shopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shopify.store.add_codes
    monkeypatch.setattr(shopify.store, "add_codes", lambda n, codes: whole(n, list(codes)[::2]))

    refill_codes(shop_id, coupon_id)

    assert 100 < free(shop_id, coupon_id) < 140
    assert shopify.store.discounts()[0]["codes"] == free(shop_id, coupon_id)


def test_a_refusal_stays_at_the_coupon_and_is_tried_again_later(
    shop_id: int,
    coupon_id: int,
    shopify: Shopify,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("REGULARS_CLOCK_FILE", str(tmp_path / "clock"))
    denied = {"errors": [{"message": "No", "extensions": {"code": "ACCESS_DENIED"}}]}
    shopify.trouble = [JSONResponse(denied)]

    refill_codes(shop_id, coupon_id)
    assert kept(shop_id, coupon_id).error == f"Shopify refused: No. {NOT_ALLOWED}"
    shopify.seen.clear()
    refill_codes(shop_id, coupon_id)
    assert shopify.seen == []
    clock.advance(timedelta(minutes=6))
    refill_codes(shop_id, coupon_id)

    assert kept(shop_id, coupon_id).error == ""
    assert free(shop_id, coupon_id) == POOL_FULL


def test_a_pool_being_filled_is_left_to_its_worker(
    shop_id: int, coupon_id: int, shopify: Shopify
) -> None:
    shopify.seen.clear()
    with locks.exclusive(f"coupon-{shop_id}-{coupon_id}"):
        refill_codes(shop_id, coupon_id)

    assert shopify.seen == []


def test_the_clock_leaves_shops_alone_that_went_away(shop_id: int, coupon_id: int) -> None:
    with db.transaction() as session:
        assert coupons.coupons_to_refill(session) == [(shop_id, coupon_id)]
        shops.uninstall(session, shop_id, clock.now())
    with db.reading() as session:
        assert coupons.coupons_to_refill(session) == []


def test_a_coupon_that_is_gone_is_nobodys_business(shop_id: int, shopify: Shopify) -> None:
    shopify.seen.clear()
    refill_codes(shop_id, 7)

    assert shopify.seen == []


def test_s23_codes_are_plain_and_not_to_be_guessed() -> None:
    codes = {new_code("WELCOME") for _ in range(1_000)}

    assert len(codes) == 1_000
    assert len(ALPHABET) ** CODE_CHARS > 2**60
    assert not set("01OILU") & set(ALPHABET)
    assert all(code.startswith("WELCOME-") and len(code) == 8 + CODE_CHARS for code in codes)


def test_what_waits_for_a_code_is_sent_as_soon_as_the_pool_has_codes(
    shop_id: int, coupon_id: int, broker: StubBroker
) -> None:
    now = clock.now()
    soon, far = now + COUPON_WAIT, now + timedelta(hours=1)
    waits, other, later = (
        queue(shop_id, reason, due_at)
        for reason, due_at in (
            (SkipReason.WAITS_FOR_COUPON, soon),
            ("try_again", soon),
            (SkipReason.WAITS_FOR_COUPON, far),
        )
    )
    refill_codes(shop_id, coupon_id)

    assert broker.queues["send"].qsize() == 1
    with db.reading() as session:
        due = message_claims.still_due(session, shop_id, [waits, other, later], clock.now())
    assert [message_id for message_id, *_ in due] == [waits]


def test_a_pool_that_stays_empty_wakes_no_message(
    shop_id: int, coupon_id: int, shopify: Shopify, broker: StubBroker
) -> None:
    queue(shop_id, SkipReason.WAITS_FOR_COUPON, clock.now() + COUPON_WAIT)
    denied = {"errors": [{"message": "No", "extensions": {"code": "ACCESS_DENIED"}}]}
    shopify.trouble = [JSONResponse(denied)]
    refill_codes(shop_id, coupon_id)

    assert not broker.queues["send"].qsize()


def queue(shop_id: int, reason: str, due_at: datetime) -> int:
    """A message that was put off until then."""
    row = {
        "shop_id": shop_id,
        "id": new_id(),
        "idempotency_key": f"{reason}-{due_at}",
        "profile_id": new_id(),
        "channel": "email",
        "template_id": new_id(),
        "skip_reason": reason,
        "due_at": due_at,
        "created_at": clock.now(),
    }
    with db.transaction() as session:
        (added,) = messages.add_messages(session, [row])
    return added
