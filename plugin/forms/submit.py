"""Record a form's submission in one transaction: profile, answers, consent with its proof, and the
flow that they start; or return an error for each invalid field.

A browser cannot prove who its shopper is: see `plugin.forms.claim`. Its response is the same for
every address.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plugin import clock, jobs
from plugin.channels.base import ChannelMetrics
from plugin.errors import RegularsError
from plugin.facts import ProfileRef
from plugin.flows import enrol
from plugin.forms import claim as claims
from plugin.forms import double_opt_in
from plugin.forms.claim import Claim
from plugin.forms.definition import consent_words, translate_node
from plugin.forms.submission import Submission, is_under_age, parse_submission
from plugin.forms.typos import correct
from plugin.messages import confirmations
from plugin.profiles import list_membership
from plugin.texts import N_, nearest_locale, texts_for
from plugin.values import parse_email
from storage import consent, events, forms, write_backs
from storage.channels import Channel
from storage.confirmations import ConfirmationKind
from storage.consent_ledger import ConsentSource, ConsentState
from storage.engine import db
from storage.engine.ids import new_id
from storage.engine.types import JsonObject
from storage.forms import Form, FormEvent, FormStatus, FormVersion
from storage.mailbox_counts import MailboxUse
from storage.profiles import DataSource, get_profile
from storage.shops import Shop
from storage.write_backs import WriteBackKind

SUBSCRIBES = {
    Channel.EMAIL: ChannelMetrics.of("Email").subscribed,
    Channel.SMS: ChannelMetrics.of("SMS").subscribed,
}
MEANT = N_("Did you mean this address? Tap it, or send again to keep yours.")
CONFIRM_TITLE = N_("Please confirm your address")
CONFIRM_TEXT = N_("We sent you an email. Press the button in it, and you are signed up.")
METAFIELD_KEY = re.compile(r"[A-Za-z0-9_-]{2,64}")  # shopify.dev, MetafieldsSetInput.key


class NoFormError(RegularsError):
    """The shop shows no such form."""

    def __init__(self) -> None:
        super().__init__("The shop shows no such form.", 404)


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who sent it, as far as the connection tells: evidence for the ledger."""

    ip: str
    user_agent: str
    customer_id: str = ""  # the logged-in customer, as signed by the storefront


def get_live_form(session: Session, shop_id: int, form_id: int) -> FormVersion | None:
    """The version of a live form that shoppers see now."""
    form = forms.get_form(session, shop_id, form_id)
    if form is None or form.status != FormStatus.LIVE:
        return None
    return forms.get_form_version(session, shop_id, form_id, form.version)


def definition_for(version: FormVersion, locale: str) -> JsonObject:
    """A version's definition in a shopper's language, as the popup wants it."""
    texts = version.translations.get(nearest_locale(locale, version.translations) or "", {})
    found: JsonObject = translate_node(version.definition, texts)
    return {**found, "id": str(version.form_id), "version": version.version}


def count_view(shop_id: int, form_id: int) -> None:
    """Count a view of a form."""
    with db.transaction() as session:
        if version := get_live_form(session, shop_id, form_id):
            day = clock.now().date()
            forms.count_form_event(
                session, shop_id, form_id, version.version, day=day, kind=FormEvent.VIEWED
            )


def submit_form(shop: Shop, form_id: int, body: JsonObject, sender: RequestOrigin) -> JsonObject:
    """Take a form's answers in and return what the browser hears: `ok`, with what is to be said
    in place of the form's own words; or `errors`, a message for each field that will not do.

    Raises:
        NoFormError: the shop shows no such form.
    """
    now = clock.now()
    with db.transaction() as session:
        version = get_live_form(session, shop.id, form_id)
        if version is None:
            raise NoFormError
        submission, errors = parse_submission(version, body, shop.country or None)
        if submission is None:
            return {"errors": errors}
        if suggested := _suggested(submission, body):
            question = texts_for(submission.locale).text(MEANT)
            return {"errors": {"email": question}, "suggested": suggested}
        answer = _answer(shop, _form(session, shop.id, form_id), submission)
        if is_under_age(submission, now):
            return answer  # the same answer as to others, so that no one learns to give another age
        db.lock_shop(session, shop.id)
        claim = claims.resolve_profile(session, shop.id, submission, sender.customer_id, now=now)
        ref, allowed = claim.ref, claims.may_set_consent(session, shop.id, submission, claim)
        pending = _must_confirm(session, shop, form_id, submission, ref=ref, allowed=allowed)
        _keep_consent(
            session,
            shop,
            version,
            submission=submission,
            sender=sender,
            claim=claim,
            allowed=allowed,
            now=now,
            pending=pending,
        )
        _tell(session, version, submission, claim=claim, allowed=allowed, now=now, pending=pending)
        if shop.write_form_answers and claim.is_proven:
            _write_answers(session, shop.id, submission, ref, now=now)
        entered, mailed = [], None
        list_id = _form(session, shop.id, form_id).list_id
        if Channel.EMAIL in pending:
            mailed = confirmations.request_confirmation(
                session, shop, ConfirmationKind.DOUBLE_OPT_IN, ref,
                address=submission.email, now=now, form_id=form_id, form_version=version.version,
            )  # fmt: skip
        elif list_membership.add_to_list(
            session, shop.id, list_id, ref, at=now, source=f"form:{form_id}"
        ):
            entered = enrol.enrol_for_list(session, shop, list_id, ref, now=now)
        forms.count_form_event(
            session, shop.id, form_id, version.version, day=now.date(), kind=FormEvent.SUBMITTED
        )
    jobs.enqueue_for_rows("advance", [(shop.id, enrolment_id) for enrolment_id in entered])
    if mailed is not None:
        jobs.enqueue("send_first", shop.id, [mailed])
    return answer


def _suggested(submission: Submission, body: JsonObject) -> str:
    """The address that was probably meant, until the shopper says that theirs is right: `sure`
    holds the address they were asked about. A popup of an earlier release cannot ask.
    """
    if "sure" not in body or parse_email(body["sure"]) == submission.email:
        return ""
    return correct(submission.email) or ""


def _answer(shop: Shop, form: Form, submission: Submission) -> JsonObject:
    """What every shopper of this form and country hears, the known ones too."""
    where = (submission.country, submission.locale)
    if not double_opt_in.asks_strangers(shop, form, where):
        return {"ok": True}
    texts = texts_for(submission.locale)
    return {"ok": True, "title": texts.text(CONFIRM_TITLE), "text": texts.text(CONFIRM_TEXT)}


def _form(session: Session, shop_id: int, form_id: int) -> Form:
    form = forms.get_form(session, shop_id, form_id)
    assert form is not None  # its version was found
    return form


def _must_confirm(
    session: Session,
    shop: Shop,
    form_id: int,
    submission: Submission,
    *,
    ref: ProfileRef,
    allowed: dict[Channel, str],
) -> frozenset[Channel]:
    """Return the channels where a yes counts only once its address is confirmed.

    Where the mail's address may not be set, its number may be as little its sender's.
    """
    asked = {Channel.EMAIL: submission.email, **allowed}
    if Channel.EMAIL not in allowed:
        return frozenset(asked)
    form = _form(session, shop.id, form_id)
    profile = get_profile(session, shop.id, ref.profile_id)
    where = (submission.country, submission.locale)
    pending = {
        channel
        for channel, address in asked.items()
        if double_opt_in.requires_double_opt_in(
            session, shop, form, profile, place=(channel, address), evidence=where
        )
    }
    if Channel.EMAIL not in pending and _had_enough(session, shop, submission.email):
        pending.add(Channel.EMAIL)
    return frozenset(pending)


def _had_enough(session: Session, shop: Shop, address: str) -> bool:
    """Whether a mailbox had its sign-up today elsewhere, or under another spelling."""
    if consent.consent_state(session, shop.id, Channel.EMAIL, address) == ConsentState.SUBSCRIBED:
        return False
    return not confirmations.admits(session, MailboxUse.SIGN_UP, shop, address, now=clock.now())


def _keep_consent(
    session: Session,
    shop: Shop,
    version: FormVersion,
    *,
    submission: Submission,
    sender: RequestOrigin,
    claim: Claim,
    allowed: dict[Channel, str],
    now: datetime,
    pending: frozenset[Channel],
) -> None:
    """Write the consents of a submission into the ledger, with the texts that were shown."""
    texts = definition_for(version, submission.locale)
    consent.record_consent(
        session,
        [
            {
                "shop_id": shop.id,
                "id": (entry := new_id()),
                "dedupe_key": f"form:{version.form_id}:{entry}",
                "channel": channel,
                "address": address,
                "state": ConsentState.PENDING if channel in pending else ConsentState.SUBSCRIBED,
                "occurred_at": now,
                "recorded_at": now,
                "source": ConsentSource.FORM,
                "method": "checkbox" if channel == Channel.SMS else "button",
                "profile_id": claim.ref.source_profile_id
                if claim.is_proven or channel == Channel.EMAIL
                else None,
                "disclosure": consent_words(texts, channel),
                "form_id": version.form_id,
                "form_version": version.version,
                "page": submission.page,
                "ip": sender.ip[:45],
                "user_agent": sender.user_agent[:500],
            }
            for channel, address in allowed.items()
        ],
    )


def _tell(
    session: Session,
    version: FormVersion,
    submission: Submission,
    *,
    claim: Claim,
    allowed: dict[Channel, str],
    now: datetime,
    pending: frozenset[Channel],
) -> None:
    """Put it on the timeline, under Klaviyo's metric names."""
    entry = str(new_id())
    form = {"form_id": str(version.form_id), "page": submission.page}
    if not claim.is_proven:
        form["sender"] = DataSource.UNPROVEN
    happened: list[tuple[str, JsonObject]] = [("Submitted Form", {**submission.answers, **form})]
    happened += [
        (SUBSCRIBES[channel], {"form_id": form["form_id"]})
        for channel in allowed
        if channel not in pending
    ]
    events.add_events(
        session,
        [
            {
                "shop_id": version.shop_id,
                "id": new_id(),
                **claim.ref.columns,
                "metric": metric,
                "unique_id": entry,
                "occurred_at": now,
                "value": None,
                "currency": None,
                "properties": properties,
            }
            for metric, properties in happened
        ],
    )


def _write_answers(
    session: Session, shop_id: int, submission: Submission, ref: ProfileRef, *, now: datetime
) -> None:
    """Let the storefront's customer hold them, as metafields."""
    write_backs.save_write_backs(
        session,
        shop_id,
        [
            {
                "kind": WriteBackKind.METAFIELD,
                "name": name,
                "value": answer,
                **ref.columns,
                "requested_at": now,
            }
            for name, answer in submission.answers.items()
            if METAFIELD_KEY.fullmatch(name)
        ],
        now,
    )
