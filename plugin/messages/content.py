"""Content: a rendered message comes in, what its channel hands over goes out."""

from collections.abc import Callable

from plugin.channels.base import Content, EmailContent, TextContent
from plugin.messages import links
from plugin.messages.render import Rendered
from storage.messages import Message
from storage.shops import Shop


def build_content(kind: type[Content], shop: Shop, message: Message, rendered: Rendered) -> Content:
    """What a message says, as the content type of its channel."""
    return BUILDERS[kind](shop, message, rendered)


def _email(shop: Shop, message: Message, rendered: Rendered) -> EmailContent:
    return EmailContent(
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        sender_name=shop.sender_name or shop.name,
        unsubscribe_url=links.unsubscribe_url(links.Target(shop.id, message.id)),
    )


def _text(shop: Shop, message: Message, rendered: Rendered) -> TextContent:
    return TextContent(text=rendered.text)


BUILDERS: dict[type[Content], Callable[[Shop, Message, Rendered], Content]] = {
    EmailContent: _email,
    TextContent: _text,
}
