"""The preference page: every mail leads to it. It changes nothing until its form is sent."""

from collections.abc import Sequence

from babel.dates import format_date
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from plugin.consent import preferences
from plugin.consent.preferences import PAUSES, PreferenceBox, PreferencePage, PreferenceUpdate
from plugin.messages import links
from plugin.texts import N_, Texts, locales, texts_for
from storage.channels import Channel
from storage.confirmations import ConfirmationKind
from storage.consent_ledger import ConsentPurpose
from storage.preferences import SendingFrequency
from webhooks.shopper_pages import not_found_page, read_form, render_template, request_origin

Said = Sequence[tuple[str, str]]  # a form's names and values

LABELS = {  # beside a box, by purpose and channel
    ConsentPurpose.MARKETING: {
        Channel.EMAIL: N_("By email"),
        Channel.SMS: N_("By text message"),
        Channel.WHATSAPP: N_("By WhatsApp"),
        Channel.RCS: N_("By RCS message"),
        Channel.VIBER: N_("By Viber"),
        Channel.PUSH: N_("By notification"),
        Channel.VOICE: N_("By phone call"),
    },
    ConsentPurpose.TRANSACTIONAL: {
        Channel.EMAIL: N_("About my orders, by email"),
        Channel.SMS: N_("About my orders, by text message"),
        Channel.WHATSAPP: N_("About my orders, by WhatsApp"),
        Channel.RCS: N_("About my orders, by RCS message"),
        Channel.VIBER: N_("About my orders, by Viber"),
        Channel.PUSH: N_("About my orders, by notification"),
        Channel.VOICE: N_("About my orders, by phone call"),
    },
}
NEWS = N_("News and offers")
UNSUBSCRIBE_FROM_ALL = N_("Unsubscribe from all")


def routes() -> list[BaseRoute]:
    """The page, and what its forms send."""
    return [
        Route("/p/{token}", show, methods=["GET", "HEAD"]),
        Route("/p/{token}", change, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """Show the shopper's saved preferences."""
    target = links.read_token(links.PREFERENCES, request.path_params["token"])
    found = None if target is None else preferences.load_page(target)
    return not_found_page(request) if found is None else _page(found)


async def change(request: Request) -> Response:
    """Save the shopper's choices, or mail the link that they ask for."""
    target = links.read_token(links.PREFERENCES, request.path_params["token"])
    if target is None:
        return not_found_page(request)
    form = await read_form(request)
    return await run_in_threadpool(_change, request, target, form)


def _change(
    request: Request, target: links.Target, form: Sequence[tuple[str, str]]
) -> HTMLResponse:
    before = preferences.load_page(target)
    if before is None:
        return not_found_page(request)
    do = dict(form).get("do")
    if do in (ConfirmationKind.DATA_EXPORT, ConfirmationKind.REDACT):
        preferences.request_by_mail(target, ConfirmationKind(do))
        return _page(
            before,
            texts_for(before.locale).text(
                "Check your inbox. We've emailed you a link, unless we already sent one today."
            ),
        )
    if do not in (None, "save", "none"):  # of a page that we drew long ago
        return _page(before)
    found = preferences.save_choices(target, _wanted(before, form), request_origin(request))
    if found is None:
        return not_found_page(request)
    texts = texts_for(found.locale)
    if do == "none":
        return _page(found, texts.text("You are unsubscribed. You will get no more marketing."))
    return _page(found, texts.text("Your preferences are saved."))


def _wanted(before: PreferencePage, form: Said) -> PreferenceUpdate:
    """Return the form's choices; anything that the form cannot have sent stays as it was."""
    one = dict(form)
    texts = texts_for(before.locale)
    nothing = one.get("do") == "none"
    pause = one.get("pause", "keep")
    orders = {
        box.key for box in before.boxes if box.purpose == ConsentPurpose.TRANSACTIONAL and box.on
    }
    named = {value for name, value in form if name == "box"}
    topics = {value for name, value in form if name == "topic"}
    if nothing:
        topics = {str(number) for number, _, on in before.topics if on}
    return PreferenceUpdate(
        boxes=frozenset(orders if nothing else named),
        topics=frozenset(n for n, _, _ in before.topics if str(n) in topics),
        weekly=before.weekly if nothing else one.get("frequency") == SendingFrequency.WEEKLY,
        pause_months=int(pause) if pause in {"0", *map(str, PAUSES)} and not nothing else None,
        language=one["language"] if one.get("language") in locales() else before.locale,
        labels={
            box.key: " ".join(
                [f"{texts.text(NEWS)}: {_label(box, texts)}.", _terms(box, texts)]
            ).strip()
            for box in before.boxes
        }
        | {"": texts.text(UNSUBSCRIBE_FROM_ALL)},
        nothing=nothing,
    )


def _page(found: PreferencePage, form: str = "") -> HTMLResponse:
    texts = texts_for(found.locale)
    until = found.paused_until
    return render_template(
        "preferences.html",
        texts,
        title=texts.text("Your preferences"),
        said=form,
        found=found,
        news=texts.text(NEWS),
        unsubscribe_from_all=texts.text(UNSUBSCRIBE_FROM_ALL),
        boxes=[(box, _label(box, texts), _terms(box, texts)) for box in found.boxes],
        until=format_date(until, "long", texts.locale.replace("-", "_")) if until else "",
        pauses=[
            (months, texts.plural("For %(num)s month", "For %(num)s months", months))
            for months in PAUSES
        ],
        languages=[(each, texts_for(each).language_name) for each in locales()],
        shop_name=found.shop_name,
        shop_url=found.shop_url,
    )


def _label(box: PreferenceBox, texts: Texts) -> str:
    label = LABELS[box.purpose].get(box.channel)
    return texts.text(label) if label else box.channel.upper()  # LINE is a name, whatever language


def _terms(box: PreferenceBox, texts: Texts) -> str:
    """Return the disclosure that the law requires beside a consent to texts: 47 CFR
    64.1200(f)(9).
    """
    if box.purpose == ConsentPurpose.MARKETING and box.channel in (Channel.SMS, Channel.RCS):
        return texts.text("Message and data rates may apply. Reply STOP to end.")
    return ""
