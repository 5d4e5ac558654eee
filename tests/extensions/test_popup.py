"""What a shopper meets: when the popup comes, how it is filled in, what reaches the server."""

from playwright.sync_api import Page, expect

from tests.extensions.storefront import Shop

DELAY = {"type": "delay", "properties": {"seconds": 0.2}}
EXIT = {"type": "exit_intent"}
NEVER = {"type": "delay", "properties": {"seconds": 600}}


def leave_at_the_top(page: Page) -> None:
    page.evaluate("document.body.dispatchEvent(new MouseEvent('mouseout', {bubbles: true}))")


def opened(page: Page, shop: Shop) -> Page:
    page.goto(shop.url)
    expect(page.get_by_role("dialog")).to_be_visible()
    return page


def to_step_two(page: Page) -> None:
    page.get_by_label("Easily red").check()
    page.get_by_role("button", name="Continue").click()


def test_nothing_is_asked_of_the_server_before_a_trigger(page, shop):
    shop.triggers = [NEVER, EXIT]
    page.goto(shop.url)
    page.wait_for_timeout(400)

    assert shop.proxied() == []
    assert [path for _, path, _ in shop.asked if "popup-" in path or ".css" in path] == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_leaving_at_the_top_opens_it_once(page, shop):
    shop.triggers = [NEVER, EXIT]
    page.goto(shop.url)
    page.wait_for_timeout(200)

    leave_at_the_top(page)
    leave_at_the_top(page)
    page.evaluate("regulars.openForm('123')")

    expect(page.get_by_role("dialog")).to_have_count(1)
    assert shop.proxied().count("/apps/regulars/forms/123") == 1


def test_all_waits_for_every_trigger(page, shop):
    shop.triggers, shop.evaluation = [DELAY, EXIT], "all"
    page.goto(shop.url)
    page.wait_for_timeout(600)
    expect(page.get_by_role("dialog")).to_have_count(0)

    leave_at_the_top(page)

    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_flick_up_after_half_the_page_counts_as_leaving_on_a_phone(phone, shop):
    shop.triggers = [NEVER, EXIT]
    phone.goto(shop.url)
    phone.wait_for_timeout(200)
    for y in (600, 1200, 1150, 300):
        phone.evaluate(f"scrollTo(0, {y})")
        phone.wait_for_timeout(150)

    expect(phone.get_by_role("dialog")).to_be_visible()


def test_a_rule_about_the_device_or_the_page_keeps_it_away(page, shop):
    for rule in (
        {"type": "device", "properties": {"device": "mobile"}},
        {"type": "url_patterns", "properties": {"allow_list": ["*/collections/*"]}},
        {"type": "url_patterns", "properties": {"deny_list": ["127.0.0.1"]}},
    ):
        shop.triggers = [DELAY, rule]
        page.goto(shop.url)
        page.wait_for_timeout(500)
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_answer_reaches_the_server_whole(page, shop):
    page.context.add_cookies(
        [
            {"name": "_shopify_y", "value": "b-1", "url": shop.url},
            {"name": "cart", "value": "c-1%3Fkey%3Dsecret", "url": shop.url},
        ]
    )
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill(" ada@example.com ")
    page.get_by_label("Mobile number").fill("07700 900123")
    page.get_by_label("Text me offers").check()
    page.get_by_role("button", name="Send my routine").click()

    expect(page.get_by_role("heading", name="It is on its way")).to_be_focused()
    [sent] = shop.posted("submit")
    assert sent.pop("elapsed_ms") > 0
    assert sent == {
        "version": 1,
        "answers": {"skin_need": "sensitive"},
        "email": "ada@example.com",
        "phone": "07700 900123",
        "consent": {"email": True, "sms": True},
        "page": shop.url,
        "locale": "en",
        "browser_id": "b-1",
        "cart_token": "c-1",
        "sure": "",
        "website": "",
    }
    assert shop.posted("view") == [{"version": 1, "browser_id": "b-1"}]


def test_a_number_without_a_tick_is_no_consent_to_texts(page, shop):
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Mobile number").fill("07700 900123")
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()

    assert shop.posted("submit")[0]["consent"] == {"email": True, "sms": False}


def test_a_code_from_the_server_replaces_the_printed_one(page, shop):
    shop.answers = [(200, {"ok": True, "coupon": "ONLY-YOU"})]
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Send my routine").click()

    expect(page.get_by_text("ONLY-YOU")).to_be_visible()


def test_a_fault_the_server_finds_lands_at_its_field(page, shop):
    shop.answers = [(422, {"errors": {"phone": "That number has too few digits"}})]
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Mobile number").fill("12")
    page.get_by_role("button", name="Send my routine").click()

    field = page.get_by_label("Mobile number")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("That number has too few digits")
    expect(page.get_by_label("Email")).to_have_value("ada@example.com")
    field.fill("07700 900123")
    expect(field).to_have_attribute("aria-invalid", "false")


def test_a_fault_in_an_earlier_step_leads_back_to_it(page, shop):
    shop.answers = [(422, {"errors": {"skin_need": "Choose one of the four"}})]
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Send my routine").click()

    expect(page.get_by_text("Choose one of the four")).to_be_visible()
    expect(page.get_by_label("Easily red")).to_be_checked()


def test_what_is_missing_is_said_before_anything_is_sent(page, shop):
    opened(page, shop)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Choose the one that is closest")).to_be_visible()
    to_step_two(page)
    page.get_by_label("Email").fill("ada@")
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_text("That address looks unfinished")).to_be_visible()

    assert shop.posted("submit") == []


def test_a_lost_connection_keeps_the_answers_for_another_try(page, shop):
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill("ada@example.com")
    page.route("**/submit", lambda route: route.abort())
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_text("Please try again")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("ada@example.com")

    page.unroute("**/submit")
    page.get_by_role("button", name="Send my routine").click()

    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()


def test_a_closed_popup_stays_away_for_its_days(page, shop):
    opened(page, shop)
    page.get_by_role("button", name="Not today").click()
    expect(page.locator("regulars-form")).to_have_count(0)
    until = int(page.evaluate("localStorage['regulars:123']")) - page.evaluate("Date.now()")
    assert 6.9 < until / 86_400_000 <= 7

    page.reload()
    page.wait_for_timeout(600)

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_markup_in_the_words_stays_words(page, shop):
    words = "<img src=x onerror=\"document.title='broken'\">"
    shop.content["steps"][0]["columns"][0]["rows"][0]["blocks"][0]["properties"]["text"] = words
    rich = {"type": "html_text", "properties": {"content": f'{words}<a href="javascript:x">y</a>'}}
    shop.content["steps"][0]["columns"][0]["rows"].append({"blocks": [rich]})
    opened(page, shop)

    expect(page.get_by_role("heading", name=words)).to_be_visible()
    assert page.title() == "Ondine"
    assert page.locator("dialog img, dialog form:first-of-type a[href]").count() == 0


def test_a_theme_tells_events_of_its_own_through_the_pixel(page, shop):
    shop.shopify = "{analytics: {publish: (...said) => (window.said = said)}}"
    page.goto(shop.url)
    page.wait_for_function("window.regulars")
    page.evaluate("regulars.track('Finished Quiz', {result: 'dry'})")

    assert page.evaluate("window.said") == ["regulars:Finished Quiz", {"result": "dry"}]
    page.evaluate("delete Shopify.analytics; regulars.track('Finished Quiz')")


def test_a_logged_in_browser_is_identified_once_a_tab(page, shop):
    page.context.add_cookies([{"name": "_shopify_y", "value": "b-1", "url": shop.url}])
    page.goto(shop.url)
    page.wait_for_timeout(500)
    assert shop.posted("identify") == []

    shop.customer = "1"
    for _ in range(2):
        with page.expect_event("load"):
            page.goto(shop.url)
        page.wait_for_function("sessionStorage['regulars:known'] === 'b-1'")
        page.wait_for_timeout(300)

    assert shop.posted("identify") == [{"browser_id": "b-1"}]


def fill_in(page: Page, shop: Shop, email: str) -> None:
    opened(page, shop)
    to_step_two(page)
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send my routine").click()


MEANT = {"errors": {"email": "Did you mean this address?"}, "suggested": "ada@gmail.com"}


def test_a_mistyped_domain_is_mended_by_one_tap(page, shop):
    shop.answers = [(422, MEANT), (200, {"ok": True})]
    fill_in(page, shop, "ada@gmial.com")
    page.get_by_role("button", name="ada@gmail.com").click()
    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()

    assert [sent["email"] for sent in shop.posted("submit")] == ["ada@gmial.com", "ada@gmail.com"]


def test_an_address_is_sent_as_it_was_typed_at_the_second_press(page, shop):
    shop.answers = [(422, MEANT), (200, {"ok": True})]
    fill_in(page, shop, "ada@gmial.com")
    expect(page.get_by_label("Email")).to_have_accessible_description(
        "Did you mean this address? ada@gmail.com"
    )
    page.get_by_role("button", name="Send my routine").click()
    expect(page.get_by_role("heading", name="It is on its way")).to_be_visible()

    sent = shop.posted("submit")
    assert [each["email"] for each in sent] == ["ada@gmial.com"] * 2
    assert [each["sure"] for each in sent] == ["", "ada@gmial.com"]


def test_who_must_confirm_is_told_so_and_not_that_it_is_on_its_way(page, shop):
    said = {"ok": True, "title": "Please confirm your address", "text": "We sent you an email."}
    shop.answers = [(200, said)]
    fill_in(page, shop, "ada@example.com")

    expect(page.get_by_role("heading", name="Please confirm your address")).to_be_focused()
    expect(page.get_by_text("We sent you an email.")).to_be_visible()
    expect(page.get_by_text("It is on its way")).to_have_count(0)


def test_a_ticked_box_shows_a_tick(page, shop):
    opened(page, shop)
    to_step_two(page)
    box = page.get_by_role("checkbox")
    box.check()
    drawn = box.evaluate(
        "e => ['borderRightStyle', 'borderBottomStyle', 'borderLeftWidth', 'transform']"
        ".map((name) => getComputedStyle(e, '::before')[name])"
    )

    assert drawn[:3] == ["solid", "solid", "0px"]  # the two strokes, turned
    assert drawn[3] != "none"
