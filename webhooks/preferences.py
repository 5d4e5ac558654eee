"""The preference page: every mail leads to it. It changes nothing until its form is sent."""

from collections.abc import Sequence
from typing import NamedTuple

from babel.dates import format_date
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.consent import preferences
from plugin.consent.preferences import PAUSES, Choice, Choices, Wanted
from plugin.messages import links
from storage.confirmations import COPY, FORGET
from storage.consent_ledger import MARKETING, TRANSACTIONAL
from webhooks.shopper_pages import draw, language, lost, read_form, visitor

Said = Sequence[tuple[str, str]]  # a form's names and values

LANGUAGES = (("en", "English"), ("zh-CN", "简体中文"))


class Words(NamedTuple):
    """The page's texts in one language. `preferences.VERSION` goes up when one changes."""

    title: str
    lead: str
    channels: str
    names: dict[str, str]
    news: str
    orders: str
    terms: str
    topics: str
    frequency: str
    all: str
    weekly: str
    pause: str
    no_pause: str
    paused: str
    pauses: tuple[tuple[int, str], ...]
    language: str
    save: str
    none: str
    saved: str
    data: str
    data_detail: str
    copy: str
    forget: str
    mailed: str


ENGLISH = Words(
    title="Your preferences",
    lead="Choose what you would like to hear, and how often.",
    channels="News and offers",
    names={
        "email": "email",
        "sms": "text message",
        "whatsapp": "WhatsApp",
        "rcs": "RCS message",
        "viber": "Viber",
        "push": "notification",
        "voice": "phone call",
    },
    news="By {channel}",
    orders="About my orders, by {channel}",
    terms="Message and data rates may apply. Reply STOP to end.",
    topics="What interests you",
    frequency="How often",
    all="Whenever there is something new",
    weekly="At most once a week",
    pause="Take a break",
    no_pause="No break",
    paused="On a break until {day}",
    pauses=((1, "For 1 month"), (3, "For 3 months"), (6, "For 6 months")),
    language="Language",
    save="Save",
    none="Unsubscribe from everything",
    saved="Your choices are saved.",
    data="Your data",
    data_detail="We send a link to your email address first, so that nobody else can ask for you.",
    copy="Download my data",
    forget="Forget me",
    mailed="Please look into your inbox: a mail with a link is on its way, unless we sent one"
    " today.",
)
CHINESE = Words(
    title="偏好设置",
    lead="选择您想收到的内容和频率。",
    channels="新品与优惠",
    names={
        "email": "邮件",
        "sms": "短信",
        "whatsapp": " WhatsApp",
        "rcs": " RCS 消息",
        "viber": " Viber",
        "push": "推送通知",
        "voice": "电话",
    },
    news="通过{channel}",
    orders="与我的订单有关的通知，通过{channel}",
    terms="可能产生短信和流量费用。回复 STOP 即可退订。",
    topics="感兴趣的主题",
    frequency="频率",
    all="有新内容就通知我",
    weekly="每周最多一次",
    pause="暂停接收",
    no_pause="不暂停",
    paused="已暂停，至 {day}",
    pauses=((1, "暂停 1 个月"), (3, "暂停 3 个月"), (6, "暂停 6 个月")),
    language="语言",
    save="保存",
    none="全部退订",
    saved="您的选择已保存。",
    data="您的数据",
    data_detail="我们会先向您的邮箱发送链接，以免他人冒用您的名义。",
    copy="下载我的数据",
    forget="忘记我",
    mailed="请查收邮箱：带有链接的邮件正在路上（若今天已发送过，则不再重复发送）。",
)


def routes() -> list[BaseRoute]:
    """The page, and what its forms send."""
    return [
        Route("/p/{token}", show, methods=["GET", "HEAD"]),
        Route("/p/{token}", change, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """Show what she chose so far."""
    target = links.read_token(links.PREFERENCES, request.path_params["token"])
    found = None if target is None else preferences.show(target)
    return lost(request) if found is None else _page(found)


async def change(request: Request) -> Response:
    """Save her choices, or mail the link that she asks for."""
    target = links.read_token(links.PREFERENCES, request.path_params["token"])
    if target is None:
        return lost(request)
    said = await read_form(request)
    return await run_in_threadpool(_change, request, target, said)


def _change(
    request: Request, target: links.Target, said: Sequence[tuple[str, str]]
) -> HTMLResponse:
    before = preferences.show(target)
    if before is None:
        return lost(request)
    do = dict(said).get("do")
    if do in (COPY, FORGET):
        preferences.ask(target, do)
        return _page(before, _words(before.locale).mailed)
    found = preferences.save(target, _wanted(before, said), visitor(request))
    return lost(request) if found is None else _page(found, _words(found.locale).saved)


def _wanted(before: Choices, said: Said) -> Wanted:
    """What the form says; whatever it could not have sent is left as it was."""
    one = dict(said)
    words = _words(before.locale)
    nothing = one.get("do") == "none"
    pause = one.get("pause", "keep")
    orders = {box.key for box in before.boxes if box.purpose == TRANSACTIONAL and box.on}
    named = {value for name, value in said if name == "box"}
    topics = {value for name, value in said if name == "topic"}
    if nothing:
        topics = {str(number) for number, _, on in before.topics if on}
    return Wanted(
        boxes=frozenset(orders if nothing else named),
        topics=frozenset(n for n, _, _ in before.topics if str(n) in topics),
        weekly=before.weekly if nothing else one.get("frequency") == "weekly",
        pause_months=int(pause) if pause in {"0", *map(str, PAUSES)} and not nothing else None,
        language=one["language"] if one.get("language") in dict(LANGUAGES) else before.locale,
        labels={
            box.key: " ".join(
                [f"{words.channels}: {_label(box, words)}.", _terms(box, words)]
            ).strip()
            for box in before.boxes
        },
        nothing=nothing,
    )


def _page(found: Choices, said: str = "") -> HTMLResponse:
    say, words = language(found.locale), _words(found.locale)
    until = found.paused_until
    return draw(
        "preferences.html",
        say=say,
        words=words,
        title=words.title,
        said=said,
        found=found,
        boxes=[(box, _label(box, words), _terms(box, words)) for box in found.boxes],
        until=format_date(until, "long", say.locale.replace("-", "_")) if until else "",
        languages=LANGUAGES,
        shop_name=found.shop_name,
        shop_url=found.shop_url,
    )


def _label(box: Choice, words: Words) -> str:
    label = words.orders if box.purpose == TRANSACTIONAL else words.news
    return label.replace("{channel}", words.names[box.channel])


def _terms(box: Choice, words: Words) -> str:
    """What the law wants said beside a yes to texts: 47 CFR 64.1200(f)(9)."""
    return words.terms if box.purpose == MARKETING and box.channel in ("sms", "rcs") else ""


def _words(locale: str) -> Words:
    return CHINESE if locale.lower().startswith("zh") else ENGLISH
