"""The plain-text part of a mail, written from the same blocks as its HTML."""

import re
from collections.abc import Callable, Sequence

from plugin.templates import product_blocks
from plugin.templates.blocks import PREFERENCES, UNSUBSCRIBE, VISIT, Page, choose_case
from storage.templates import MailBlock

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_LINK = re.compile(r"\[([^\]\[]+)\]\(((?:\{\{.*?\}\}|[^()\s{])+)\)")


def to_text(blocks: Sequence[MailBlock], page: Page) -> str:
    """The blocks as plain text with Liquid."""
    parts = [_TEXT[b["type"]](b, page) for b in blocks if b["type"] in _TEXT]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain_words(text: str, page: Page) -> str:
    """A merchant's text without its markup; a link's address follows its words."""
    text = _LINK.sub(lambda m: f"{m[1]} ({page.link(m[2])})", text.strip())
    return _BOLD.sub(r"\1", text)


def _header(block: MailBlock, page: Page) -> str:
    return "{{ shop.name }}"


def _text(block: MailBlock, page: Page) -> str:
    return choose_case(block, page, lambda text: plain_words(text, page))


def _button(block: MailBlock, page: Page) -> str:
    return f"{plain_words(page.say(block['text']), page)}:\n{page.link(block['url'])}"


def _products(block: MailBlock, page: Page) -> str:
    title = plain_words(page.say(block.get("title", "")), page)
    if product_blocks.feed(block) == product_blocks.CHECKOUT:
        body = (
            f"{{% for line in event.lines limit: {product_blocks.limit(block)} %}}"
            "- {{ line.title }}{% if line.variant_title and line.variant_title != '' %}"
            " ({{ line.variant_title }}){% endif %}, {{ line.quantity }} × "
            "{{ line.price | money: event.currency }}\n{% endfor %}"
        )
    else:
        body = "".join(
            f"{{% if products[{n}] %}}- {{{{ products[{n}].title }}}}, "
            f"{{{{ products[{n}].price | money }}}}\n"
            f"  {page.link(f'{{{{ products[{n}].url }}}}')}\n{{% endif %}}"
            for n in range(product_blocks.limit(block))
        )
    return f"{title}\n{body}".strip("\n")


def _coupon(block: MailBlock, page: Page) -> str:
    lines = [plain_words(page.say(block.get("text", "")), page), "{{ coupon_code }}"]
    return "\n".join([*lines, plain_words(page.say(block.get("note", "")), page)]).strip()


def _divider(block: MailBlock, page: Page) -> str:
    return "-" * 40


def _footer(block: MailBlock, page: Page) -> str:
    return "\n".join(
        [
            "-" * 40,
            plain_words(page.say(block.get("text", "")), page),
            "{{ shop.name }}, {{ shop.postal_address }}",
            f"{page.say(VISIT)}: {page.link('{{ shop.url }}')}",
            f"{page.say(PREFERENCES)}: {{{{ preferences_url }}}}",
            f"{page.say(UNSUBSCRIBE)}: {{{{ unsubscribe_url }}}}",
        ]
    )


_TEXT: dict[str, Callable[[MailBlock, Page], str]] = {
    "header": _header,
    "text": _text,
    "button": _button,
    "products": _products,
    "coupon": _coupon,
    "divider": _divider,
    "footer": _footer,
}
