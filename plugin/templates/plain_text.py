"""The plain-text part of a mail, written from the same blocks as its HTML."""

from collections.abc import Callable, Sequence

from plugin.templates import liquid_shield, product_blocks
from plugin.templates.blocks import PREFERENCES, UNSUBSCRIBE, VISIT, Page, choose_case
from plugin.templates.inline import Bold, Link, Part, Words, read_inline
from storage.templates import MailBlock


def to_text(blocks: Sequence[MailBlock], page: Page) -> str:
    """The blocks as plain text with Liquid."""
    parts = [_TEXT[b["type"]](b, page) for b in blocks if b["type"] in _TEXT]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain_words(text: str, page: Page) -> str:
    """A merchant's text without its markup; a link's address follows its words."""
    shield = liquid_shield.LiquidShield(text)

    def write(part: Part) -> str:
        match part:
            case Words(words):
                return words
            case Bold(parts):
                return "".join(map(write, parts))
            case Link(parts, address):
                return f"{''.join(map(write, parts))} ({page.link(shield.show(address))})"

    return shield.show("".join(map(write, read_inline(shield.hide(text.strip())))))


def _header(block: MailBlock, page: Page) -> str:
    return "{{ shop.name }}"


def _text(block: MailBlock, page: Page) -> str:
    return choose_case(block, page, lambda text: plain_words(text, page))


def _button(block: MailBlock, page: Page) -> str:
    return f"{plain_words(page.say(block['text']), page)}:\n{page.link(block['url'])}"


def _image(block: MailBlock, page: Page) -> str:
    """What the picture says, and where it leads."""
    link = page.link(block["url"]) if block.get("url") else ""
    return "\n".join(filter(None, (page.say(block.get("alt", "")), link)))


def _products(block: MailBlock, page: Page) -> str:
    title = plain_words(page.say(block.get("title", "")), page)
    is_bag = product_blocks.feed(block) == product_blocks.CHECKOUT
    name, body = ("event.lines", _bag(block, page)) if is_bag else ("products", _list(block, page))
    text = "\n".join(filter(None, (title, body)))
    return f"{{% if {name}.size > 0 %}}{text}{{% endif %}}"


def _bag(block: MailBlock, page: Page) -> str:
    count = product_blocks.limit(block)
    return (
        f"{{% for line in event.lines limit: {count} %}}"
        "- {{ line.title }}{% if line.variant_title and line.variant_title != '' %}"
        " ({{ line.variant_title }}){% endif %}, {{ line.quantity }} × "
        "{{ line.price | money: event.currency }}\n{% endfor %}"
        f"{{% if event.lines.size > {count} %}}{page.say(product_blocks.TEXTS[0])}\n{{% endif %}}"
        f"{page.link('{{ event.checkout_url }}')}"
    )


def _list(block: MailBlock, page: Page) -> str:
    return "".join(
        f"{{% if products[{n}] %}}- {{{{ products[{n}].title }}}}, "
        f"{{{{ products[{n}].price | money }}}}\n"
        f"  {page.link(f'{{{{ products[{n}].url }}}}')}\n{{% endif %}}"
        for n in range(product_blocks.limit(block))
    ).rstrip("\n")


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
    "image": _image,
    "products": _products,
    "coupon": _coupon,
    "divider": _divider,
    "footer": _footer,
}
