import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.errors import RegularsError
from plugin.templates import blocks, layout, library, liquid_shield
from plugin.templates.compile import PIXEL, compile_template, to_html
from plugin.texts import translations

MAILS = library.MAILS


def one(*content: dict[str, Any], locale: str = "en", **words: dict[str, str]) -> dict[str, Any]:
    return compile_template("Subject", "Preview", content, {locale: words.get("words", {})})[locale]


@pytest.mark.parametrize("name", MAILS)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_l10_every_mail_of_the_library_has_an_address_and_a_way_out(name: str, locale: str) -> None:
    mail = MAILS[name]
    texts = translations(mail.texts())
    made = compile_template(mail.subject, mail.preview, mail.blocks, texts)

    for part in ("html", "text"):
        assert "shop.postal_address" in made[locale][part]
        assert "{{ unsubscribe_url }}" in made[locale][part]


def test_a_mail_without_a_footer_gets_one() -> None:
    made = one({"type": "text", "text": "Hello"})

    assert "{{ unsubscribe_url }}" in made["html"]
    assert "shop.postal_address" in made["text"]


@pytest.mark.parametrize("name", MAILS)
def test_every_text_of_the_library_is_translated(name: str) -> None:
    said = MAILS[name].texts()
    chinese = translations(said)["zh-CN"]

    assert len(said) > 5
    assert [text for text in said if text not in chinese] == []


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_loads_no_fonts_or_scripts_and_fits_a_phone(name: str) -> None:
    mail = MAILS[name]
    html = compile_template(mail.subject, mail.preview, mail.blocks, {})["en"]["html"]

    assert "fonts.googleapis" not in html
    assert "<script" not in html
    assert "@import" not in html
    assert "<link" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html
    assert len(html) < 60_000  # Gmail cuts at 102 KB


def test_addresses_become_numbered_placeholders_once_each() -> None:
    made = one(
        {"type": "button", "text": "Go", "url": "{{ shop.url }}/a?b=1&c=2"},
        {"type": "text", "text": "See [this]({{ shop.url }}/a?b=1&c=2) or [mail](mailto:a@b.c)"},
    )

    assert made["links"] == ["{{ shop.url }}/a?b=1&c=2", "{{ shop.url }}"]
    hrefs = re.findall(r'<a\b[^>]*href="([^"]*)"', made["html"])
    assert hrefs.count("{{ links[0] }}") == 2
    assert "mailto:a@b.c" in hrefs
    assert all(h.startswith(("{{", "mailto:")) for h in hrefs)
    assert "this ({{ links[0] }})" in made["text"]


def test_a_text_follows_the_answer_and_each_language_has_its_own() -> None:
    block = {
        "type": "text",
        "text": "Hello",
        "by": {"property": "skin_need", "texts": {"hydration": "Water"}},
    }
    made = compile_template("S", "P", [block], {"zh-CN": {"Water": "水", "Unsubscribe": "退订"}})

    assert '{% when "hydration" %}' in made["en"]["html"]
    assert ">Water<" in made["en"]["html"]
    assert ">水<" in made["zh-CN"]["html"]
    assert ">退订<" in made["zh-CN"]["html"]
    assert ">Hello<" in made["zh-CN"]["html"]


def test_s17_what_a_merchant_writes_is_text_not_html() -> None:
    made = one({"type": "text", "text": '<script>alert("1")</script> & **bold** <b>'})

    assert "<script" not in made["html"]
    assert "&lt;script&gt;" in made["html"]
    assert "<strong>bold</strong>" in made["html"]


def test_arabic_reads_from_the_right() -> None:
    html = one({"type": "text", "text": "Hello"}, locale="ar")["html"]

    assert '<html lang="ar" dir="rtl"' in html
    assert re.search(r'align="right"[^>]*>.*Hello', html)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "script", "text": "x"},
        {"type": "text", "html": "x"},
        {"type": "text", "text": 7},
        {"type": "text", "text": "x", "style": "huge"},
        {"type": "text", "text": "{% if %}"},
        {"type": "text", "text": "{{ person.first_name"},
        {"type": "text", "text": "{{ x | system }}"},
        {"type": "text", "text": "{% include 'secrets' %}"},
        {"type": "products", "feed": "everything"},
        {"type": "text", "text": "x", "by": {"property": 'a"b', "texts": {"c": "d"}}},
    ],
)
def test_what_makes_no_mail_is_refused_with_a_sentence(block: dict[str, Any]) -> None:
    with pytest.raises(RegularsError) as refused:
        one(block)

    assert refused.value.status == 422
    assert refused.value.message.endswith(".")


class Order(HTMLParser):
    """Where the tables' rows and cells begin and end, to see that none moved."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.depth += tag == "table"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "table"


TAG = st.sampled_from(
    ["{{ person.first_name }}", "{% if a > 1 and b < 2 %}", "{% endif %}", '{{ x | default: "a" }}',
     "{% for p in products %}", "{% endfor %}", "{%- else -%}", "{{ 'a' | append: '>' }}",
     "{{ y }}"]
)  # fmt: skip
WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}%"), max_size=9)
TEXT = st.lists(st.one_of(TAG, WORD), min_size=1, max_size=6).map(" ".join)
BLOCK = st.one_of(
    st.builds(lambda t, s: {"type": "text", "text": t, "style": s}, TEXT,
              st.sampled_from(sorted(layout.TEXT))),
    st.builds(lambda t: {"type": "button", "text": t, "url": "{{ shop.url }}"}, TEXT),
    st.builds(lambda t: {"type": "coupon", "coupon_id": 1, "text": t, "note": t}, TEXT),
    st.builds(lambda t: {"type": "image", "src": "https://a.example/b.png", "alt": t}, TEXT),
    st.builds(lambda t, f: {"type": "products", "feed": f, "title": t}, TEXT,
              st.sampled_from(["answer", "checkout"])),
    st.builds(lambda t: {"type": "footer", "text": t}, TEXT),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(BLOCK, min_size=1, max_size=5), TEXT)
def test_tags_come_out_of_compiling_in_the_order_they_went_in(
    content: list[dict[str, Any]], preview: str
) -> None:
    page = blocks.Page()
    mjml = layout.mjml_document(
        blocks.to_mjml(content, page), subject="S", preview="", locale="en", rtl=False
    )
    html = to_html(mjml).replace(PIXEL, "")

    assert liquid_shield.liquid_tags(html) == liquid_shield.liquid_tags(mjml)
    assert "lqx" not in html
    order = Order()
    order.feed(html)
    assert order.depth == 0


@settings(max_examples=300, deadline=None)
@given(TEXT)
def test_a_shielded_text_comes_back_as_it_was(text: str) -> None:
    cover = liquid_shield.LiquidShield(text)

    assert cover.show(cover.hide(text)) == text


def test_a_code_stands_on_one_line_of_a_phone() -> None:
    html = one({"type": "coupon", "coupon_id": 1})["html"]
    (tag,) = re.findall(r'<p [^>]*class="code"[^>]*>', html)

    assert re.search(r"white-space: ?nowrap", tag)
    assert re.search(r"font-size: ?16px", tag)
