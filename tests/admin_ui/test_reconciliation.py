"""The settings page about the Shopify sync."""

from datetime import timedelta

from plugin import clock
from plugin.shopify.api.pages import SCOPES
from storage import markets, reconciliations
from storage.engine import db
from storage.shops import get_shop


def compared(shop, noun: str, **values: object) -> None:
    """A window of a noun that is over."""
    now = clock.now()
    with db.transaction() as session:
        reconciliations.start_windows(session, shop, {noun: now - timedelta(hours=1)}, now)
        (held,) = [row for row in reconciliations.of_shop(session, shop.id) if row.noun == noun]
        reconciliations.save_progress(session, held, until=now)
        held.until = now
        reconciliations.add_repairs(session, held, {"missing": 2, "stale": 1})
        reconciliations.add_repairs(session, held, {"missing": 40})
        ended = {"since": now, "until": None, "finished_at": now - timedelta(minutes=12)}
        reconciliations.save_progress(session, held, **ended, **values)


def test_it_tells_when_each_noun_was_compared_and_what_was_fetched(merchant, shop):
    assert "Starts when your store history is imported." in page(merchant)
    assert "Not yet" in merchant.open("/settings").text
    compared(shop, "orders", compared=1_204, missing=2, stale=1)

    told = page(merchant)

    for words in ("Orders", "12 minutes ago", ">1,204<", ">3<", ">43<"):
        assert words in told
    assert "Checked 12 minutes ago" in merchant.open("/settings").text
    assert "stopped sending" not in told
    chinese = page(merchant, "zh-CN")
    assert "Shopify 同步" in chinese
    assert "30 天内补取" in chinese


def test_home_warns_of_a_topic_that_fell_silent(merchant, shop):
    compared(shop, "orders", inactive_topics=["orders/create", "orders/updated"])
    compared(shop, "customers", inactive_topics=["customers/create"])

    told = "Shopify stopped sending new customers, new orders, and order updates."

    assert told in merchant.open("/").text
    assert told in page(merchant)
    assert "Shopify 已停止推送：新客户、新订单和订单更新。" in page(merchant, "zh-CN")


def test_what_the_store_does_not_allow_is_shown_as_left_out(merchant, shop, monkeypatch):
    monkeypatch.setattr("admin_ui.kit.auth.onboard.ensure_installed", lambda domain, token: 0)
    compared(shop, "orders")
    with db.transaction() as session:
        get_shop(session, shop.id).scopes = "read_orders,read_customers"

    told = page(merchant)

    lacking = [noun for noun in SCOPES if not {"read_orders", "read_customers"} >= {*SCOPES[noun]}]
    assert told.count("Permission missing") == len(lacking) > 3
    assert "缺少权限" in page(merchant, "zh-CN")


def test_another_shop_is_told_nothing_of_it(merchant, other, shop, monkeypatch):
    monkeypatch.setattr("admin_ui.kit.auth.onboard.ensure_installed", lambda domain, token: 0)
    compared(shop, "orders", compared=1_204, inactive_topics=["orders/create"])

    assert "1,204" not in other.open("/settings/reconciliation").text
    assert "stopped sending" not in other.open("/").text


def read_markets(shop, **values: object) -> None:
    with db.transaction() as session:
        held = markets.begin_reading(session, get_shop(session, shop.id), clock.now())
        markets.save_progress(
            session, held, countries=["DE", "AT"], locales=["en", "de", "zh-CN"], **values
        )


def test_it_tells_which_markets_mails_have_prices_and_titles_of(merchant, shop):
    assert "Prices for" not in page(merchant)
    read_markets(shop, since=clock.now() - timedelta(minutes=7))

    told = page(merchant)

    for words in ("Austria and Germany", "German, Chinese (Simplified, China)", "7 minutes ago"):
        assert words in told
    assert "奥地利和德国" in page(merchant, "zh-CN")


def test_markets_that_may_not_be_read_or_wait_are_told(merchant, shop, monkeypatch):
    monkeypatch.setattr("admin_ui.kit.auth.onboard.ensure_installed", lambda domain, token: 0)
    read_markets(shop, error="Shopify is busy with this store.")
    with db.transaction() as session:
        get_shop(session, shop.id).scopes = "read_products,read_locales"

    told = page(merchant)

    assert told.count("Permission missing") == 1
    assert "Waiting for Shopify" in told
    assert "Austria" not in told


def page(merchant, locale: str = "en") -> str:
    return merchant.open("/settings/reconciliation", locale).text
