"""The admin in a real browser: for every eye and hand, at a desk and on a telephone."""

import os
import re
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from admin_ui.kit.language import Language
from plugin.imports import lifecycle
from plugin.jobs import Progress, run_slice
from plugin.onboard import seed_library
from plugin.settings import get_settings
from storage import flows
from storage.engine import db
from storage.flows import FlowStatus
from storage.shops import Shop
from tests.admin_ui import browser
from tests.admin_ui.conftest import session_token

WIDTHS = [1280, 390]
pytestmark = pytest.mark.skipif(
    not Path(browser.CHROMIUM).exists() and "PLAYWRIGHT_BROWSERS_PATH" not in os.environ,
    reason="no Chromium here",
)


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    with browser.chromium() as found:
        yield found


@pytest.fixture
def address(client, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    with browser.served(shop.domain, session_token) as found:
        monkeypatch.setenv("REGULARS_APP_BRIDGE_URL", f"{found}/bridge.js")
        get_settings.cache_clear()
        yield found


@pytest.fixture
def page(chromium: Browser, request: pytest.FixtureRequest) -> Generator[Page]:
    asked = getattr(request, "param", 1280)
    width, zone = (asked, "UTC") if isinstance(asked, int) else (1280, asked)
    context = chromium.new_context(viewport={"width": width, "height": 900}, timezone_id=zone)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console",
        lambda said: (
            page.problems.append(said.text) if "Content Security Policy" in said.text else None
        ),
    )
    yield page
    context.close()
    assert page.problems == []


@pytest.fixture
def visit(address: str, shop: Shop, page: Page) -> Callable[..., None]:
    def open_page(path: str, locale: str = "en") -> None:
        token = session_token(shop.domain)
        page.goto(f"{address}{path}?shop={shop.domain}&locale={locale}&id_token={token}")
        page.wait_for_function("document.querySelector('[data-htmx-powered]') !== null")

    return open_page


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_every_page_is_accessible_and_fits(page, visit, pages):
    axe = Axe()
    for path in pages():
        visit(path)
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        said = [(v["id"], v["impact"], [n["html"] for n in v["nodes"]][:2]) for v in found]
        assert said == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path


def test_links_change_the_page_by_fetch_and_the_way_back_works(page, visit, filled):
    visit("/")
    page.evaluate("window.stillHere = true")

    page.get_by_role("navigation").get_by_role("link", name="Flows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Flows")
    expect(page).to_have_title("Flows · Regulars")
    assert page.url.endswith("/flows")
    assert page.evaluate("document.activeElement.id") == "content"
    page.get_by_role("link", name="Abandoned checkout").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Abandoned checkout")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Flows")
    assert page.evaluate("window.stillHere") is True


def test_a_flow_is_switched_by_keyboard_after_a_question(page, visit, shop, filled):
    visit(f"/flows/{filled['Abandoned checkout']}")
    switch = page.get_by_role("switch", name="Flow is live")
    expect(switch).to_be_checked()

    switch.focus()
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 customers are waiting in this flow")
    page.keyboard.press("Escape")
    expect(switch).to_be_checked()
    switch.focus()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("status")).to_contain_text("Flow turned off.")
    expect(page.get_by_role("switch", name="Flow is live")).not_to_be_checked()
    with db.reading() as session:
        found = flows.get_flow(session, shop.id, filled["Abandoned checkout"])
        assert found.status == FlowStatus.DRAFT


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_a_file_is_uploaded_by_keyboard_in_pieces_and_read(page, visit, shop, data_dir, tmp_path):
    file = tmp_path / "people.csv"
    rows = "".join(f"p{n}@example.com,{'x' * 200}\n" for n in range(6_000))
    file.write_text(f"Email,Note\n{rows}")
    visit("/audience/imports")

    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("people.csv")
    kind = page.get_by_label("Note")
    expect(page.locator("#preview")).not_to_contain_text("xxx")
    kind.select_option("Save as property")
    expect(page.locator("#preview")).to_contain_text("xxx")
    page.get_by_role("button", name="Start import").press("Enter")
    expect(page.locator("#progress")).to_contain_text("Importing")
    while run_slice(lifecycle.SLICE_JOB, shop.id) is Progress.MORE:
        pass

    expect(page.locator("#progress")).to_contain_text("Done")
    expect(page.locator("#progress")).to_contain_text("6,000")
    assert re.search(r"/audience/imports/\d+$", page.url.partition("?")[0])


def test_the_search_answers_while_one_types(page, visit, filled):
    visit("/audience")
    box = page.get_by_role("searchbox")

    box.press_sequentially("len", delay=20)
    expect(page.get_by_role("table", name="Profiles").get_by_role("row")).to_have_count(2)
    expect(page.locator("#results")).to_contain_text("Lena Brandt")
    assert "/audience?find=" in page.url  # and not what was typed, which may be an address
    assert page.evaluate("document.activeElement.id") == "q"
    box.press("Enter")
    expect(page.locator("#results")).to_contain_text("Lena Brandt")


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_a_member_is_taken_off_a_list_and_brought_back_by_keyboard(page, visit, shop, filled):
    visit(f"/audience/lists/{filled['list']}")
    size = page.locator("#size")

    page.get_by_role("button", name="Remove Lena Brandt from the list").press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(size).to_have_text("6 members")
    page.keyboard.press("Enter")

    expect(page.get_by_role("button", name="Remove Lena Brandt from the list")).to_be_focused()
    expect(size).to_have_text("7 members")
    page.get_by_role("link", name="Add people").click()
    box = page.get_by_role("searchbox", name="Name, email or phone")
    box.press_sequentially("zoe@example.org", delay=5)
    page.get_by_role("button", name="Create profile and add").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added to list. 1 flow started.")
    expect(page.locator("#results")).to_contain_text("Not subscribed")


def test_older_entries_join_the_timeline(page, visit, filled):
    visit(f"/audience/profiles/{filled['profile']}")
    lines = page.locator("#timeline > li")
    before = lines.count()

    page.get_by_role("link", name="Show older").click()

    expect(page.locator("#older")).to_have_count(0)
    assert lines.count() > before


@pytest.mark.parametrize("page", ["America/Vancouver", "Asia/Shanghai"], indirect=True)
def test_times_are_the_shops_whatever_zone_the_browser_is_in(page, visit, shop, filled):
    visit(f"/audience/profiles/{filled['profile']}")
    told = page.locator("time").evaluate_all("all => all.map(each => [each.dateTime, each.title])")

    say = Language("en", shop.timezone, shop.currency)
    assert len(told) > 5
    assert [shown for _, shown in told] == [
        say.moment(datetime.fromisoformat(at)) for at, _ in told
    ]


def test_settings_are_saved_in_the_other_language(page, visit, filled):
    visit("/settings")
    page.get_by_label("Admin language").select_option("zh_Hans")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("设置")
    expect(page.get_by_role("status")).to_contain_text("已保存")
    assert page.url.endswith("/settings")


def test_a_mail_is_seen_in_a_frame_that_runs_nothing(page, visit, filled):
    visit(f"/flows/{filled['Welcome']}/messages/1")

    mail = page.frame_locator("iframe.mail")
    expect(mail.locator("body")).to_contain_text("WELCOME-7K2M9P")


@pytest.mark.parametrize("page", WIDTHS, indirect=True)
def test_the_form_library_is_accessible_and_gives_a_form(page, visit, merchant, shop):
    seed_library(shop.id)
    for locale, button in (("zh-CN", "使用此表单"), ("en", "Use this form")):
        visit("/forms", locale)
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        expect(page.get_by_role("button", name=button)).to_be_visible()

    page.get_by_role("button", name="Use this form").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Skincare quiz")
    expect(page.get_by_role("switch", name="Form is live")).not_to_be_checked()
    assert re.search(r"/forms/\d+$", page.url)
