"""Consent: when an address is confirmed, where a purchase allows mail, and what shoppers choose
among on their preference page.
"""

from dataclasses import replace

from sqlmodel import Session
from starlette.responses import Response

from admin_ui.kit.request import AdminRequest
from admin_ui.kit.routes import page
from plugin.forms import double_opt_in
from plugin.texts import N_
from storage import flows, forms, preferences, shops
from storage.engine import db
from storage.forms import OptIn
from storage.preferences import MAX_TOPICS
from storage.shops import Shop

TITLE = N_("Consent")
WAYS = (OptIn.BY_COUNTRY, OptIn.DOUBLE_OPT_IN, OptIn.SINGLE_OPT_IN)
MAX_TOPIC_CHARS = 60


@page("/settings/consent", title=TITLE)
def show(visit: AdminRequest) -> Response:
    """Show the settings of consent."""
    return _page(visit, _names(visit, visit.shop.implied_countries), {})


@page("/settings/consent", title=TITLE, method="POST")
def save(visit: AdminRequest) -> Response:
    """Save them."""
    typed = visit.form.get("implied_countries", "")
    said, unknown = _countries(visit, typed)
    if unknown:
        error = visit.say.text("Unknown country: %(name)s.", name=unknown)
        return _page(visit, typed, {"implied_countries": error}, status=422)
    lines = visit.form.get("topics", "").splitlines()
    names = [name for line in lines if (name := " ".join(line.split())[:MAX_TOPIC_CHARS])]
    with db.transaction() as session:
        shop = shops.get_shop(session, visit.shop.id)
        assert shop is not None  # the visit's own
        shop.implied_countries = " ".join(dict.fromkeys(said))
        session.add(shop)
        preferences.set_topics(session, shop.id, list(dict.fromkeys(names))[:MAX_TOPICS])
        _set_forms_and_flows(session, shop, visit)
    saved = replace(visit, shop=shop)
    return _page(saved, _names(visit, shop.implied_countries), {}, toast=saved.say.text("Saved"))


def _countries(visit: AdminRequest, typed: str) -> tuple[list[str], str]:
    """The codes of countries that were named in the merchant's language or by their codes, and the
    first word that names none.
    """
    known = {code: name for code, name in visit.say.locale.territories.items() if code.isalpha()}
    by_name = {name.casefold(): code for code, name in known.items()}
    whole = typed.replace("，", ",").replace("、", ",")
    parts = whole.split(",") if "," in whole or whole.casefold() in by_name else whole.split()
    found: list[str] = []
    for part in filter(None, map(str.strip, parts or [whole])):
        code = part.upper() if part.upper() in known else by_name.get(part.casefold(), "")
        if not code:
            return found, part
        found.append(code)
    return found, ""


def _names(visit: AdminRequest, codes: str) -> str:
    known = visit.say.locale.territories
    return ", ".join(str(known.get(code, code)) for code in codes.split())


def _set_forms_and_flows(session: Session, shop: Shop, visit: AdminRequest) -> None:
    for form in forms.forms_of(session, shop.id):
        chosen = visit.form.get(f"form-{form.id}")
        form.opt_in = OptIn(chosen) if chosen in set(OptIn) else form.opt_in
        session.add(form)
    topics = {str(topic.id): topic.id for topic in preferences.topics_of(session, shop.id)}
    for flow in flows.flows_of(session, shop.id):
        held = "" if flow.topic_id is None else str(flow.topic_id)
        flow.topic_id = topics.get(visit.form.get(f"flow-{flow.id}", held))
        session.add(flow)


def _page(
    visit: AdminRequest, implied: str, errors: dict[str, str], *, toast: str = "", status: int = 200
) -> Response:
    shop_id, territories = visit.shop.id, visit.say.locale.territories
    with db.reading() as session:
        held_forms = forms.forms_of(session, shop_id)
        held_flows = flows.flows_of(session, shop_id)
        topics = preferences.topics_of(session, shop_id)
    return visit.page(
        "settings/consent.html",
        toast=toast,
        status=status,
        errors=errors,
        implied=implied,
        named_topics=[(topic.id, topic.name) for topic in topics],
        confirmed=", ".join(
            sorted(territories[code] for code in double_opt_in.double_opt_in_countries())
        ),
        forms=held_forms,
        flows=held_flows,
        topics=topics,
    )
