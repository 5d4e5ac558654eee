"""Parse the rows of a merchant's file, by the merchant's declaration, into facts and problems.

Consent is a yes only if the file or the merchant says so (`plugin.imports.consents`); an unknown
word is none.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from plugin import clock, facts
from plugin.facts import ConsentFact, Facts, ListJoinFact, ProfileFact, SuppressionFact
from plugin.imports import columns
from plugin.imports.addresses import read_email, read_phone
from plugin.imports.answers import Answer
from plugin.imports.columns import ColumnKind
from plugin.imports.consents import ConsentReader, date_problem, text_at
from plugin.imports.countries import country_of
from plugin.imports.dates import parse_date, parse_day
from plugin.imports.exporters import ORDERS, detect_exporter
from plugin.phones.numbers import may_text
from plugin.sheets.records import Row
from plugin.values import BIRTHDAY, is_under_age, without_unstorable
from storage import profiles
from storage.channels import IDENTITY_KIND, STOREFRONT_CHANNELS, Channel
from storage.consent_ledger import ConsentSource, ConsentState, LedgerKey
from storage.imports import Import, ProblemCode
from storage.profiles import DataSource

MAX_TEXT_CHARS = 255  # letters of a name
MAX_AGE_YEARS = 120
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
    unasked: set[LedgerKey] = field(default_factory=set)  # who never agreed, as a row says
    lines: dict[int, int] = field(default_factory=dict)  # the line of a person, by its id()

    def reject(self, line: int, reason: str) -> None:
        """Leave a row out."""
        self.rows += 1
        self.rejected += 1
        self.problems.append((line, WHOLE_ROW, reason))


class RowParser:
    """Reads the rows of one import."""

    def __init__(self, held: Import, country: str) -> None:
        self.held, self.country = held, country
        self.at = {kind: n for n, kind in enumerate(held.mapping) if kind in columns.FIELDS}
        self.properties = [*_properties(held)]
        exporter = detect_exporter(held.columns)
        self.is_of_orders = exporter is not None and exporter.name == ORDERS
        self.consents = ConsentReader(held)
        self.where = str(held.declaration.get("where", ""))
        self.since = parse_date(str(held.declaration.get("on", ""))) or held.created_at

    def parse(self, rows: Sequence[Row]) -> ParsedRows:
        """What some rows say, and what is wrong with them."""
        taken = ParsedRows()
        for row in rows:
            if row.flaw:
                taken.reject(row.line, row.flaw)
            elif any(cell.strip() for cell in row.cells[len(self.held.columns) :]):
                taken.reject(row.line, ProblemCode.COLUMNS)
            elif row.cells:
                self._take(row, taken)
        _drop_contradicted(taken)
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
                customer if _is_id(customer) else None,
            ),
        )
        birthday = self._birthday(row, taken)
        if self.is_of_orders and not self._names_someone(row):
            return  # sold at the till, or a further line of such an order
        refused = _refusal(email or phone, birthday)
        if refused:
            taken.reject(row.line, refused)
            return
        taken.rows += 1
        person = ProfileFact(
            keys,
            self._said_at(row),
            self._fields(row, email, phone, country),
            source=DataSource.IMPORT,
        )
        person.properties = {
            name: value for n, name in self.properties if (value := text_at(row, n))
        }
        person.properties |= self._all_properties(row, taken)
        if birthday:
            person.properties[BIRTHDAY] = birthday.isoformat()
        taken.lines[id(person)] = row.line
        taken.facts.profiles.append(person)
        held = {profiles.IdentityKind.EMAIL: email, profiles.IdentityKind.PHONE: phone}
        addresses = {
            channel: address
            for channel in STOREFRONT_CHANNELS
            if (address := held[IDENTITY_KIND[channel]])
        }
        for channel, address in addresses.items():
            self._consent(row, person, channel, address, taken=taken)
        self._other_refusals(row, person, addresses, taken)
        if self.held.list_id is not None:
            source, news = self.held.source, self.held.starts_flows
            taken.facts.list_joins.append(
                ListJoinFact(
                    person,
                    self.held.list_id,
                    person.reported_at,
                    source,
                    starts_flows=news,
                    asked_at=self.held.due_at,
                )
            )

    def _said_at(self, row: Row) -> datetime:
        """Of two rows about one person the later one is newer, yet none newer than the file; of
        orders the earlier one, since Shopify lists the newest first.
        """
        after = timedelta(microseconds=row.line)
        return (
            self.held.created_at - timedelta(minutes=1) + (-after if self.is_of_orders else after)
        )

    def _names_someone(self, row: Row) -> bool:
        return bool(self._cell(row, ColumnKind.EMAIL) or self._cell(row, ColumnKind.PHONE))

    def _cell(self, row: Row, kind: str) -> str:
        place = self.at.get(kind)
        return "" if place is None else text_at(row, place)

    def _email(self, row: Row, taken: ParsedRows) -> str | None:
        found, problem = read_email(self._cell(row, ColumnKind.EMAIL))
        if problem:
            taken.problems.append((row.line, self.at[ColumnKind.EMAIL], problem))
        return found

    def _phone(self, row: Row, country: str | None, taken: ParsedRows) -> str | None:
        home = country or self.country or None
        found, problem = read_phone(self._cell(row, ColumnKind.PHONE), home)
        if problem:
            taken.problems.append((row.line, self.at[ColumnKind.PHONE], problem))
        return found

    def _birthday(self, row: Row, taken: ParsedRows) -> date | None:
        cell = self._cell(row, ColumnKind.BIRTHDAY)
        found = parse_day(cell) if cell else None
        if found and not 0 <= clock.now().year - found.year <= MAX_AGE_YEARS:
            found = None
        if cell and found is None:
            place = self.at[ColumnKind.BIRTHDAY]
            taken.problems.append((row.line, place, date_problem(cell)))
        return found

    def _all_properties(self, row: Row, taken: ParsedRows) -> dict[str, object]:
        cell = self._cell(row, ColumnKind.PROPERTIES)
        try:
            found = without_unstorable(json.loads(cell)) if cell else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            place = self.at[ColumnKind.PROPERTIES]
            taken.problems.append((row.line, place, ProblemCode.PROPERTIES))
            return {}
        return {name[:MAX_PROPERTY_NAME_CHARS]: value for name, value in found.items()}

    def _country(self, row: Row) -> str | None:
        return country_of(self._cell(row, ColumnKind.COUNTRY))

    def _fields(
        self, row: Row, email: str | None, phone: str | None, country: str | None
    ) -> dict[str, str | None]:
        first, last = self._cell(row, ColumnKind.FIRST), self._cell(row, ColumnKind.LAST)
        if not first and not last:
            first, _, last = _person_name(self._cell(row, ColumnKind.NAME)).partition(" ")
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
        self, row: Row, person: ProfileFact, channel: Channel, address: str, *, taken: ParsedRows
    ) -> None:
        said, problems = self.consents.read(row, channel)
        taken.problems += [(row.line, place, code) for place, code in problems]
        if said.answer == Answer.NEVER:
            taken.unasked.add((channel, address))
        state = said.state
        if state is None:
            return
        if channel == Channel.SMS and state == ConsentState.SUBSCRIBED and not may_text(address):
            place = self.at[ColumnKind.PHONE]
            taken.problems.append((row.line, place, ProblemCode.NO_TEXTS))
            return
        otherwise = self.since if state == ConsentState.SUBSCRIBED else person.reported_at
        at = min(said.at or otherwise, person.reported_at)
        taken.facts.consents.append(
            ConsentFact(
                person, channel, address, state, at,
                dedupe_key=self._dedupe_key(row, channel),
                source=ConsentSource.IMPORT, method=said.method,
                disclosure=self.where if state == ConsentState.SUBSCRIBED else "",
            )
        )  # fmt: skip
        if said.outlasts_sign_ups:
            taken.facts.suppressions.append(SuppressionFact(channel, address, at))

    def _other_refusals(
        self, row: Row, person: ProfileFact, addresses: Mapping[Channel, str], taken: ParsedRows
    ) -> None:
        for channel, purpose in self.consents.other_refusals(row):
            if channel in addresses:
                taken.facts.consents.append(
                    ConsentFact(
                        person, channel, addresses[channel],
                        ConsentState.UNSUBSCRIBED, person.reported_at,
                        dedupe_key=self._dedupe_key(row, f"{channel}:{purpose}"),
                        source=ConsentSource.IMPORT, method="column", purpose=purpose,
                    )
                )  # fmt: skip

    def _dedupe_key(self, row: Row, about: str) -> str:
        return f"{ConsentSource.IMPORT}:{self.held.id}:{row.line}:{about}"


def _person_name(text: str) -> str:
    """A full name; the number of an order or a customer is none."""
    is_number = text.startswith("#") or not any(letter.isalpha() for letter in text)
    return "" if is_number else text


def _properties(held: Import) -> Iterator[tuple[int, str]]:
    """The columns that become properties, and their names; of two of one name the second has a
    number.
    """
    taken: Counter[str] = Counter()
    for place, (kind, title) in enumerate(zip(held.mapping, held.columns, strict=True)):
        if kind == ColumnKind.PROPERTY and title:
            name = str(without_unstorable(title))[:MAX_PROPERTY_NAME_CHARS]
            taken[name] += 1
            yield place, name if taken[name] == 1 else f"{name} ({taken[name]})"


def _refusal(address: str | None, birthday: date | None) -> ProblemCode | None:
    """Why nothing is kept of a row."""
    if address is None:
        return ProblemCode.NO_ADDRESS
    if birthday is not None and is_under_age(birthday, clock.now().date()):
        return ProblemCode.TOO_YOUNG
    return None


def _drop_contradicted(taken: ParsedRows) -> None:
    """Of two rows about one address, one of which says it never agreed, the yes is none."""
    taken.facts.consents = [
        fact
        for fact in taken.facts.consents
        if fact.state != ConsentState.SUBSCRIBED
        or (fact.channel, fact.address) not in taken.unasked
    ]


def _is_id(text: str) -> bool:
    """Whether a text is a number as the storefront's ids are: of 64 bits."""
    return text.isascii() and text.isdigit() and len(text) < 19
