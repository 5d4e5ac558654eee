"""Pages for shoppers: what the links in messages lead to. They need no script and no cookie."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from plugin.messages.engagement import Visitor
from webhooks.client_ip import address_of

MAX_FORM_BYTES = 4_096
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
}


@dataclass(frozen=True)
class Words:
    """The pages' texts in one language."""

    locale: str
    ask: str
    ask_detail: str
    ask_button: str
    done: str
    done_detail: str
    again_button: str
    back: str
    back_detail: str
    gone: str
    gone_detail: str
    home: str
    preferences: str
    confirm: str
    confirm_detail: str
    confirm_button: str
    confirmed: str
    confirmed_detail: str
    copy: str
    copy_detail: str
    copy_button: str
    forget: str
    forget_detail: str
    forget_button: str
    forgotten: str
    forgotten_detail: str
    over: str
    over_detail: str
    direction: str = "ltr"


ENGLISH = Words(
    locale="en",
    ask="Unsubscribe from our emails?",
    ask_detail="You will no longer get news and offers at this address."
    " We still write about your orders.",
    ask_button="Unsubscribe",
    done="You are unsubscribed",
    done_detail="We will not send you any more news or offers. Sorry to see you go.",
    again_button="Subscribe again",
    back="Good to have you back",
    back_detail="You are subscribed to our emails again.",
    gone="This link leads nowhere",
    gone_detail="Perhaps it was cut off on its way. Please open it from the email once more.",
    home="Visit the shop",
    preferences="Choose what you get instead",
    confirm="Is this your address?",
    confirm_detail="Confirm it, and our emails will come. You can unsubscribe at any time.",
    confirm_button="Yes, sign me up",
    confirmed="Thank you, you are in",
    confirmed_detail="Your address is confirmed. The first mail is on its way.",
    copy="The copy of your data",
    copy_detail="It is one file with everything that we keep about you. Keep it safe.",
    copy_button="Download",
    forget="Forget everything about you?",
    forget_detail="Your profile, your history here and our messages to you will be erased. We"
    " cannot bring them back, and we will not write to you again.",
    forget_button="Yes, forget me",
    forgotten="You are being forgotten",
    forgotten_detail="It takes a minute or so. Thank you for having been with us.",
    over="This link has been used, or is too old",
    over_detail="It works once, for seven days. You can ask for a new one where you asked before.",
)
CHINESE = Words(
    locale="zh-CN",
    ask="要退订我们的邮件吗？",
    ask_detail="退订后，此邮箱将不再收到新品与优惠邮件；与订单有关的通知仍会照常发送。",
    ask_button="退订",
    done="已为您退订",
    done_detail="我们不会再向您发送新品或优惠邮件。期待日后再见。",
    again_button="重新订阅",
    back="欢迎回来",
    back_detail="您已重新订阅我们的邮件。",
    gone="此链接无效",
    gone_detail="链接可能不完整，请从邮件中重新打开。",
    home="前往商店",
    preferences="改为选择接收哪些消息",
    confirm="这是您的邮箱吗？",
    confirm_detail="确认后即可收到我们的邮件，您可以随时退订。",
    confirm_button="是的，确认订阅",
    confirmed="谢谢，订阅成功",
    confirmed_detail="您的邮箱已确认，第一封邮件正在路上。",
    copy="您的数据副本",
    copy_detail="文件包含我们所保存的与您有关的全部信息，请妥善保管。",
    copy_button="下载",
    forget="要删除与您有关的全部信息吗？",
    forget_detail="您的资料、在本店的记录以及我们发给您的消息都将被删除，无法恢复；我们也不会再联系您。",
    forget_button="是的，忘记我",
    forgotten="正在删除您的信息",
    forgotten_detail="大约需要一分钟。感谢您曾经的陪伴。",
    over="此链接已使用或已过期",
    over_detail="链接七天内有效，仅可使用一次。您可以在原处重新申请。",
)

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)


def lost(request: Request) -> HTMLResponse:
    """The page behind a link that leads nowhere."""
    say = language(request.headers.get("accept-language", ""))
    return page(say, say.gone, say.gone_detail, status=HTTPStatus.NOT_FOUND)


def page(
    say: Words,
    title: str,
    detail: str,
    button: str = "",
    act: str = "",
    *,
    shop_name: str = "",
    shop_url: str = "",
    preferences_url: str = "",
    status: int = HTTPStatus.OK,
) -> HTMLResponse:
    """A sentence or two, and at most one button."""
    return draw(
        "shopper.html",
        status=status,
        say=say,
        title=title,
        detail=detail,
        button=button,
        act=act,
        shop_name=shop_name,
        shop_url=shop_url,
        preferences_url=preferences_url,
    )


def draw(template: str, *, status: int = HTTPStatus.OK, **values: object) -> HTMLResponse:
    """A page of one of the templates."""
    html = _pages.get_template(template).render(**values)
    return HTMLResponse(html, status_code=status, headers=PAGE_HEADERS)


async def read_form(request: Request) -> Sequence[tuple[str, str]]:
    """What a form sent, bounded; a name may come more than once."""
    async with request.form(max_files=1, max_fields=60, max_part_size=MAX_FORM_BYTES) as form:
        return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def language(locale: str) -> Words:
    """The words of the language that is nearest to a locale."""
    return CHINESE if locale.lower().startswith("zh") else ENGLISH


def visitor(request: Request) -> Visitor:
    """Who followed a link."""
    return Visitor(address_of(request), request.headers.get("user-agent", ""))
