"""A form's answers. In: what a browser sent. Out: profile, answers, consent with its proof, and the
flow that they start, all in one transaction; or a message for each field that will not do.

The browser is not to be believed about who somebody is: an address typed into a form never changes
what the storefront told us of a profile, and never joins two known shoppers.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from plugin import bell, clock, facts
from plugin.facts import Key, Person, Whose
from plugin.flows import enter
from plugin.forms import confirm
from plugin.forms.definition import choose_locale, consent_words, dates, questions, translated
from plugin.forms.words import say
from plugin.messages import asking
from plugin.people import merge
from plugin.people.identity import resolve
from storage import consent, db, events, forms, profiles, write_backs
from storage.asks import CONFIRM
from storage.consent import PENDING, SUBSCRIBED
from storage.forms import LIVE, SUBMITTED, VIEWED, Form, FormVersion
from storage.ids import new_id
from storage.profiles import BROWSER, CART, EMAIL, PHONE, STRONG, get_profile
from storage.shops import Shop
from storage.write_backs import METAFIELD

BIRTHDAY, OLD_ENOUGH = "birthday", 16
LONGEST = 200  # characters of a token or an answer
METAFIELD_KEY = re.compile(r"[A-Za-z0-9_-]{2,64}")  # shopify.dev, MetafieldsSetInput.key


class NoFormError(Exception):
    """The shop shows no such form."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent it, as far as the connection tells: evidence for the ledger."""

    ip: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What a browser sent, read and bounded."""

    answers: dict[str, str]
    email: str
    phone: str | None
    sms: bool
    page: str
    locale: str
    browser_id: str
    cart_token: str
    country: str


def shown(session: Session, shop_id: int, form_id: int) -> FormVersion | None:
    """The version of a live form that shoppers see now."""
    form = forms.get_form(session, shop_id, form_id)
    if form is None or form.status != LIVE:
        return None
    return forms.get_form_version(session, shop_id, form_id, form.version)


def definition_for(version: FormVersion, locale: str) -> dict[str, Any]:
    """A version's definition in a shopper's language, as the popup wants it."""
    texts = version.translations.get(choose_locale(locale, version.translations), {})
    found: dict[str, Any] = translated(version.definition, texts)
    return {**found, "id": str(version.form_id), "version": version.version}


def view(shop_id: int, form_id: int) -> None:
    """Count that somebody saw a form."""
    with db.transaction() as session:
        if version := shown(session, shop_id, form_id):
            day = clock.now().date()
            forms.count_form(session, shop_id, form_id, version.version, day, VIEWED)


def submit(shop: Shop, form_id: int, body: dict[str, Any], sender: Sender) -> dict[str, str] | None:
    """Take a form's answers in; a message for each field that will not do, or None.

    Raises:
        NoFormError: the shop shows no such form.
    """
    now = clock.now()
    with db.transaction() as session:
        version = shown(session, shop.id, form_id)
        if version is None:
            raise NoFormError
        said, errors = read(version, body, shop.country or None)
        if said is None:
            return errors
        if _is_child(said, now):
            return None  # it is answered like everybody, so that nobody learns to say another age
        db.lock_shop(session, shop.id)
        whose = _person(session, shop.id, said, now)
        pending = _must_confirm(session, shop, form_id, said, whose)
        _keep_consent(session, shop, version, said, sender, whose, now, pending=pending)
        _tell(session, shop, version, said, whose, now, pending=pending)
        if shop.write_answers:
            _write_answers(session, shop.id, said, whose, now)
        entered, mailed = [], None
        list_id = _form(session, shop.id, form_id).list_id
        if pending:
            mailed = asking.ask(
                session, shop, CONFIRM, whose, said.email, now,
                form_id=form_id, form_version=version.version,
            )  # fmt: skip
        elif merge.join_list(session, shop.id, list_id, whose, now, f"form:{form_id}"):
            entered = enter.on_joined(session, shop, list_id, whose, now)
        forms.count_form(session, shop.id, form_id, version.version, now.date(), SUBMITTED)
    bell.ring_for("advance", [(shop.id, enrolment_id) for enrolment_id in entered])
    if mailed is not None:
        bell.ring("send", shop.id, [mailed])
    return None


def read(
    version: FormVersion, body: dict[str, Any], country: str | None
) -> tuple[Submission | None, dict[str, str]]:
    """What a browser sent, or a message for each field that will not do."""
    locale = _text(body, "locale")
    errors: dict[str, str] = {}
    if _text(body, "website"):
        errors["website"] = say("website", locale)  # only a program fills what nobody sees
    email = facts.email(body.get("email"))
    if email is None:
        errors["email"] = say("email", locale)
    typed = _text(body, "phone")
    phone = facts.phone(typed, country)
    if typed and phone is None:
        errors["phone"] = say("phone", locale)
    given = body.get("answers")
    given = given if isinstance(given, dict) else {}
    answers: dict[str, str] = {}
    for question in questions(version.definition):
        answer = given.get(question.name)
        if answer in (None, "") and not question.required:
            continue
        if not isinstance(answer, str) or answer not in question.answers:
            errors[question.name] = say("answer", locale)
        else:
            answers[question.name] = answer
    for name in dates(version.definition):
        answer = given.get(name)
        try:
            answers[name] = date.fromisoformat(
                answer if isinstance(answer, str) else ""
            ).isoformat()
        except ValueError:
            if answer or name == BIRTHDAY:  # an age that is asked for is not passed over
                errors[name] = say("date", locale)
    if errors or email is None:
        return None, errors
    allowed = body.get("consent")
    return (
        Submission(
            answers=answers,
            email=email,
            phone=phone,
            sms=isinstance(allowed, dict) and allowed.get("sms") is True and phone is not None,
            page=_text(body, "page", 2_000),
            locale=locale[:35],
            browser_id=_text(body, "browser_id"),
            cart_token=_text(body, "cart_token"),
            country=_text(body, "country", 2).upper(),
        ),
        {},
    )


def _is_child(said: Submission, now: datetime) -> bool:
    """Whether a birthday says that we may keep nothing: GDPR, article 8(1); COPPA below 13."""
    if BIRTHDAY not in said.answers:
        return False
    born, today = date.fromisoformat(said.answers[BIRTHDAY]), now.date()
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age < OLD_ENOUGH


def _text(body: dict[str, Any], name: str, longest: int = LONGEST) -> str:
    value = body.get(name)
    return str(facts.storable(value[:longest])) if isinstance(value, str) else ""


def _person(session: Session, shop_id: int, said: Submission, now: datetime) -> Whose:
    """The profile behind the email; the browser and its cart join it unless they are another's."""
    weak = facts.keys((BROWSER, said.browser_id), (CART, said.cart_token))
    known = profiles.find_identities(session, shop_id, [(EMAIL, said.email), *weak])
    owner = known.get((EMAIL, said.email))
    free = [key for key in weak if _is_free(session, shop_id, known.get(key), owner)]
    properties = dict(said.answers)
    fields = {"email": said.email, "locale": said.locale} if owner is None else {}
    if owner is None and said.phone and not _taken(session, shop_id, said.phone):
        fields["phone"] = said.phone
    person = Person((Key(EMAIL, said.email), *free), now, fields, properties)
    (whose,) = resolve(session, shop_id, [person], now)
    assert whose is not None  # it has a key
    return whose


def _is_free(session: Session, shop_id: int, holder: int | None, owner: int | None) -> bool:
    """Whether a browser or a cart is nobody's yet, or already this shopper's."""
    if holder is None or holder == owner:
        return True
    return not any(i.kind in STRONG for i in profiles.identities_of(session, shop_id, [holder]))


def _taken(session: Session, shop_id: int, phone: str) -> bool:
    return bool(profiles.find_identities(session, shop_id, [(PHONE, phone)]))


def _form(session: Session, shop_id: int, form_id: int) -> Form:
    form = forms.get_form(session, shop_id, form_id)
    assert form is not None  # its version was found
    return form


def _must_confirm(
    session: Session, shop: Shop, form_id: int, said: Submission, whose: Whose
) -> bool:
    form = _form(session, shop.id, form_id)
    profile = get_profile(session, shop.id, whose.profile_id)
    where = (said.email, said.country, said.locale)
    return confirm.is_needed(session, shop, form, profile, where)


def _keep_consent(
    session: Session,
    shop: Shop,
    version: FormVersion,
    said: Submission,
    sender: Sender,
    whose: Whose,
    now: datetime,
    *,
    pending: bool,
) -> None:
    """Write into the ledger what was allowed, in answer to which words."""
    texts = definition_for(version, said.locale)
    allowed = [("email", said.email)]
    if said.sms and said.phone:
        allowed.append(("sms", said.phone))
    consent.record(
        session,
        [
            {
                "shop_id": shop.id,
                "id": (entry := new_id()),
                "unique_key": f"form:{version.form_id}:{entry}",
                "channel": channel,
                "address": address,
                "state": PENDING if pending else SUBSCRIBED,
                "occurred_at": now,
                "recorded_at": now,
                "source": "form",
                "method": "checkbox" if channel == "sms" else "button",
                "profile_id": whose.origin_id,
                "words": consent_words(texts, channel),
                "form_id": version.form_id,
                "form_version": version.version,
                "page": said.page,
                "ip": sender.ip[:45],
                "user_agent": sender.user_agent[:500],
            }
            for channel, address in allowed
        ],
    )


def _tell(
    session: Session,
    shop: Shop,
    version: FormVersion,
    said: Submission,
    whose: Whose,
    now: datetime,
    *,
    pending: bool,
) -> None:
    """Put it on the timeline, under Klaviyo's metric names."""
    entry = str(new_id())
    told: list[tuple[str, dict[str, Any]]] = [
        ("Submitted Form", {"form_id": str(version.form_id), "page": said.page, **said.answers}),
    ]
    if not pending:
        told.append(("Subscribed to Email Marketing", {"form_id": str(version.form_id)}))
    if said.sms and not pending:
        told.append(("Subscribed to SMS Marketing", {"form_id": str(version.form_id)}))
    events.add_events(
        session,
        [
            {
                "shop_id": shop.id,
                "id": new_id(),
                **whose.columns,
                "metric": metric,
                "unique_id": entry,
                "occurred_at": now,
                "value": None,
                "currency": None,
                "properties": properties,
            }
            for metric, properties in told
        ],
    )


def _write_answers(
    session: Session, shop_id: int, said: Submission, whose: Whose, now: datetime
) -> None:
    """Let the storefront's customer hold them, as metafields."""
    write_backs.put(
        session,
        shop_id,
        [
            {
                "kind": METAFIELD,
                "name": name,
                "value": answer,
                **whose.columns,
                "said_at": now,
            }
            for name, answer in said.answers.items()
            if METAFIELD_KEY.fullmatch(name)
        ],
        now,
    )
