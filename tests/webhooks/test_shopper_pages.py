"""The shoppers' pages in a real browser: for every eye and hand, on a small telephone, in the dark,
and without any script.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette

from plugin import clock
from plugin.facts import ProfileRef
from plugin.messages import confirmations, links
from plugin.messages.links import Target
from storage.confirmations import ConfirmationKind
from storage.engine import db
from storage.messages import Message, MessageState
from storage.preferences import Topic
from storage.profiles import Identity, Profile
from storage.shops import get_shop
from tests.admin_ui import browser
from tests.plugin.messages.world import MAYA, World, build
from webhooks.app import routes

PHONE = "+14155550123"
WIDTH = 320  # CSS pixels: WCAG 2.2, 1.4.10
KINDS = [
    "p",
    "u",
    ConfirmationKind.DOUBLE_OPT_IN,
    ConfirmationKind.DATA_EXPORT,
    ConfirmationKind.REDACT,
]
pytestmark = pytest.mark.skipif(
    not Path(browser.CHROMIUM).exists() and "PLAYWRIGHT_BROWSERS_PATH" not in os.environ,
    reason="no Chromium here",
)


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    with browser.chromium() as found:
        yield found


@pytest.fixture
def world(sqlite, shop) -> World:
    made = build(shop)
    with db.transaction() as session:
        for kind, value in (("email", MAYA), ("phone", PHONE)):
            session.add(
                Identity(
                    shop_id=shop.id, kind=kind, value=value, profile_id=made.profile_id,
                    linked_at=clock.now(),
                )
            )  # fmt: skip
        for number, name in enumerate(("New arrivals", "Skin advice", "تخفيضات")):
            session.add(Topic(shop_id=shop.id, id=number + 1, name=name, position=number))
    return made


@pytest.fixture
def address(world) -> Generator[str]:
    with browser.serve(Starlette(routes=routes())) as found:
        yield found


def path(world: World, kind: str) -> str:
    if kind in (
        ConfirmationKind.DOUBLE_OPT_IN,
        ConfirmationKind.DATA_EXPORT,
        ConfirmationKind.REDACT,
    ):
        with db.transaction() as session:
            shop = get_shop(session, world.shop.id)
            whose = ProfileRef(world.profile_id, world.profile_id)
            made = confirmations.request_confirmation(
                session, shop, kind, whose, address=MAYA, now=clock.now()
            )
        return f"/a/{links.make_token(links.ASK, Target(world.shop.id, made))}"
    message_id = world.queue()
    world.change(Message, message_id, address=MAYA, state=MessageState.ACCEPTED)
    purpose = links.PREFERENCES if kind == "p" else links.UNSUBSCRIBE
    return f"/{kind}/{links.make_token(purpose, Target(world.shop.id, message_id))}"


def look(page: Page, url: str) -> None:
    """Nothing to complain of, and no scrolling sideways."""
    page.goto(url)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_every_page_is_for_everybody(chromium, address, world, locale, scheme):
    world.change(Profile, world.profile_id, locale=locale)
    page = chromium.new_page(viewport={"width": WIDTH, "height": 700}, color_scheme=scheme)
    for kind in KINDS:
        look(page, address + path(world, kind))
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=f"{folder}/{kind}-{locale}-{scheme}.png", full_page=True)
    page.close()


def test_the_page_turns_for_languages_that_run_from_right_to_left(chromium, address, world):
    page = chromium.new_page(viewport={"width": WIDTH, "height": 700})
    page.goto(address + path(world, "p"))
    before = page.locator("input[name=box]").first.bounding_box()

    page.evaluate("document.documentElement.dir = 'rtl'")

    after = page.locator("input[name=box]").first.bounding_box()
    assert before["x"] < WIDTH / 3
    assert after["x"] > WIDTH * 2 / 3
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    page.close()


def test_a_shopper_takes_a_break_by_keyboard_and_without_script(chromium, address, world):
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": WIDTH, "height": 700}
    )
    page = context.new_page()
    page.goto(address + path(world, "p"))

    page.get_by_label("Skin advice").press("Space")
    page.get_by_label("At most once a week").press("Space")
    page.get_by_label("Pause messages").select_option("3")
    page.get_by_role("button", name="Save").press("Enter")

    expect(page.get_by_role("status")).to_have_text("Your preferences are saved.")
    expect(page.get_by_label("Skin advice")).not_to_be_checked()
    expect(page.get_by_label("At most once a week")).to_be_checked()
    expect(page.get_by_label("Pause messages")).to_have_value("keep")
    context.close()
