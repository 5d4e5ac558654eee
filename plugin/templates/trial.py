"""Try a mail before it is kept: with a made-up shopper, and within the limits of sending.

What is wrong is said with its place in what the merchant wrote.
"""

from collections.abc import Iterator, Mapping, Sequence

from liquid.exceptions import LiquidError

from plugin import clock
from plugin.errors import RegularsError
from plugin.templates.blocks import VISIBLE_FIELDS
from plugin.templates.liquid import MailTemplate, parse, unknown_filters
from plugin.templates.liquid_shield import LIQUID
from plugin.templates.shopify_liquid.limits import time_limit
from storage.templates import CompiledMail, MailBlock

Texts = Sequence[tuple[str, str]]  # what a merchant wrote, each with the place where it stands

# Until these, what follows is text, and Liquid's lexer looks for their end at each of them anew.
_VERBATIM = ("raw", "comment", "doc")
_LINE = {
    "title": "Rose tea", "variant_title": "100 g", "quantity": 2, "price": 1900, "product_id": 1,
    "image": "https://shop.example/tea.png",
}  # fmt: skip
_PRODUCT = {
    "id": 1, "title": "Rose tea", "kind": "Tea", "image": "https://shop.example/tea.png",
    "price": 1900, "currency": "USD", "url": "https://shop.example/products/tea", "tags": ["tea"],
}  # fmt: skip


def texts_written(subject: str, preview: str, blocks: Sequence[MailBlock], words: Texts) -> Texts:
    """Every text of a mail in which Liquid may stand, and the place of each."""
    return [
        ("Subject", subject),
        ("Preview", preview),
        *(
            (f"Block {number} ({block['type']})", text)
            for number, block in enumerate(blocks, 1)
            for text in _texts_of(block)
        ),
        *words,
    ]


def check_tags(texts: Texts) -> None:
    """See that each tag is closed, before anything searches for its end.

    Raises:
        RegularsError: one is not; it says where.
    """
    for place, text in texts:
        if (at := _unclosed(text)) is not None:
            line = text.count("\n", 0, at) + 1
            raise RegularsError(
                f"{place}, line {line}: {text[at : at + 20]!r} is never closed.", status=422
            )


def try_mail(mail: CompiledMail, locale: str, texts: Texts) -> None:
    """Parse and render each part of a mail.

    Raises:
        RegularsError: one of them fails; it says where.
    """
    until, values = time_limit(), _sample(locale)
    try:
        for written, escaped in _parts(mail):
            template = parse(written, escaped=escaped)
            _check_filters(template)
            template.render_until(until, values)
    except LiquidError as error:
        place = _place(error, texts) or f"The Liquid in this mail ({locale})"
        raise RegularsError(f"{place}: {error.message}.", status=422) from None


def _parts(mail: CompiledMail) -> Iterator[tuple[str, bool]]:
    yield mail["subject"], False
    yield mail["preview"], False
    yield mail["text"], False
    yield mail["html"], True
    for link in mail["links"]:
        yield link, False


def _check_filters(template: MailTemplate) -> None:
    if unknown := unknown_filters(template):
        raise RegularsError(f"There is no Liquid filter {unknown[0]!r}.", status=422)


def _place(error: LiquidError, texts: Texts) -> str:
    """Where the tag stands that an error is about: the block and its line."""
    token = error.token
    if token is None or token.start_index < 0:
        return ""
    spans = LIQUID.finditer(token.source)
    found = next((each for each in spans if each.end() > token.start_index), None)
    for place, text in texts:
        if found is not None and (at := text.find(found[0])) >= 0:
            return f"{place}, line {text.count(chr(10), 0, at) + 1}"
    return ""


def _unclosed(text: str) -> int | None:
    """Where a tag begins that does not end."""
    at = 0
    while (start := _next_tag(text, at)) is not None:
        end = text.find("}}" if text[start + 1] == "{" else "%}", start + 2)
        if end < 0:
            return start
        name, at = text[start + 2 : end].strip("- \n\t"), end + 2
        if text[start + 1] == "%" and name in _VERBATIM:
            end = _end_of(name, text, at)
            if end < 0:
                return start
            at = end
    return None


def _next_tag(text: str, at: int) -> int | None:
    places = [place for mark in ("{{", "{%") if (place := text.find(mark, at)) >= 0]
    return min(places, default=None)


def _end_of(name: str, text: str, at: int) -> int:
    """Where the tag begins that ends a verbatim one, or -1."""
    while (at := text.find("{%", at)) >= 0:
        if text[at + 2 :][:20].lstrip("- \n\t").startswith(f"end{name}"):
            return at
        at += 2
    return -1


def _texts_of(block: MailBlock) -> Iterator[str]:
    written: Mapping[str, object] = block
    for name in (*VISIBLE_FIELDS, "url", "src", "logo"):
        if isinstance(text := written.get(name), str):
            yield text
    yield from block.get("by", {}).get("texts", {}).values()


def _sample(locale: str) -> dict[str, object]:
    home = "https://shop.example"
    return {
        "person": {
            "first_name": "Alex", "last_name": "", "email": "alex@example.com", "phone": "",
            "country": "US", "locale": locale, "properties": {},
        },
        "shop": {
            "name": "Shop", "url": home, "email": "shop@example.com", "currency": "USD",
            "postal_address": "1 Main Street",
        },
        "event": {"lines": [_LINE], "checkout_url": f"{home}/checkouts/1", "value": 3800},
        "products": [_PRODUCT] * 3,
        "coupon_code": "WELCOME-7K2M9P",
        "locale": locale,
        "labels": {},
        "now": clock.now(),
        "unsubscribe_url": f"{home}/u", "preferences_url": f"{home}/p", "ask_url": f"{home}/c",
    }  # fmt: skip
