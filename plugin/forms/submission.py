"""Parse what a browser submitted."""

from dataclasses import dataclass
from datetime import date, datetime

from plugin import values
from plugin.forms.definition import date_questions, questions_of
from plugin.phones.numbers import may_text
from plugin.texts import N_, texts_for
from plugin.values import BIRTHDAY, calling_code, parse_email, parse_phone, without_unstorable
from storage.engine.types import JsonObject
from storage.forms import FormVersion
from storage.privacy_requests import ANONYMOUS_BROWSER_PREFIX

MAX_ANSWER_CHARS = 200  # characters of a token or an answer
INVALID_EMAIL = N_("Please enter a complete email address.")
INVALID_PHONE = N_("Please enter the number with its country code.")
NO_TEXTS = N_("This number can't receive texts.")
INVALID_ANSWER = N_("Please choose one of the answers.")
INVALID_DATE = N_("Please enter a date, such as 1990-12-31.")
FILLED_TRAP = N_("Please leave this field empty.")


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


def parse_submission(
    version: FormVersion, body: JsonObject, country: str | None
) -> tuple[Submission | None, dict[str, str]]:
    """What a browser sent, or a message for each field that will not do.

    A number without a calling code is read by the visitor's country, or else by `country`.
    """
    locale = _text(body, "locale")
    errors: dict[str, str] = {}
    if _text(body, "website"):
        errors["website"] = FILLED_TRAP  # the field is hidden, so only a program fills it
    email = parse_email(body.get("email"))
    if email is None:
        errors["email"] = INVALID_EMAIL
    here = _text(body, "country", 2).upper()
    typed = _text(body, "phone")
    phone = parse_phone(typed, here if calling_code(here) else country)
    allowed = body.get("consent")
    sms = isinstance(allowed, dict) and allowed.get("sms") is True and bool(typed)
    if typed and phone is None:
        errors["phone"] = INVALID_PHONE
    elif sms and phone is not None and not may_text(phone):
        errors["phone"] = NO_TEXTS
    answers = _parse_answers(version, body, errors)
    if errors or email is None:
        texts = texts_for(locale)
        return None, {field: texts.text(error) for field, error in errors.items()}
    return (
        Submission(
            answers=answers,
            email=email,
            phone=phone,
            sms=sms,
            page=_text(body, "page", 2_000),
            locale=locale[:35],
            browser_id=""
            if (browser := _text(body, "browser_id")).startswith(ANONYMOUS_BROWSER_PREFIX)
            else browser,
            cart_token=_text(body, "cart_token"),
            country=here,
        ),
        {},
    )


def _parse_answers(
    version: FormVersion, body: JsonObject, errors: dict[str, str]
) -> dict[str, str]:
    """The answers to a form's questions; adds a message to `errors` for each that will not do."""
    given = body.get("answers")
    given = given if isinstance(given, dict) else {}
    answers: dict[str, str] = {}
    for question in questions_of(version.definition):
        answer = given.get(question.name)
        if answer in (None, "") and not question.required:
            continue
        if not isinstance(answer, str) or answer not in question.answers:
            errors[question.name] = INVALID_ANSWER
        else:
            answers[question.name] = answer
    for name in date_questions(version.definition):
        answer = given.get(name)
        try:
            answers[name] = date.fromisoformat(
                answer if isinstance(answer, str) else ""
            ).isoformat()
        except ValueError:
            if answer or name == BIRTHDAY:  # a required age may not be left out
                errors[name] = INVALID_DATE
    return answers


def is_under_age(submission: Submission, now: datetime) -> bool:
    """Whether a birthday says that we may keep nothing."""
    if BIRTHDAY not in submission.answers:
        return False
    return values.is_under_age(date.fromisoformat(submission.answers[BIRTHDAY]), now.date())


def _text(body: JsonObject, name: str, longest: int = MAX_ANSWER_CHARS) -> str:
    value = body.get(name)
    return str(without_unstorable(value[:longest])) if isinstance(value, str) else ""
