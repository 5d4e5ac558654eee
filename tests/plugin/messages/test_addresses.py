"""Where links lead: each as its source says, made whole, in every place where a link may stand."""

import html
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.messages import links, render
from plugin.messages.addresses import make_whole
from plugin.templates.compile import compile_template
from storage.messages import Message
from storage.shops import Shop

HOME = "https://aurora.example"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MESSAGE = Message(
    shop_id=1, id=9, idempotency_key="k", profile_id=5, channel="email", template_id=1,
    due_at=NOW, created_at=NOW,
)  # fmt: skip
PLACES: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": "[a](URL)"},
    "bold": {"type": "text", "text": "**[a](URL)** and [**b**](URL)"},
    "button": {"type": "button", "text": "Go", "url": "URL"},
    "picture": {"type": "image", "src": "https://a.example/b.png", "alt": "B", "url": "URL"},
    "condition": {"type": "text", "text": "[a]({% if event.yes %}URL{% else %}/no{% endif %})"},
    "loop": {"type": "text", "text": "{% for i in (1..2) %}[{{ i }}](URL){% endfor %}"},
    "value": {"type": "text", "text": "[a]({{ event.url }}) [b]({{ event.nothing }}URL)"},
    "assigned": {"type": "text", "text": "{% assign u = event.url %}[a]({{ u }})"},
    "listed": {"type": "text", "text": "{% for l in event.lines %}[a]({{ l.url }}){% endfor %}"},
    "captured": {
        "type": "text",
        "text": "{% capture u %}{{ event.url }}{% endcapture %}[a]({{ u }})",
    },
}


def mail_of(block: dict[str, Any], shop: Shop, **event: Any) -> render.Rendered:
    """A mail of one block."""
    template = render.Loaded(1, [], compile_template("S", "", [block], {}))
    context = {"shop": {"url": HOME, "name": "Aurora"}, "event": event, "now": NOW}
    return render.render_content(
        template, "en", context, message=MESSAGE, shop=shop, campaign="C"
    )  # fmt: skip


def addresses(mail: render.Rendered) -> list[str]:
    """Where the links of its HTML lead, but for the footer's, without the campaign's words."""
    body = re.sub(r'<a[^>]*class="quiet".*?</a>', "", mail.html)
    return [
        behind(html.unescape(href), mail) for href in re.findall(r'<a\b[^>]*href="([^"]*)"', body)
    ]


def texts(mail: render.Rendered) -> list[str]:
    """Where the links of its plain text lead, down to the footer."""
    body = mail.text.split("-" * 40)[0]
    return [behind(found, mail) for found in re.findall(r"http[^\s()]+/l/[\w-]+", body)]


def behind(address: str, mail: render.Rendered) -> str:
    """What an address of ours leads to; another one itself."""
    if not (found := re.search(r"/l/([\w-]+)$", address)):
        return address
    target = links.read_token(links.CLICK, found[1])
    assert target is not None
    return re.sub(r"[?&]utm_source=[^#]*", "", mail.links[target.number])


@pytest.fixture
def aurora() -> Shop:
    """A shop that no database holds."""
    return Shop(id=1, domain="aurora.myshopify.com", url=HOME, name="Aurora", currency="USD")


LETTERS = "aZ09-._~!$&'*+,;=:@%2F/"
PART = st.text(LETTERS, max_size=9)
BRACKETED = st.sampled_from(["", "_(b)", "((c))", "[d]", "**", "(e)f*g*"])
ADDRESS = st.builds(
    lambda host, path, odd, query, fragment: f"https://{host}/{path}{odd}{query}{fragment}",
    st.sampled_from(["o.example", "o.example:8443", "xn--bcher-kva.example"]),
    PART,
    BRACKETED,
    st.builds("?q={}".format, PART) | st.just(""),
    st.builds("#{}".format, PART) | st.just(""),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(PLACES)), ADDRESS)
def test_every_link_leads_where_its_source_says(place: str, url: str) -> None:
    shop = Shop(id=1, domain="aurora.myshopify.com", url=HOME, name="Aurora", currency="USD")
    block = {
        name: value.replace("URL", url) if isinstance(value, str) else value
        for name, value in PLACES[place].items()
    }
    mail = mail_of(block, shop, url=url, yes=True, lines=[{"url": url}, {"url": url}])

    assert set(addresses(mail)) == {url}
    assert set(texts(mail)) == {url}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30) | st.text("aA0:/?#.@[]\\ \t-%", max_size=15))
def test_what_comes_out_is_an_address_that_a_mail_may_hold(written: str) -> None:
    made = make_whole(written, HOME)

    assert make_whole(made, HOME) == made
    assert not re.search(r"[\s\x00-\x20\"<>]", made)
    if not made.startswith("#"):
        parts = urlsplit(made)
        assert parts.scheme in ("mailto", "tel", "sms") or (
            parts.scheme in ("http", "https") and parts.hostname
        )


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("/collections/all?a=1#b", f"{HOME}/collections/all?a=1#b"), ("cart", f"{HOME}/cart"),
        ("?q=1", f"{HOME}/?q=1"), ("../x", f"{HOME}/x"), ("//cdn.example/x", "https://cdn.example/x"),
        ("www.o.example", "https://www.o.example"), ("o.example:8443/x", "https://o.example:8443/x"),
        ("bücher.example/a", "https://bücher.example/a"), ("HTTPS://O.example", "HTTPS://O.example"),
        ("sms:+15550100?body=Hi there", "sms:+15550100?body=Hi%20there"), ("#top", "#top"),
        ("MAILTO:ana@example.com", "MAILTO:ana@example.com"), ("tel:+15550100", "tel:+15550100"),
        (" https://o.example/a\n b ", "https://o.example/a%20b"), ("", HOME), ("  ", HOME),
        ("javascript:alert(1)", HOME), ("java\nscript:alert(1)", HOME), ("JAVASCRIPT:x", HOME),
        ("\x01javascript:x", HOME), ("data:text/html,x", HOME), ("vbscript:x", HOME),
        ("file:///etc/passwd", HOME), ("https://", HOME), ("https:///x", HOME),
        ("http://[::1", HOME), ("https://o.example/<b>", "https://o.example/%3Cb%3E"),
        ("ana@example.com", "mailto:ana@example.com"), ("\u3000/a\u3000b", f"{HOME}/a%E3%80%80b"),
    ],
)  # fmt: skip
def test_an_address_is_made_whole(written: str, whole: str) -> None:
    assert make_whole(written, HOME) == whole
    assert whole in (HOME, urljoin(f"{HOME}/", whole)) or whole.startswith(("#", "HTTPS", "MAILTO"))


def test_the_ways_out_stay_the_ways_out_wherever_they_come_from(aurora: Shop) -> None:
    here = links.Target(1, 9)
    way = links.unsubscribe_url(here)
    block = {
        "type": "text",
        "text": "[a]({{ unsubscribe_url }}?lang=de) [b]({{- preferences_url -}}#topics) "
        "[c]({% if event.yes %}{{ unsubscribe_url }}{% endif %}) "
        "{% assign out = unsubscribe_url %}[d]({{ out | append: '?a=b&c=d' }})",
    }
    mail = mail_of(block, aurora, yes=True)

    assert addresses(mail) == [
        f"{way}?lang=de",
        f"{links.preferences_url(here)}#topics",
        way,
        f"{way}?a=b&c=d",
    ]
    assert mail.links == [f"{HOME}?utm_source=regulars&utm_medium=email&utm_campaign=C"]


def test_one_link_in_both_parts_and_twice_is_one_number(aurora: Shop) -> None:
    block = {"type": "text", "text": "[a](https://o.example/) [b](https://o.example/)"}
    mail = mail_of(block, aurora)

    assert mail.links[0] == "https://o.example/"
    assert mail.html.count(links.click_url(links.Target(1, 9, 0))) == 2
    assert mail.text.count(links.click_url(links.Target(1, 9, 0))) == 2
    assert len(mail.links) == 2


def test_a_mail_that_was_compiled_with_a_number_of_no_link_has_none_there(aurora: Shop) -> None:
    compiled = compile_template("S", "", [{"type": "text", "text": "[a](#x) {{ links[99] }}"}], {})
    template = render.Loaded(1, [], compiled)
    mail = render.render_content(
        template, "en", {"now": NOW}, message=MESSAGE, shop=aurora, campaign=""
    )  # fmt: skip

    assert 'href="#x"' in mail.html
