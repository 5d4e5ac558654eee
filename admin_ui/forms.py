"""Sign-up forms: their views and submissions, questions, and status."""

from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup
from starlette.responses import Response

from admin_ui.kit import charts, links
from admin_ui.kit.language import Language
from admin_ui.kit.request import AdminRequest, missing, row_id
from admin_ui.kit.routes import page
from plugin import clock
from plugin.errors import RegularsError
from plugin.forms import double_opt_in, library
from plugin.forms.ready_made import ReadyForm
from plugin.templates import library as email_library
from plugin.texts import N_, texts_for
from storage import forms, lists
from storage.channels import Channel
from storage.engine import db
from storage.engine.types import JsonObject
from storage.forms import FormEvent, FormStatus

TITLE = N_("Forms")
DAYS = 30
QUESTION_TYPES = {
    "email",
    "phone_number",
    "radio_buttons",
    "checkboxes",
    "dropdown",
    "text_input",
    "date",
}


@dataclass(frozen=True)
class FormQuestion:
    """One block of a form in words: a text, a question with its answers, or a button."""

    kind: str
    words: str
    answers: tuple[str, ...] = ()
    property: str = ""


@dataclass(frozen=True)
class Offer:
    """A form of the library, in the merchant's language as far as shoppers read it."""

    key: str
    name: str
    invitation: str
    questions: tuple[str, ...]
    has_welcome_mail: bool


@page("/forms", title=TITLE)
def show_all(visit: AdminRequest) -> Response:
    """Show every form."""
    since = clock.now().date() - timedelta(days=DAYS - 1)
    with db.reading() as session:
        found = forms.forms_of(session, visit.shop.id)
        totals = forms.form_totals(session, visit.shop.id, since)
        unused = library.unused_forms(session, visit.shop.id)
    counted = [
        (
            form,
            totals.get(form.id, {}).get(FormEvent.VIEWED, 0),
            totals.get(form.id, {}).get(FormEvent.SUBMITTED, 0),
        )
        for form in found
    ]
    unseen = any(form.status == FormStatus.LIVE and not views for form, views, _ in counted)
    return visit.page(
        "forms/forms.html",
        forms=counted,
        unseen=unseen,
        embed=links.embed(visit.shop),
        offers=[_offer(key, form, visit.say) for key, form in unused.items()],
    )


@page("/forms", title=TITLE, method="POST")
def use(visit: AdminRequest) -> Response:
    """Take the form `key` of the library into the shop."""
    form_id = library.use_form(visit.shop.id, visit.form.get("key", ""))
    toast = visit.say.text("Form added. Turn it on when you're ready.")
    return _page(visit, form_id, toast, path=f"/forms/{form_id}")


@page("/forms/{form_id}", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show a form."""
    return _page(visit, visit.number("form_id"))


@page("/forms/{form_id}", title=TITLE, method="POST")
def switch(visit: AdminRequest) -> Response:
    """Turn a form on or off (`status` is `live` or `draft`), or give it another `list`."""
    form_id, say = visit.number("form_id"), visit.say
    if "list" in visit.form:
        if not visit.form["list"]:
            return _page(visit, form_id, say.text("Choose a list first."))
        library.set_list(visit.shop.id, form_id, row_id(visit.form["list"]))
        return _page(visit, form_id, say.text("Saved"))
    live = visit.form.get("status") == FormStatus.LIVE
    try:
        library.set_status(visit.shop.id, form_id, live)
    except RegularsError as error:
        if error.status != 409:
            raise
        return _page(visit, form_id, say.text("Choose a list first."))
    return _page(
        visit,
        form_id,
        say.text("Form turned on. It appears in your store within a minute.")
        if live
        else say.text("Form turned off. It disappears from your store within a minute."),
    )


def _page(visit: AdminRequest, form_id: int, toast: str = "", *, path: str = "") -> Response:
    shop, say = visit.shop, visit.say
    today = clock.now().date()  # a form's days are UTC's
    days = [today - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    with db.reading() as session:
        form = forms.get_form(session, shop.id, form_id)
        if form is None:
            raise missing()
        version = forms.get_form_version(session, shop.id, form_id, form.version)
        if version is None:
            raise missing()
        counted = {(d, k): n for d, k, n in forms.form_days(session, shop.id, form_id, days[0])}
        joined = lists.get_list(session, shop.id, form.list_id)
        known = lists.lists_of(session, shop.id)
    views = [counted.get((day, FormEvent.VIEWED), 0) for day in days]
    submits = [counted.get((day, FormEvent.SUBMITTED), 0) for day in days]
    return visit.page(
        "forms/form.html",
        toast=toast,
        path=path,
        form=form,
        list=joined,
        lists=[(each.id, each.name) for each in known],
        views=sum(views),
        submits=sum(submits),
        steps=steps(version.definition),
        languages=sorted(version.translations),
        texts_wait=Channel.SMS in double_opt_in.leaves_unconfirmed(form, version.definition),
        shop_url=links.storefront(shop),
        embed=links.embed(shop),
        chart_drawn=charts.by_day(
            say.text("Views and sign-ups by day"),
            (say.text("Views"), say.text("Sign-ups")),
            days,
            views,
            part=submits,
            say=say,
            write=say.number,
            short=say.number,
        ),
    )


def _offer(key: str, form: ReadyForm, say: Language) -> Offer:
    version, texts = form.version(), texts_for(say.code)
    invitation = version["properties"]["accessible_name"]
    return Offer(
        key=key,
        name=form.name,
        invitation=texts.text(invitation),
        questions=tuple(
            texts.text(ask.words) for _, asks in steps(version) for ask in asks if ask.kind == "ask"
        ),
        has_welcome_mail=email_library.welcome_mail_of(key) is not None,
    )


def steps(definition: JsonObject) -> list[tuple[str, list[FormQuestion]]]:
    """A form's steps, each with its name and what stands on it."""
    found = list(definition.get("steps") or [])
    if definition.get("success"):
        found.append(definition["success"])
    return [
        (
            str(step.get("name") or n + 1),
            [
                ask
                for column in step.get("columns") or []
                for row in column.get("rows") or []
                for block in row.get("blocks") or []
                if (ask := _ask(block))
            ],
        )
        for n, step in enumerate(found)
    ]


def _ask(block: JsonObject) -> FormQuestion | None:
    about = block.get("properties") or {}
    kind = str(block.get("type"))
    if kind in QUESTION_TYPES:
        options = tuple(str(option["label"]) for option in about.get("options") or [])
        return FormQuestion(
            "ask", str(about.get("label") or kind), options, about.get("property_name", "")
        )
    if kind == "button":
        return FormQuestion("button", str(about.get("label") or ""))
    words = about.get("text") or about.get("content") or about.get("checkbox_text") or ""
    if isinstance(words, dict):
        words = words.get("html") or ""
    plain = Markup(str(words)).striptags()
    return FormQuestion("text", plain) if plain else None
