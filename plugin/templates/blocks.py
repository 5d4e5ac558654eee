"""Blocks: what a merchant puts into a mail, each turned into MJML and into plain text.

A block is a JSON object: its `type`, and what that type shows. Texts may hold Liquid, `**bold**`,
`[words](address)`, and blank lines between paragraphs; anything else is shown as it stands.

| type | fields |
|---|---|
| header | logo (address of a picture; without it the shop's name) |
| text | text; style: heading, lead, body, small; align: start, center; by: {property, texts} |
| button | text, url |
| image | src, alt, url |
| products | feed: answer (property, limit) or checkout (limit); title |
| coupon | coupon_id, text, note |
| spacer | height in pixels |
| divider | |
| footer | text (why they receive it) |
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import cast

from plugin.errors import RegularsError
from plugin.templates import layout, liquid_shield, product_blocks
from plugin.templates.inline import Bold, Link, Part, Words, read_inline
from plugin.texts import N_
from storage.templates import MailBlock

TYPES = {
    "header": ("logo",),
    "text": ("text", "style", "align", "by"),
    "button": ("text", "url"),
    "image": ("src", "alt", "url"),
    "products": ("feed", "property", "limit", "title"),
    "coupon": ("coupon_id", "text", "note"),
    "spacer": ("height",),
    "divider": (),
    "footer": ("text",),
}
VISIBLE_FIELDS = ("text", "alt", "title", "note")  # fields that a shopper reads
UNSUBSCRIBE, PREFERENCES = N_("Unsubscribe"), N_("Preferences")
VISIT = N_("Visit the shop")

# What is no visit: an act of the reader's device, and the ways out, with what follows them.
_UNTRACKED = re.compile(
    r"(mailto:|tel:|sms:|#|\{\{-?\s*(unsubscribe|preferences|ask)_url\s*-?\}\})", re.IGNORECASE
)


@dataclass
class Page:
    """One mail in one language: its words, its direction, and the addresses it leads to."""

    words: dict[str, str] = field(default_factory=dict)
    rtl: bool = False
    links: list[str] = field(default_factory=list)

    def say(self, text: str) -> str:
        """The text in this mail's language, or as it was written."""
        return self.words.get(text) or text

    def link(self, target: str) -> str:
        """What stands for an address: a numbered placeholder, the same for the same address."""
        target = target.strip()
        if _UNTRACKED.match(target):
            return target
        if target not in self.links:
            self.links.append(target)
        return f"{{{{ links[{self.links.index(target)}] }}}}"


def check_blocks(blocks: Sequence[Mapping[str, object]]) -> list[MailBlock]:
    """Return the blocks that a merchant or a file wrote.

    Raises:
        RegularsError: with the sentence for the merchant.
    """
    for number, block in enumerate(blocks, 1):
        kind = block.get("type")
        if not isinstance(kind, str) or kind not in TYPES:
            raise RegularsError(f"Block {number} has no known type: {kind!r}.", status=422)
        if unknown := set(block) - {"type", *TYPES[kind]}:
            raise RegularsError(
                f"Block {number} ({kind}) cannot have {', '.join(sorted(unknown))}.", status=422
            )
        for name in VISIBLE_FIELDS:
            if not isinstance(block.get(name, ""), str):
                raise RegularsError(f"Block {number} ({kind}): {name} must be text.", status=422)
    return [cast("MailBlock", block) for block in blocks]


def texts_of(blocks: Sequence[MailBlock]) -> list[str]:
    """Every text that a shopper reads, once each, in order: what there is to translate."""
    found: dict[str, None] = {}
    for block in blocks:
        written: Mapping[str, object] = block
        for name in VISIBLE_FIELDS:
            if text := written.get(name):
                found[str(text)] = None
        found |= dict.fromkeys(block.get("by", {}).get("texts", {}).values())
    if any(b["type"] == "products" and b.get("feed") == "checkout" for b in blocks):
        found |= dict.fromkeys(product_blocks.TEXTS)
    return [*found, VISIT, PREFERENCES, UNSUBSCRIBE]


def to_mjml(blocks: Sequence[MailBlock], page: Page) -> str:
    """The blocks as children of one MJML column."""
    return "\n".join(_MJML[block["type"]](block, page) for block in blocks)


def text_to_html(text: str, page: Page) -> str:
    """A merchant's text as HTML: escaped, but for Liquid, bold words and links."""

    shield = liquid_shield.LiquidShield(text)

    def write(part: Part) -> str:
        match part:
            case Words(words):
                return escape(words, quote=True).replace("\n", "<br/>")
            case Bold(parts):
                return f"<strong>{''.join(map(write, parts))}</strong>"
            case Link(parts, address):
                href = escape_attribute(page.link(shield.show(address)))
                return f'<a class="link" href="{href}">{"".join(map(write, parts))}</a>'

    return shield.show("".join(map(write, read_inline(shield.hide(text)))))


def escape_attribute(text: str) -> str:
    """A merchant's text inside an attribute, its Liquid as it is."""
    return liquid_shield.map_outside_tags(text, lambda plain: escape(plain, quote=True))


def choose_case(block: MailBlock, page: Page, show: Callable[[str], str]) -> str:
    """A text, or the one of several that goes with the shopper's answer."""
    fallback = show(page.say(block.get("text", "")))
    if not (by := block.get("by")):
        return fallback
    whens = [f"{{% when {liquid_literal(k)} %}}{show(page.say(t))}" for k, t in by["texts"].items()]
    answer = f"{{% case person.properties[{liquid_literal(by['property'])}] %}}"
    return f"{answer}{''.join(whens)}{{% else %}}{fallback}{{% endcase %}}"


def liquid_literal(text: str) -> str:
    """A text as a Liquid literal.

    Raises:
        RegularsError: Liquid has no way to write it.
    """
    if re.search(r"[\"{}%\\\r\n]", text):
        raise RegularsError(f"{text!r} cannot stand for an answer or a property.", status=422)
    return f'"{text}"'


def _header(block: MailBlock, page: Page) -> str:
    home = page.link("{{ shop.url }}")
    if logo := block.get("logo"):
        return (
            f'<mj-image css-class="logo" src="{escape_attribute(logo)}" alt="{{{{ shop.name }}}}"'
            f' href="{home}" width="140px" padding="36px 32px 20px"/>'
        )
    return (
        '<mj-text css-class="ink brand" align="center" padding="40px 32px 24px">'
        f'<a href="{home}">{{{{ shop.name }}}}</a></mj-text>'
    )


def _text(block: MailBlock, page: Page) -> str:
    look = block.get("style", "body")
    if look not in layout.TEXT:
        raise RegularsError(f"There is no text style {look!r}.", status=422)
    end, start = ("left", "right") if page.rtl else ("right", "left")
    align = {"center": "center", "end": end}.get(block.get("align", "start"), start)

    def show(text: str) -> str:
        paragraphs = [text_to_html(p, page) for p in re.split(r"\n\s*\n", text.strip())]
        return "".join(f'<p class="{look}">{p}</p>' for p in paragraphs)

    style = f'css-class="{layout.TEXT[look]}" align="{align}" padding="{layout.PADDING[look]}"'
    return f"<mj-text {style}>{choose_case(block, page, show)}</mj-text>"


def _button(block: MailBlock, page: Page) -> str:
    return (
        f'<mj-button css-class="button" href="{escape_attribute(page.link(block["url"]))}">'
        f"{text_to_html(page.say(block['text']), page)}</mj-button>"
    )


def _image(block: MailBlock, page: Page) -> str:
    href = f' href="{escape_attribute(page.link(block["url"]))}"' if block.get("url") else ""
    return (
        f'<mj-image src="{escape_attribute(block["src"])}" padding="12px 32px"'
        f' alt="{escape_attribute(page.say(block.get("alt", "")))}"{href} border-radius="8px"/>'
    )


def _products(block: MailBlock, page: Page) -> str:
    title = text_to_html(page.say(block.get("title", "")), page)
    return product_blocks.to_mjml(block, title, page.say, page.link, rtl=page.rtl)


def _coupon(block: MailBlock, page: Page) -> str:
    return (
        '<mj-text css-class="ink coupon" align="center" padding="16px 32px"><div class="ticket">'
        f"{_paragraph('offer', block.get('text', ''), page)}"
        '<p class="code" dir="ltr">{{ coupon_code }}</p>'
        f"{_paragraph('note', block.get('note', ''), page)}</div></mj-text>"
    )


def _spacer(block: MailBlock, page: Page) -> str:
    return f'<mj-spacer height="{min(max(int(block.get("height", 16)), 4), 96)}px"/>'


def _divider(block: MailBlock, page: Page) -> str:
    return '<mj-divider css-class="rule"/>'


def _footer(block: MailBlock, page: Page) -> str:
    home = page.link("{{ shop.url }}")
    return (
        '<mj-divider css-class="rule" padding="32px 32px 0"/>'
        '<mj-text css-class="muted" align="center" padding="24px 40px 40px">'
        f"{_paragraph('foot', block.get('text', ''), page)}"
        '<p class="foot"><strong>{{ shop.name }}</strong><br/>'
        "{{ shop.postal_address | newline_to_br }}</p>"
        f'<p class="foot"><a class="quiet" href="{{{{ unsubscribe_url }}}}">'
        f"{escape(page.say(UNSUBSCRIBE))}</a> &#160;·&#160; "
        '<a class="quiet" href="{{ preferences_url }}">'
        f'{escape(page.say(PREFERENCES))}</a> &#160;·&#160; <a class="quiet" href="{home}">'
        f"{escape(page.say(VISIT))}</a></p></mj-text>"
    )


def _paragraph(look: str, text: str, page: Page) -> str:
    return f'<p class="{look}">{text_to_html(page.say(text), page)}</p>' if text else ""


_MJML: dict[str, Callable[[MailBlock, Page], str]] = {
    "header": _header,
    "text": _text,
    "button": _button,
    "image": _image,
    "products": _products,
    "coupon": _coupon,
    "spacer": _spacer,
    "divider": _divider,
    "footer": _footer,
}
