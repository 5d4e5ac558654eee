"""Render one message for one shopper from a compiled template: subject, HTML, text and links.

The shopper's data is put in once and never read as a template.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from liquid.exceptions import LiquidError
from sqlmodel import Session

from plugin import clock
from plugin.errors import RegularsError
from plugin.messages import eligibility, links
from plugin.messages.addresses import MessageLinks, Sender
from plugin.templates import product_feeds
from plugin.templates.compile import BLANK_PIXEL
from plugin.templates.liquid import MailTemplate, parse, says_labels
from plugin.templates.product_details import BROWSER, with_details
from plugin.templates.product_feeds import Catalog
from plugin.templates.shopify_liquid.limits import time_limit
from plugin.templates.shopper_market import ShopperMarket
from plugin.texts import SOURCE, nearest_locale, same_language
from storage import consent
from storage.channels import Channel
from storage.events import Event
from storage.messages import Message, MessageSource
from storage.profiles import Profile
from storage.shops import Shop
from storage.templates import (
    CompiledMail,
    MailBlock,
    TemplateVersion,
    get_template,
    get_template_version,
)

MAX_CACHED_TEMPLATES = 256  # template versions kept parsed in this process
MAX_SUBJECT_CHARS = 250  # characters


class RenderError(RegularsError):
    """A template that failed for one person. Kind and line may be logged: they hold no value."""

    def __init__(self, error: LiquidError) -> None:
        super().__init__(f"The template failed for this customer: {error.message}.", status=422)
        self.kind = type(error).__name__
        place = error.context()
        self.line = None if place is None else place[0]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message as one person gets it; `links` are the addresses behind its numbered links."""

    subject: str
    html: str
    text: str
    links: list[str]
    locale: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """One language of a template version, ready to render."""

    subject: MailTemplate
    html: MailTemplate
    text: MailTemplate
    links: list[MailTemplate]
    labels: bool  # whether it says what values are called


@dataclass(slots=True)
class Loaded:
    """A template version: never changed once published, so it is kept parsed."""

    version: int
    blocks: list[MailBlock]
    compiled: dict[str, CompiledMail]
    parsed: dict[str, Parsed] = field(default_factory=dict)

    def language(self, locale: str) -> Parsed:
        """The version in one language."""
        if locale not in self.parsed:
            source = self.compiled[locale]
            parts = (
                parse(source["subject"], escaped=False),
                parse(source["html"], escaped=True),
                parse(source["text"], escaped=False),
            )
            links = [parse(link, escaped=False) for link in source["links"]]
            self.parsed[locale] = Parsed(*parts, links, any(map(says_labels, parts)))
        return self.parsed[locale]


_loaded: OrderedDict[tuple[int, int, int], Loaded] = OrderedDict()
_lock = threading.Lock()


def load_template(session: Session, shop_id: int, template_id: int, version: int | None) -> Loaded:
    """A template version, parsed; without a number the newest.

    Raises:
        RegularsError: there is no such template.
    """
    if version is None:
        template = get_template(session, shop_id, template_id)
        version = 0 if template is None else template.version
    key = (shop_id, template_id, version)
    with _lock:
        if key in _loaded:
            _loaded.move_to_end(key)
            return _loaded[key]
    row = get_template_version(session, shop_id, template_id, version)
    if row is None:
        raise RegularsError("Template not found.", status=404)
    return _keep(key, row)


def render_message(
    session: Session,
    shop: Shop,
    message: Message,
    profile: Profile,
    *,
    event: Event | None,
    template: Loaded,
    coupon_code: str | None = None,
    campaign: str = "",
    catalog: Catalog | None = None,
) -> Rendered:
    """One message for one person.

    Raises:
        RenderError: the template went over its limits, or failed on this person's data.
    """
    locale = choose_locale(profile.locale, shop.language, template.compiled)
    own = profile.locale
    said = own if own and same_language(own, locale) else locale
    catalog = catalog or Catalog(shop)
    market = catalog.market_of(profile)
    items = catalog.of(market) if product_feeds.shows_products(template.blocks) else []
    zone = _zone(shop)
    context: dict[str, object] = {
        "person": _person(profile),
        "shop": _shop(shop),
        "event": _event(catalog, event, zone, market),
        "products": product_feeds.products_for(template.blocks, profile.properties, items),
        "coupon_code": coupon_code or "",
        "locale": said,
        "labels": catalog.labels(said) if template.language(locale).labels else {},
        "now": clock.now().astimezone(zone),
    }
    address = eligibility.address_of(profile, message)
    return render_content(
        template,
        locale,
        context,
        message=message,
        shop=shop,
        campaign=campaign,
        counts_opens=address is None
        or not consent.refuses_open_tracking(session, shop.id, message.channel, address),
    )


def render_content(
    template: Loaded,
    locale: str,
    context: dict[str, object],
    *,
    message: Message,
    shop: Shop,
    campaign: str,
    counts_opens: bool = True,
) -> Rendered:
    """A template with its context put in."""
    parsed = template.language(locale)
    here = links.Target(shop.id, message.id)
    asks = message.source == MessageSource.CONFIRMATION
    ways_out = {
        "unsubscribe_url": links.unsubscribe_url(here),
        "preferences_url": links.preferences_url(here),
        "ask_url": links.confirmation_url(here) if asks else "",
    }
    sender = Sender(
        product_feeds.home_url(shop),
        shop.domain,
        str(message.channel),
        campaign,
        tracks=message.tracking_params,
    )
    addresses = MessageLinks(here, sender, parsed.links, frozenset(filter(None, ways_out.values())))
    open_url = links.open_url(here) if counts_opens else ""
    context |= {**ways_out, "links": addresses, "open_url": open_url}
    until = time_limit()
    try:
        html = parsed.html.render_until(until, context)
        return Rendered(
            subject=single_line(parsed.subject.render_until(until, context))[:MAX_SUBJECT_CHARS],
            html=html if counts_opens else html.replace(BLANK_PIXEL, ""),
            text=re.sub(r"\n{3,}", "\n\n", parsed.text.render_until(until, context)),
            links=addresses.leads_to,
            locale=locale,
        )
    except LiquidError as error:
        raise RenderError(error) from None


def render_preview(
    session: Session, shop: Shop, template_id: int, locale: str = SOURCE
) -> Rendered:
    """A template's newest version as an imagined shopper gets it, for the merchant.

    Raises:
        RegularsError: there is no such template, or it fails.
    """
    template = load_template(session, shop.id, template_id, None)
    now = clock.now()
    catalog = Catalog(shop)
    items = catalog.of()
    answers = {
        block["property"]: next((tag for product in items for tag in product["tags"]), "")
        for block in template.blocks
        if block["type"] == "products" and block.get("property")
    }
    profile = Profile(
        shop_id=shop.id, id=0, email="alex@example.com", first_name="Alex", locale=locale,
        properties=answers, created_at=now, last_active_at=now,
    )  # fmt: skip
    lines = [
        {"title": p["title"], "image": p["image"], "price": p["price"], "quantity": 1}
        for p in items[:2]
    ]
    event = Event(
        shop_id=shop.id, id=0, profile_id=0, metric="Checkout Started", unique_id="preview",
        occurred_at=now - timedelta(hours=1), currency=shop.currency,
        value=sum(product["price"] for product in items[:2]),
        properties={"checkout_url": product_feeds.home_url(shop), "lines": lines},
    )  # fmt: skip
    message = Message(
        shop_id=shop.id, id=0, idempotency_key="preview", profile_id=0, channel=Channel.EMAIL,
        template_id=template_id, due_at=now, created_at=now,
    )  # fmt: skip
    return render_message(
        session,
        shop,
        message,
        profile,
        event=event,
        template=template,
        coupon_code="WELCOME-7K2M9P",
        catalog=catalog,
    )


def choose_locale(wanted: str | None, shop_language: str, offered: Mapping[str, object]) -> str:
    """The language of a mail: the shopper's, or the shop's, or the one that it was written in.

    `zh-TW` takes `zh-CN` when there is nothing nearer: a neighbour is read before a stranger.
    """
    found = (nearest_locale(tag, offered) for tag in (wanted, shop_language) if tag)
    return next(filter(None, found), SOURCE)


def single_line(text: str) -> str:
    """A text without line breaks and control characters: what a header may hold."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).split())


def _keep(key: tuple[int, int, int], row: TemplateVersion) -> Loaded:
    made = Loaded(version=row.version, blocks=row.blocks, compiled=row.compiled)
    with _lock:
        _loaded[key] = made
        while len(_loaded) > MAX_CACHED_TEMPLATES:
            _loaded.popitem(last=False)
    return made


def _person(profile: Profile) -> dict[str, object]:
    names = ("first_name", "last_name", "email", "phone", "country", "locale")
    shown = {name: getattr(profile, name) or "" for name in names}
    return {**shown, "properties": profile.properties}


def _shop(shop: Shop) -> dict[str, object]:
    return {
        "name": shop.name or shop.domain,
        "url": product_feeds.home_url(shop),
        "email": shop.sender_email or shop.email,
        "currency": shop.currency,
        "postal_address": shop.postal_address,
    }


def _event(
    catalog: Catalog, event: Event | None, zone: ZoneInfo, market: ShopperMarket
) -> dict[str, object]:
    shop = catalog.shop
    if event is None:
        return {"lines": [], "checkout_url": product_feeds.home_url(shop)}
    told = event.properties.get("lines")
    lines = told if isinstance(told, list) else []
    return {
        **with_details(catalog, event.properties),
        "lines": product_feeds.lines_of_catalog(catalog, lines, market)
        if BROWSER in event.properties
        else product_feeds.with_pictures(catalog, lines, market),
        "metric": event.metric,
        "value": event.value,
        "currency": event.currency or shop.currency,
        "occurred_at": event.occurred_at.astimezone(zone),
    }


def _zone(shop: Shop) -> ZoneInfo:
    try:
        return ZoneInfo(shop.timezone)
    except (KeyError, ValueError):
        return ZoneInfo("UTC")
