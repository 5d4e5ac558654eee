"""L13: what is read as a shopper's address or number is found by the search for it."""

import json
import unicodedata

import phonenumbers
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat as Format

from plugin.privacy.subject_matcher import SubjectMatcher
from plugin.values import ascii_domain, parse_email, parse_phone
from storage.privacy_requests import DataSubject
from storage.profiles import IdentityKind
from tests.properties.examples import thousand
from tests.properties.test_p13_normal_forms import LANDS, numbers

WIDE = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}
names = st.text("abzÉéÀßıİΣςçñ中ǅ'+_0", min_size=1, max_size=8)
hosts = st.lists(st.text("abzÉéüßσ中0", min_size=1, max_size=6), min_size=1, max_size=2)
gaps = st.sampled_from([
    "", " ", "-", ".", "/", " (", ") ", "\u00a0", "–", "—", "−", "‐", "\u2060", "\u200b", "～", "[",
    "x", "ab", "\u3000", "：", "_", ",",
])  # fmt: skip


def apart(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def together(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def wide(text: str) -> str:
    return text.translate(WIDE)


def by_dns(host: str) -> str:
    return ascii_domain(host) or host


shapes = st.sampled_from([str.upper, str.lower, str.title, str.swapcase, apart, together, str])
host_shapes = st.one_of(
    shapes, st.sampled_from([wide, by_dns, lambda host: host.replace(".", "。")])
)


def names_them(kind: IdentityKind, value: str, spelling: str) -> bool:
    """Whether a spelling is found in a webhook as either encoder writes it, and in a row."""
    theirs = SubjectMatcher(DataSubject([(kind, value)]))
    body = {"id": 1, "customer": {"field": spelling, "note": "x"}}
    return theirs.matches_row(["a", spelling, "b"]) and all(
        theirs.matches(json.dumps(body, ensure_ascii=ascii_only).encode())
        for ascii_only in (True, False)
    )


@thousand
@given(
    name=names, host=hosts, shape=shapes, host_shape=host_shapes, around=st.sampled_from(["", " "])
)
def test_l13_an_address_is_found_by_whatever_is_read_as_it(name, host, shape, host_shape, around):
    normal = parse_email(f"{name}@{'.'.join(host)}.example")
    assume(normal is not None)
    spelled_name, _, spelled_host = normal.partition("@")
    spelling = f"{around}{shape(spelled_name)}@{host_shape(spelled_host)}{around}"

    if parse_email(spelling) == normal:
        assert names_them(IdentityKind.EMAIL, normal, spelling)
    typed = f"{name}@{'.'.join(host)}.example"
    assert names_them(IdentityKind.EMAIL, normal, typed)


@thousand
@given(
    typed=numbers,
    form=st.sampled_from([Format.E164, Format.INTERNATIONAL, Format.NATIONAL, Format.RFC3966]),
    land=st.sampled_from([*LANDS, "AR", "MX", "HU", "RU", "IT", None]),
    abroad=st.booleans(),
    between=st.lists(gaps, min_size=1, max_size=3),
    is_wide=st.booleans(),
)
def test_l13_a_number_is_found_by_whatever_is_read_as_it(
    typed, form, land, abroad, between, is_wide
):
    normal = parse_phone(f"+{typed}")
    assume(normal is not None)
    number = phonenumbers.parse(normal)
    if abroad and land:
        written = phonenumbers.format_out_of_country_calling_number(number, land)
    else:
        written = phonenumbers.format_number(number, form)
    parts = written.replace("-", " ").split(" ")
    spelling = "".join(
        part + (between[n % len(between)] if n < len(parts) - 1 else "")
        for n, part in enumerate(parts)
    )
    spelling = wide(spelling) if is_wide else spelling
    home = phonenumbers.region_code_for_number(number)

    if normal in {parse_phone(spelling, country) for country in (land, home)}:
        assert names_them(IdentityKind.PHONE, normal, spelling)
    assert names_them(IdentityKind.PHONE, normal, written)
