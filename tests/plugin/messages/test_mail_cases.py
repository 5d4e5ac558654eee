"""Each case of `mail_cases.json` as a mail that is compiled and rendered for one shopper."""

import html
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugin import clock
from plugin.channels.email.mime import check_address
from plugin.messages import links, render
from plugin.templates.compile import compile_template
from plugin.values import parse_email
from storage.engine import db
from storage.events import Event
from storage.messages import Message
from storage.profiles import Profile
from storage.shops import Shop
from tests.plugin.messages.world import World

CASES = json.loads(Path(__file__).with_name("mail_cases.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIELDS = ("template", "blocks", "translation", "address")


def of(field: str) -> Any:
    """The cases of one form, each under its own name."""
    found = [case for case in CASES if field in case]
    return pytest.mark.parametrize("case", found, ids=[case["id"] for case in found])


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def rendered(shop: Shop, blocks: list[dict[str, Any]], case: dict[str, Any]) -> render.Rendered:
    """A mail of these blocks, for a shopper of the case's locale."""
    locale = case.get("locale", "en")
    subject = case.get("subject", "S")
    compiled = compile_template(subject, "", blocks, {locale.split("-")[0]: {}})
    profile = Profile(
        shop_id=shop.id, id=5, email="maya@example.com", locale=locale, properties={},
        created_at=NOW, last_active_at=NOW,
    )  # fmt: skip
    message = Message(
        shop_id=shop.id, id=9, idempotency_key="k", profile_id=5, channel="email",
        template_id=1, due_at=NOW, created_at=NOW,
    )  # fmt: skip
    event = Event(
        shop_id=shop.id, id=7, profile_id=5, metric="Sample", unique_id="u", currency="USD",
        occurred_at=datetime.fromisoformat(case.get("occurred_at", NOW.isoformat())),
        properties=case.get("event", {}),
    )  # fmt: skip
    with db.reading() as session:
        return render.render_message(
            session, shop, message, profile, event=event,
            template=render.Loaded(1, blocks, compiled), coupon_code="C",
        )  # fmt: skip


def said(shop: Shop, case: dict[str, Any]) -> dict[str, str]:
    """What a template says in each part of a mail, with the case's variables."""
    known = case.get("context", {})
    names = "".join(f"{{% assign {name} = event.{name} %}}" for name in known)
    text = f"{names}BEGIN{case['template']}END"
    mail = rendered(shop, [{"type": "text", "text": text}], {**case, "event": known})
    parts = {"html": mail.html, "text": mail.text}
    found = {name: re.search("BEGIN(.*?)END", part, re.DOTALL) for name, part in parts.items()}
    return {name: match[1] if match else "" for name, match in found.items()}


def plain(text: str, case: dict[str, Any]) -> str:
    """A text, with one kind of space where any will do."""
    return re.sub(r"[\xa0\u202f]", " ", text) if case.get("spaces") == "any kind" else text


def behind(address: str, mail: render.Rendered) -> str:
    """Where an address of a mail leads, without the campaign's parameters."""
    if token := re.search(r"/l/([\w-]+)$", address):
        target = links.read_token(links.CLICK, token[1])
        assert target is not None
        address = mail.links[target.number]
    return re.sub(r"[?&]utm_source=[^#]*", "", address)


def leads_to(mail: render.Rendered, shop: Shop) -> list[str]:
    """The addresses behind the links of a mail's body, in order, but for the footer's."""
    ours = {
        links.unsubscribe_url(links.Target(shop.id, 9)): "UNSUBSCRIBE",
        links.preferences_url(links.Target(shop.id, 9)): "PREFERENCES",
    }
    found = []
    for tag in re.findall(r"<a\b[^>]*>", mail.html):
        if 'class="quiet"' not in tag and (href := re.search(r'href="([^"]*)"', tag)):
            address = behind(html.unescape(href[1]), mail)
            way = next((way for way in ours if address.startswith(way)), "")
            found.append(ours[way] + address[len(way) :] if way else address)
    return found


@of("template")
def test_a_template_says_what_shopifys_liquid_does(world: World, case: dict[str, Any]) -> None:
    shops = case.get("shops") or [case.get("shop", {})]
    wanted = case["expected"] if "shops" in case else [case.get("expected")]
    for zone, expected in zip(shops, wanted, strict=True):
        world.shop.timezone = zone.get("timezone", "UTC")
        parts = said(world.shop, case)
        allowed = case.get("expected_any") or [expected]
        part = case.get("part", "both")

        if part in ("text", "both"):
            assert plain(parts["text"], case) in allowed, case["why"]
        if part == "html":
            assert parts["html"] in allowed, case["why"]
        if part == "both":
            assert plain(html.unescape(parts["html"]), case) in allowed, case["why"]


@of("blocks")
def test_a_mail_leads_and_reads_as_its_blocks_say(world: World, case: dict[str, Any]) -> None:
    world.shop.url = "https://aurora.example"
    mail = rendered(world.shop, case["blocks"], case)
    text = re.sub(r"http\S+/l/[\w-]+", lambda found: behind(found[0], mail), mail.text)
    wanted = case["expected"]

    assert mail.subject == wanted.get("subject", mail.subject)
    if addresses := wanted.get(
        "leads_to_any", [wanted["leads_to"]] if "leads_to" in wanted else []
    ):
        assert leads_to(mail, world.shop) in addresses, case["why"]
    for words in wanted.get("text_has", []):
        assert words in text, case["why"]
    for words in wanted.get("text_lacks", []):
        assert words not in text, case["why"]


@of("translation")
def test_a_translation_reads_in_its_languages_direction(case: dict[str, Any]) -> None:
    locale = case["translation"]
    made = compile_template("S", "", [{"type": "text", "text": "a"}], {locale: {}})[locale]

    assert f'<html lang="{locale}" dir="{case["expected"]}"' in made["html"], case["why"]


@of("address")
def test_a_mail_goes_to_the_domain_that_was_meant(case: dict[str, Any]) -> None:
    address = parse_email(case["address"])
    assert address is not None

    assert check_address(address) == check_address(case["address"]) == case["expected"]


def test_every_case_is_played() -> None:
    assert [case["id"] for case in CASES if not any(field in case for field in FIELDS)] == []
    assert len({case["id"] for case in CASES}) == len(CASES) == 92
