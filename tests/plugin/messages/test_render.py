import re
from typing import Any

import pytest

from plugin import clock
from plugin.errors import RegularsError
from plugin.messages import links, render
from plugin.profiles import properties
from plugin.templates import library
from plugin.templates.compile import publish_template
from plugin.templates.liquid import format_money
from storage.engine import db
from storage.events import Event, get_event
from storage.messages import Message
from storage.products import ProductWithVariants, save_products
from storage.profiles import Profile
from tests.plugin.messages.world import World, product_row

INJECTIONS = [
    "{{ config }}", "{{ shop.access_token }}", "{{ 7 | times: 7 }}", "{{7*7}}", "${7*7}",
    "#{7*7}", "<%= 7*7 %>", "{% for i in (1..99999999) %}x{% endfor %}", "{% raw %}", "{% endif %}",
    "{{ person.email }}", "{%- comment -%}", "{{ 'a' | append: 'b' }}", "{{ links[0] }}",
    "{{ unsubscribe_url }}", "{% assign x = 1 %}", "{{ coupon_code }}", "{{''.__class__}}",
    "{{ self }}", "{% include 'x' %}", "{% render 'x' %}", "*{7*7}", "@(7*7)", "{{= 7*7 }}",
    "lqx0z", "<!--lqx0z-->", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
    "[x](javascript:alert(1))", "**bold**",
]  # fmt: skip


def rendered(
    world: World, template: str = library.FIRST, *, event: bool = True, **profile: Any
) -> render.Rendered:
    now = clock.now()
    person = Profile(
        **(
            {
                "shop_id": world.shop.id,
                "id": 5,
                "email": "maya@example.com",
                "first_name": "Maya",
                "locale": "en-US",
                "properties": {},
                "created_at": now,
                "last_active_at": now,
            }
            | profile
        )
    )
    message = Message(
        shop_id=world.shop.id, id=9, idempotency_key="k", profile_id=5, channel="email",
        template_id=world.ids[template], due_at=now, created_at=now,
    )  # fmt: skip
    with db.reading() as session:
        return render.render_message(
            session,
            world.shop,
            message,
            person,
            event=get_event(session, world.shop.id, world.event_id) if event else None,
            template=render.load_template(session, world.shop.id, world.ids[template], None),
            coupon_code="WELCOME-A",
            campaign="Abandoned checkout",
        )


def published(world: World, subject: str, *blocks: dict[str, Any]) -> World:
    with db.transaction() as session:
        world.ids["own"] = publish_template(
            session, world.shop.id, None, name="Own", subject=subject, preview="",
            blocks=blocks, translations={},
        )  # fmt: skip
    return world


@pytest.mark.parametrize(
    ("need", "words", "products"),
    [
        ("hydration", "could use more water", ["Thing 1", "Thing 5"]),
        ("blemishes", "blemishes are on your mind", ["Thing 2", "Thing 6"]),
        ("sensitivity", "reacts easily", ["Thing 3", "Thing 7"]),
        ("firmness", "looking for firmness", ["Thing 4", "Thing 8"]),
        (None, "three that people come back for", ["Thing 1", "Thing 2", "Thing 3"]),
    ],
)
def test_the_welcome_mail_answers_what_the_popup_was_told(
    world: World, need: str | None, words: str, products: list[str]
) -> None:
    mail = rendered(world, library.WELCOME, event=False, properties={"skin_need": need})

    for part in (mail.html, mail.text):
        assert words in part
        assert [f"Thing {n}" for n in range(1, 9) if f"Thing {n}" in part] == products
        assert "WELCOME-A" in part


def test_the_products_of_a_mail_follow_an_answer_by_tag_or_product_type(world: World) -> None:
    with db.transaction() as session:
        for number, kind in ((21, "Teapot"), (22, "teapot")):
            row = {**product_row(world.shop.id, number, "china"), "kind": kind}
            save_products(session, world.shop.id, [ProductWithVariants(row, [])])
    feed = {"type": "products", "feed": "answer", "property": "looking_for"}
    published(world, "Hi", feed)

    def shown(answer: str | None) -> list[str]:
        mail = rendered(world, "own", event=False, properties={"looking_for": answer})
        return re.findall(r"Thing \d+", mail.text)

    assert shown("Teapot") == ["Thing 21", "Thing 22"]
    assert shown("china") == ["Thing 21", "Thing 22"]
    assert shown("gift") == shown(None) == ["Thing 1", "Thing 2", "Thing 3"]


def test_a_reminder_shows_the_lines_with_pictures_and_leads_back(world: World) -> None:
    mail = rendered(world)

    assert "http://127.0.0.1:8001/1.svg" in mail.html
    assert "$38.00" in mail.html
    assert "- Thing 1 (30 ml), 2 × $38.00" in mail.text
    assert mail.links[1].startswith("http://127.0.0.1:8001/checkouts/c1?key=a&b=c&utm_source=")
    assert links.click_url(links.Target(world.shop.id, 9, 1)) in mail.html


def test_the_shop_is_told_where_its_visitor_comes_from_and_others_are_not(world: World) -> None:
    published(
        world,
        "Hi",
        {"type": "button", "text": "Go", "url": "https://elsewhere.example/?a=1"},
        {"type": "button", "text": "Go", "url": "{{ shop.url }}/x#part"},
        {"type": "button", "text": "Go", "url": "javascript:alert(1)"},
        {"type": "button", "text": "Go", "url": "{{ event.nothing }}"},
    )
    utm = "utm_source=regulars&utm_medium=email&utm_campaign=Abandoned+checkout"
    home = f"http://127.0.0.1:8001?{utm}"

    assert rendered(world, "own").links == [
        "https://elsewhere.example/?a=1",
        f"http://127.0.0.1:8001/x?{utm}#part",
        home,
        home,
        home,
    ]


@pytest.mark.parametrize(
    ("wanted", "shop_language", "chosen"),
    [
        ("zh-CN", "", "zh-CN"), ("zh-TW", "", "zh-CN"), ("ZH_cn", "", "zh-CN"), ("en-GB", "", "en"),
        ("fr", "zh-CN", "zh-CN"), (None, "zh-CN", "zh-CN"), ("fr", "de", "en"), (None, "", "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_shoppers_or_the_shops_or_english(
    wanted: str | None, shop_language: str, chosen: str
) -> None:
    assert render.choose_locale(wanted, shop_language, {"en": 1, "zh-CN": 2}) == chosen


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "written"),
    [
        (3800, "USD", "en-US", "$38.00"), (3800, "JPY", "en", "¥3,800"),
        (3800, "EUR", "de-DE", "38,00\xa0€"), (3800, "USD", "zh-CN", "US$38.00"),
        (3800, "CNY", "zh-CN", "¥38.00"), (12345, "KWD", "en", "KWD\xa012.345"),
        (120000, "IQD", "en", "IQD\xa0120.000"), (3800, "RSD", "en", "RSD\xa038.00"),
        (123450, "EUR", "es", "1234,50\xa0€"), (1234500, "EUR", "es-MX", "EUR\xa012,345.00"),
        (3420.4, "USD", "en", "$34.20"), (True, "USD", "en", ""), (1e30, "USD", "en", ""),
        ("", "USD", "en", ""), (None, "USD", "en", ""), (3800, "USD", "xx-nowhere", "$38.00"),
    ],
)  # fmt: skip
def test_money_is_written_as_the_shopper_reads_it(
    minor: object, currency: str, locale: str, written: str
) -> None:
    assert format_money(minor, currency, locale) == written


@pytest.mark.parametrize("payload", INJECTIONS)
def test_s16_what_a_customer_is_called_is_never_run(world: World, payload: str) -> None:
    published(
        world,
        "Hi {{ person.first_name }}",
        {"type": "text", "text": "Hello {{ person.first_name }}, {{ person.properties.note }}"},
    )
    mail = rendered(world, "own", first_name=payload, properties={"note": payload})

    assert mail.subject == f"Hi {payload}"
    assert f"Hello {payload}, {payload}" in mail.text
    assert "<script" not in mail.html
    assert "<img src=x" not in mail.html
    assert ("&lt;script&gt;" in mail.html) == payload.startswith("<script")


@pytest.mark.parametrize(
    "bomb",
    [
        "{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}",
        "{% assign s = 'x' %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}",
        "{% for i in (1..9000) %}"
        + "{{ 'x' | append: 'yyyyyyyyyyyyyyyyyyyyyyyy' }}" * 20
        + "{% endfor %}",
    ],
)
def test_s16_a_template_that_runs_away_is_stopped(world: World, bomb: str) -> None:
    with pytest.raises(RegularsError, match=r"Block 1 \(text\), line 1: "):
        published(world, "Hi", {"type": "text", "text": bomb})


def test_s16_a_template_that_runs_away_with_some_data_fails_for_them_alone(world: World) -> None:
    published(
        world, "Hi", {"type": "text", "text": "{% for i in (1..event.value) %}x{% endfor %}" * 2}
    )

    with pytest.raises(RegularsError, match="failed for this customer: its loops go around more"):
        rendered(world, "own")
    assert rendered(world, "own", event=False).subject == "Hi"


def test_a_header_is_one_line(world: World) -> None:
    published(world, "Hi {{ person.first_name }}")

    assert rendered(world, "own", first_name="a\r\nBcc: b\u2028c\x00").subject == "Hi a Bcc: b c"


def test_a_merchant_sees_a_mail_before_anybody_gets_it(world: World) -> None:
    with db.reading() as session:
        mails = [
            render.render_preview(session, world.shop, world.ids[name], locale)
            for name in library.STARTERS
            for locale in ("en", "zh-CN")
        ]

    assert [mail.locale for mail in mails] == ["en", "zh-CN"] * len(library.STARTERS)
    greeted = [
        name not in library.CONFIRMATIONS.values() for name in library.STARTERS for _ in range(2)
    ]
    assert ["Alex" in mail.html for mail in mails] == greeted, "who is asked may be a stranger"


def test_a_new_version_leaves_the_old_one_as_it_was(world: World) -> None:
    published(world, "One", {"type": "text", "text": "1"})
    with db.transaction() as session:
        same = publish_template(
            session, world.shop.id, world.ids["own"], name="Own", subject="Two", preview="",
            blocks=[{"type": "text", "text": "2"}], translations={},
        )  # fmt: skip
    with db.reading() as session:
        first = render.load_template(session, world.shop.id, same, 1)
        newest = render.load_template(session, world.shop.id, same, None)

    assert (first.version, newest.version) == (1, 2)
    assert (first.compiled["en"]["subject"], newest.compiled["en"]["subject"]) == ("One", "Two")


def test_seeding_twice_changes_nothing(world: World) -> None:
    with db.transaction() as session:
        assert library.seed_templates(session, world.shop) == {
            name: world.ids[name] for name in library.STARTERS
        }


@pytest.mark.parametrize(("locale", "words"), [("en-US", "Dry skin"), ("zh-Hans", "干性")])
def test_a_value_is_said_in_the_shoppers_words(world: World, locale: str, words: str) -> None:
    options = [{"value": "dry", "labels": {"": "Dry skin", "zh-CN": "干性"}}]
    properties.save_definition(world.shop.id, None, "skin", "choice", labels={}, options=options)
    text = '{{ person.properties.skin | label: "skin" }}, {{ person.properties.a | label: "a" }}'
    published(world, text, {"type": "text", "text": text})
    with db.transaction() as session:
        publish_template(
            session, world.shop.id, world.ids["own"], name="Own", subject=text, preview="",
            blocks=[{"type": "text", "text": text}], translations={"zh-CN": {}},
        )  # fmt: skip

    said = rendered(world, "own", locale=locale, properties={"skin": "dry", "a": ["x", 5]})

    assert said.subject == f"{words}, x, 5"
    assert f"{words}, x, 5" in said.html


@pytest.mark.parametrize(
    "lines",
    [
        [{"product_id": 2**70}, {"product_id": [1]}, {"product_id": "x"}, {"product_id": {}}],
        ["a", 5, None, [[]], {"title": [2**70], "price": "much", "quantity": -(2**70)}],
        "no list at all", 7, {"title": "a"}, None,
    ],
)  # fmt: skip
def test_lines_of_an_odd_shape_are_passed_over(world: World, lines: Any) -> None:
    world.change(Event, world.event_id, properties={"lines": lines, "checkout_url": 5})

    assert rendered(world).subject == "You left something in your bag"
