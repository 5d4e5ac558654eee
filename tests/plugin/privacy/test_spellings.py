"""L13: a shopper is found by every spelling that we read as theirs, and by no one else's."""

import json

import pytest

from plugin.privacy.subject_matcher import SubjectMatcher
from plugin.values import parse_email, parse_phone
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind
from tests.rules.spellings import EMAIL, IN_PASSING, OTHERS, PHONE, READ, VANITY

THEIRS = SubjectMatcher(
    DataSubject(
        [
            (IdentityKind.EMAIL, EMAIL),
            (IdentityKind.PHONE, PHONE),
            (IdentityKind.PHONE, VANITY),
        ]
    )
)


def is_found(spelling: str) -> set[bool]:
    """Whether it is found in a webhook as either encoder writes it, in a broken one and a row."""
    whole = {"customer": {"id": 5, "email": spelling, "tags": ["a", "b"]}}
    bodies = [json.dumps(whole, ensure_ascii=ascii_only) for ascii_only in (True, False)]
    bodies += [json.dumps({"note": body}) for body in bodies]  # JSON in JSON
    bodies += [body.replace("/", r"\/") for body in bodies]
    cut = [body[: -len('"tags": ["a"]') // 2] for body in bodies[:2]]
    return {
        *(THEIRS.matches(body.encode()) for body in (*bodies, *cut)),
        THEIRS.matches_row(["a@example.com", spelling, "x"]),
    }


@pytest.mark.parametrize("spelling", READ)
def test_l13_what_is_read_as_theirs_is_found(spelling):
    own = spelling.lstrip("'")  # what a guard put there is taken off before it is read
    read = {parse_email(own), *(parse_phone(own, country) for country in ("US", "DE", "AU"))}
    assert read & {EMAIL, PHONE, VANITY}
    assert is_found(spelling) == {True}


@pytest.mark.parametrize("spelling", IN_PASSING)
def test_l13_what_names_them_in_passing_is_found(spelling):
    assert is_found(spelling) == {True}


@pytest.mark.parametrize("spelling", OTHERS)
def test_l13_what_is_anothers_is_not_found(spelling):
    assert is_found(spelling) == {False}


def test_l13_a_number_at_home_is_found_where_a_prefix_stands_inside_of_it():
    theirs = SubjectMatcher(DataSubject([(IdentityKind.PHONE, "+5491123456789")]))

    assert parse_phone("011 15-2345-6789", "AR") == "+5491123456789"
    assert theirs.matches(b'{"phone": "011 15-2345-6789"}')


def test_l13_a_word_that_spells_a_short_number_names_no_one():
    theirs = SubjectMatcher(DataSubject([(IdentityKind.PHONE, "+3542337377")]))

    assert theirs.matches(b'{"phone": "233-7377"}')
    assert not theirs.matches(b'{"address": {"address1": "1 Main St"}}')
