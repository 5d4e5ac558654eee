"""Parse the rows of a merchant's file, by the merchant's declaration, into facts and problems.

Consent is a yes only if the file or the merchant says so; an unknown word is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from plugin import facts
from plugin.facts import ConsentFact, Facts, ListJoinFact, ProfileFact
from plugin.imports import columns
from plugin.imports.columns import ColumnKind
from plugin.imports.countries import country_of
from plugin.phones import may_text
from plugin.sheets.cells import unescape_formula
from plugin.sheets.records import Row
from plugin.values import parse_email, parse_phone, without_unstorable
from storage import profiles
from storage.channels import IDENTITY_KIND, STOREFRONT_CHANNELS, Channel
from storage.consent_ledger import ConsentSource, ConsentState
from storage.imports import Import, ProblemCode
from storage.profiles import DataSource

YES = frozenset((
    "yes", "y", "true", "t", "1", "subscribed", "opted in", "opted-in", "opt in", "opt-in", "optin",
    "是", "已订阅", "ja", "oui", "sí", "si", "sim", "sì", "はい", "예",
))  # fmt: skip
NO = frozenset((
    "unsubscribed", "opted out", "opted-out", "opt out", "opt-out", "optout", "revoked",
    "suppressed", "complained", "退订", "已退订",
))  # fmt: skip
# Shopify's export writes `no` for customers who were never asked, too: it withdraws nothing.
NO_ANSWER = frozenset((
    "", "no", "n", "false", "f", "0", "never subscribed", "not subscribed", "pending", "none",
    "null", "unconfirmed", "[]", "否", "未订阅", "nein", "non", "não", "nao", "いいえ", "아니요",
))  # fmt: skip
MAX_TEXT_CHARS = 255  # letters of a name
MAX_PROPERTY_NAME_CHARS = 100  # letters of a property's name
WHOLE_ROW = -1  # the place of a flaw of the whole row
RowProblem = tuple[int, int, str]  # line, column, reason


@dataclass
class ParsedRows:
    """What some rows say."""

    facts: Facts = field(default_factory=lambda: Facts(historical=True))
    rows: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)  # the line of a person, by its id()


class RowParser:
    """Reads the rows of one import."""

    def __init__(self, held: Import, country: str) -> None:
        self.held, self.country = held, country
        self.at = {kind: n for n, kind in enumerate(held.mapping) if kind in columns.FIELDS}
        self.properties = [
            (n, str(without_unstorable(held.columns[n]))[:MAX_PROPERTY_NAME_CHARS])
            for n, kind in enumerate(held.mapping)
            if kind == ColumnKind.PROPERTY and held.columns[n]
        ]
        self.declared = [
            c for c in held.declaration.get("channels", ()) if c in STOREFRONT_CHANNELS
        ]
        self.where = str(held.declaration.get("where", ""))
        self.since = parse_date(str(held.declaration.get("on", ""))) or held.created_at

    def parse(self, rows: Sequence[Row]) -> ParsedRows:
        """What some rows say, and what is wrong with them."""
        taken = ParsedRows()
        for row in rows:
            if row.flaw:
                taken.rows += 1
                taken.rejected += 1
                taken.problems.append((row.line, WHOLE_ROW, row.flaw))
            elif row.cells:
                taken.rows += 1
                self._take(row, taken)
        return taken

    def _take(self, row: Row, taken: ParsedRows) -> None:
        email = self._email(row, taken)
        country = self._country(row)
        phone = self._phone(row, country, taken)
        customer = self._cell(row, ColumnKind.CUSTOMER).rpartition("/")[2]
        keys = facts.identity_keys(
            (profiles.IdentityKind.EMAIL, email),
            (profiles.IdentityKind.PHONE, phone),
            (
                profiles.IdentityKind.CUSTOMER,
                customer if customer.isascii() and customer.isdigit() else None,
            ),
        )
        if email is None and phone is None:
            taken.rejected += 1
            taken.problems.append((row.line, WHOLE_ROW, ProblemCode.NO_ADDRESS))
            return
        person = ProfileFact(
            keys,
            self._said_at(row),
            self._fields(row, email, phone, country),
            source=DataSource.IMPORT,
        )
        person.properties = {name: value for n, name in self.properties if (value := _text(row, n))}
        taken.lines[id(person)] = row.line
        taken.facts.profiles.append(person)
        addresses = {profiles.IdentityKind.EMAIL: email, profiles.IdentityKind.PHONE: phone}
        for channel in STOREFRONT_CHANNELS:
            if address := addresses[IDENTITY_KIND[channel]]:
                self._consent(row, person, channel, address, taken=taken)
        if self.held.list_id is not None:
            source, news = self.held.source, self.held.starts_flows
            taken.facts.list_joins.append(
                ListJoinFact(
                    person, self.held.list_id, person.reported_at, source, starts_flows=news
                )
            )

    def _said_at(self, row: Row) -> datetime:
        """Of two rows about one person the later one is newer, yet none newer than the file."""
        return self.held.created_at - timedelta(minutes=1) + timedelta(microseconds=row.line)

    def _cell(self, row: Row, kind: str) -> str:
        place = self.at.get(kind)
        return "" if place is None else _text(row, place)

    def _email(self, row: Row, taken: ParsedRows) -> str | None:
        cell = self._cell(row, ColumnKind.EMAIL)
        found = parse_email(cell)
        if cell and found is None:
            taken.problems.append((row.line, self.at[ColumnKind.EMAIL], ProblemCode.EMAIL))
        return found

    def _phone(self, row: Row, country: str | None, taken: ParsedRows) -> str | None:
        cell = self._cell(row, ColumnKind.PHONE)
        found = parse_phone(cell, country or self.country or None)
        if cell and found is None:
            taken.problems.append((row.line, self.at[ColumnKind.PHONE], ProblemCode.PHONE))
        return found

    def _country(self, row: Row) -> str | None:
        return country_of(self._cell(row, ColumnKind.COUNTRY))

    def _fields(
        self, row: Row, email: str | None, phone: str | None, country: str | None
    ) -> dict[str, str | None]:
        first, last = self._cell(row, ColumnKind.FIRST), self._cell(row, ColumnKind.LAST)
        if not first and not last:
            first, _, last = self._cell(row, ColumnKind.NAME).partition(" ")
        cell: dict[str, str | None] = {
            "email": email,
            "phone": phone,
            "first_name": first[:MAX_TEXT_CHARS],
            "last_name": last.strip()[:MAX_TEXT_CHARS],
            "country": country,
            "locale": self._cell(row, ColumnKind.LOCALE)[:35],
            "timezone": self._cell(row, ColumnKind.TIMEZONE)[:64],
        }
        return {name: value for name, value in cell.items() if value}

    def _consent(
        self, row: Row, person: ProfileFact, channel: str, address: str, *, taken: ParsedRows
    ) -> None:
        state, method = self._state(row, channel, taken)
        if state is None:
            return
        if channel == Channel.SMS and state == ConsentState.SUBSCRIBED and not may_text(address):
            place = self.at[ColumnKind.PHONE]
            taken.problems.append((row.line, place, ProblemCode.NO_TEXTS))
            return
        at = person.reported_at if state != ConsentState.SUBSCRIBED else self.since
        if cell := self._cell(row, f"{channel}_consent_at"):
            found = parse_date(cell)
            if found is None:
                place = self.at[f"{channel}_consent_at"]
                taken.problems.append((row.line, place, ProblemCode.MOMENT))
            else:
                at = found
        taken.facts.consents.append(
            ConsentFact(
                person, channel, address, state, min(at, person.reported_at),
                dedupe_key=f"{ConsentSource.IMPORT}:{self.held.id}:{row.line}:{channel}",
                source=ConsentSource.IMPORT, method=method,
                disclosure=self.where if state == ConsentState.SUBSCRIBED else "",
            )
        )  # fmt: skip

    def _state(self, row: Row, channel: str, taken: ParsedRows) -> tuple[ConsentState | None, str]:
        """What a row says of a channel, and how: a column rules over what is declared for all."""
        if channel == Channel.EMAIL:
            cell = self._cell(row, ColumnKind.SUPPRESSED).lower()
            if cell not in NO_ANSWER:
                return (
                    ConsentState.BOUNCED if "bounce" in cell else ConsentState.UNSUBSCRIBED
                ), "column"
        name = f"{channel}_consent"
        if name not in self.at:
            return (ConsentState.SUBSCRIBED if channel in self.declared else None), "declared"
        cell = self._cell(row, name).lower().replace("_", " ")
        if cell in YES or cell in NO:
            return (ConsentState.SUBSCRIBED if cell in YES else ConsentState.UNSUBSCRIBED), "column"
        if cell not in NO_ANSWER:
            taken.problems.append((row.line, self.at[name], ProblemCode.CONSENT))
        return None, ""


def _text(row: Row, place: int) -> str:
    return unescape_formula(row.cells[place]) if place < len(row.cells) else ""


def parse_date(text: str) -> datetime | None:
    """A date, or a moment as ISO 8601 has it; without an offset it is UTC's."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = found if found.tzinfo else found.replace(tzinfo=UTC)
    return at if date(2000, 1, 1) <= at.date() else None
