"""L24: WCAG 2.2 AA. L25: no full-screen interstitial on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.extensions.storefront import Shop
from tests.extensions.test_popup import opened, to_step_two

COLOURS = [
    {},
    {"background_color": "#14231d", "accent_color": "#f2c94c"},
    {"background_color": "#fff4c2", "accent_color": "#ffe14d"},
    {"background_color": "no colour", "accent_color": "rgba(0, 0, 0, 0.1)"},
]


def faults(page: Page) -> list[str]:
    found = Axe().run(page, context="regulars-form").response["violations"]
    return [
        f"{fault['id']}: {node['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    return [box for found in page.locator(selector).all() if (box := found.bounding_box())]


def sideways(page: Page) -> list[int]:
    """By how many pixels the page and the steps are wider than what shows them."""
    return page.evaluate(
        """() => [document.documentElement,
            ...document.querySelector('regulars-form').shadowRoot.querySelectorAll('dialog, form')]
            .map(each => each.scrollWidth - each.clientWidth)"""
    )


@pytest.mark.parametrize("styles", COLOURS)
def test_axe_finds_nothing_in_any_step(page, shop, styles):
    shop.content["styles"] = styles
    page.emulate_media(reduced_motion="reduce")  # axe measures colours while they would still fade
    opened(page, shop)
    assert faults(page) == []
    page.get_by_role("button", name="Continue").click()
    assert faults(page) == []
    to_step_two(page)
    assert faults(page) == []
    page.get_by_role("button", name="Send my routine").click()
    assert faults(page) == []
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()
    assert faults(page) == []


def test_signing_up_takes_a_keyboard_only(page, shop):
    opened(page, shop)
    dialog = page.get_by_role("dialog", name="Find your routine")
    expect(dialog).to_have_attribute("aria-modal", "true")
    expect(page.get_by_role("heading", name="What does your skin ask for?")).to_be_focused()

    for key in ("Tab", "Space", "ArrowDown", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Where shall we send")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("ada@example.com")
    for key in ("Tab", "Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)

    expect(page.get_by_role("heading", name="It is on its way")).to_be_focused()
    assert shop.posted("submit")[0]["answers"] == {"skin_need": "oily"}


def test_tab_goes_round_inside(page, shop):
    opened(page, shop)
    inside = "document.activeElement.localName === 'regulars-form'"
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(inside)


def test_escape_closes_and_focus_returns(page, shop):
    shop.triggers = []
    page.goto(shop.url)
    page.get_by_role("link", name="Bag").focus()
    page.evaluate("regulars.openForm('123')")
    expect(page.get_by_role("dialog")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="Bag")).to_be_focused()


def test_a_click_outside_closes_unless_the_form_says_otherwise(page, shop):
    shop.triggers = []
    page.goto(shop.url)
    page.evaluate("regulars.openForm('123')")
    page.get_by_role("dialog").click(position={"x": 30, "y": 30})
    expect(page.get_by_role("dialog")).to_be_visible()
    page.mouse.click(40, 400)
    expect(page.locator("regulars-form")).to_have_count(0)

    shop.content["properties"]["click_outside_to_close"] = ["mobile"]
    page.evaluate("regulars.openForm('123')")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.mouse.click(40, 400)

    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_honeypot_is_out_of_everyones_way(page, shop):
    opened(page, shop)
    trap = page.locator("input[name=website]")

    assert trap.evaluate("it => it.closest('[aria-hidden=true]') !== null && it.tabIndex === -1")
    assert trap.get_attribute("autocomplete") == "off"
    assert boxes(page, ".trap")[0]["width"] <= 1
    expect(page.get_by_role("textbox", name="website")).to_have_count(0)


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_at_320_pixels_nothing_scrolls_sideways(phone, shop, direction):
    shop.direction = direction
    phone.set_viewport_size({"width": 320, "height": 568})
    phone.goto(shop.url)
    expect(phone.get_by_role("dialog")).to_be_visible()
    assert set(sideways(phone)) == {0}
    close, card = boxes(phone, ".close")[0], boxes(phone, ".card")[0]
    assert (close["x"] < 160) == (direction == "rtl")
    assert card["x"] >= 0

    to_step_two(phone)

    assert set(sideways(phone)) == {0}


def test_targets_are_large_enough_for_a_thumb(phone, shop):
    phone.goto(shop.url)
    expect(phone.get_by_role("dialog")).to_be_visible()
    sizes = [min(box["width"], box["height"]) for box in boxes(phone, "dialog button, .card")]
    assert min(sizes) >= 44
    to_step_two(phone)

    assert boxes(phone, ".consent input")[0]["height"] >= 24


def test_on_a_phone_it_waits_and_leaves_the_shop_in_sight(phone, shop):
    """L25. It never opens at load, under any setting of the merchant, and never fills
    the screen.
    """
    shop.triggers = [{"type": "delay", "properties": {"seconds": 0}}]
    phone.goto(shop.url)
    phone.wait_for_timeout(1500)
    expect(phone.get_by_role("dialog")).to_have_count(0)

    expect(phone.get_by_role("dialog")).to_be_visible()
    phone.wait_for_timeout(600)
    [sheet] = boxes(phone, "dialog")

    assert sheet["height"] <= 0.86 * 844
    assert sheet["y"] + sheet["height"] == pytest.approx(844, abs=1)


def test_who_wants_less_motion_gets_none(page, shop):
    page.emulate_media(reduced_motion="reduce")
    opened(page, shop)

    assert page.get_by_role("dialog").evaluate("it => getComputedStyle(it).animationName") == "none"


def test_opening_shifts_nothing(page, shop: Shop):
    page.add_init_script(
        "window.shifts = 0; new PerformanceObserver((list) => list.getEntries().forEach("
        "(entry) => window.shifts += entry.value)).observe({type: 'layout-shift', buffered: true})"
    )
    opened(page, shop)
    page.wait_for_timeout(500)

    assert page.evaluate("window.shifts") == 0
