"""The products block: cards of recommended products, or of the items left in a checkout.

The cards are written out one by one, not in a loop, so that each has its own numbered link.
"""

from collections.abc import Callable

from plugin.errors import RegularsError
from plugin.texts import N_
from storage.templates import MailBlock

ANSWER, CHECKOUT = "answer", "checkout"
LIMITS = {ANSWER: 3, CHECKOUT: 5}
ROW = 3  # cards beside each other
TEXTS = (N_("and more in your bag"), N_("Quantity"))


def feed(block: MailBlock) -> str:
    """Where a block's products come from.

    Raises:
        RegularsError: there is no such feed.
    """
    if block.get("feed") not in LIMITS:
        raise RegularsError(f"There is no product feed {block.get('feed')!r}.", status=422)
    return str(block["feed"])


def limit(block: MailBlock) -> int:
    """How many products a block shows at most."""
    return min(max(int(block.get("limit", LIMITS[feed(block)])), 1), 9)


def to_mjml(
    block: MailBlock,
    title: str,
    say: Callable[[str], str],
    link: Callable[[str], str],
    *,
    rtl: bool,
) -> str:
    """The block in MJML; nothing of it is shown when there are no products."""
    count = limit(block)
    if feed(block) == CHECKOUT:
        rows = "".join(_line(n, say, link, rtl) for n in range(count))
        more = (
            f'{{% if event.lines.size > {count} %}}<tr><td colspan="2" class="more">'
            f"{say(TEXTS[0])}</td></tr>{{% endif %}}"
        )
        body, name = (
            f'<table class="lines" role="presentation"><tbody>{rows}{more}</tbody></table>',
            "event.lines",
        )
    else:
        body, name = _cards(count, link), "products"
    heading = f'<p class="eyebrow">{title}</p>' if title else ""
    return (
        f"<mj-raw>{{% if {name}.size > 0 %}}</mj-raw>"
        f'<mj-text css-class="ink" padding="16px 32px">{heading}{body}</mj-text>'
        "<mj-raw>{% endif %}</mj-raw>"
    )


def _cards(count: int, link: Callable[[str], str]) -> str:
    tables = []
    for start in range(0, count, ROW):
        cells = "".join(_card(n, link) for n in range(start, min(start + ROW, count)))
        tables.append(
            f"{{% if products[{start}] %}}"
            f'<table class="cards" role="presentation" align="center"><tr>{cells}</tr></table>'
            "{% endif %}"
        )
    return "".join(tables)


def _card(n: int, link: Callable[[str], str]) -> str:
    it = f"products[{n}]"
    href = link(f"{{{{ {it}.url }}}}")
    return (
        f'{{% if {it} %}}<td class="card"><a class="picture" href="{href}">'
        f'{{% if {it}.image != "" %}}<img src="{{{{ {it}.image }}}}" alt="{{{{ {it}.title }}}}"'
        ' width="164" height="164"/>{% endif %}</a>'
        f'<a class="about" href="{href}"><span class="kind">{{{{ {it}.kind }}}}</span>'
        f'<span class="name">{{{{ {it}.title }}}}</span>'
        f'<span class="price">{{{{ {it}.price | money }}}}</span></a></td>{{% endif %}}'
    )


def _line(n: int, say: Callable[[str], str], link: Callable[[str], str], rtl: bool) -> str:
    it = f"event.lines[{n}]"
    href = link("{{ event.checkout_url }}")
    side = "right" if rtl else "left"
    return (
        f'{{% if {it} %}}<tr><td class="shot"><a href="{href}">'
        f'{{% if {it}.image and {it}.image != "" %}}<img src="{{{{ {it}.image }}}}"'
        f' alt="{{{{ {it}.title }}}}" width="96" height="96"/>{{% endif %}}</a></td>'
        f'<td class="what" align="{side}"><span class="name">{{{{ {it}.title }}}}</span>'
        f'{{% if {it}.variant_title and {it}.variant_title != "" %}}'
        f'<span class="kind">{{{{ {it}.variant_title }}}}</span>{{% endif %}}'
        f'<span class="kind">{say(TEXTS[1])} {{{{ {it}.quantity }}}}</span>'
        f'<span class="price">{{{{ {it}.price | money: event.currency }}}}</span></td></tr>'
        "{% endif %}"
    )
