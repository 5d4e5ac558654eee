"""What a row of a file says of consent to each channel: a no in it holds, however it is told.

A yes that the merchant declares for the whole file is for those rows alone that say nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from plugin.imports import columns
from plugin.imports.answers import (
    LIFTED_BY_OWNER,
    REFUSALS,
    Answer,
    read_file_name,
    read_flag,
    read_word,
    strongest,
)
from plugin.imports.columns import ColumnKind
from plugin.imports.dates import is_ambiguous, parse_date
from plugin.imports.exporters import detect_exporter
from plugin.imports.header import speaks_of_all, unread_refusals
from plugin.sheets.cells import read_cell
from plugin.sheets.records import Row
from storage.channels import STOREFRONT_CHANNELS, Channel
from storage.consent_ledger import ConsentPurpose, ConsentState
from storage.imports import Import, ProblemCode

# What a column means that is empty for those who did not refuse.
FLAGS = {
    ColumnKind.SUPPRESSED: (Channel.EMAIL, Answer.SUPPRESSED),
    ColumnKind.SMS_SUPPRESSED: (Channel.SMS, Answer.SUPPRESSED),
    ColumnKind.WHATSAPP_SUPPRESSED: (Channel.WHATSAPP, Answer.SUPPRESSED),
    ColumnKind.EMAIL_UNSUBSCRIBED: (Channel.EMAIL, Answer.NO),
    ColumnKind.SMS_UNSUBSCRIBED: (Channel.SMS, Answer.NO),
    ColumnKind.EMAIL_BOUNCED: (Channel.EMAIL, Answer.BOUNCED),
}
OTHER_PURPOSES = {
    ColumnKind.EMAIL_TRANSACTIONAL: (Channel.EMAIL, ConsentPurpose.TRANSACTIONAL),
    ColumnKind.SMS_TRANSACTIONAL: (Channel.SMS, ConsentPurpose.TRANSACTIONAL),
    ColumnKind.WHATSAPP_TRANSACTIONAL: (Channel.WHATSAPP, ConsentPurpose.TRANSACTIONAL),
    ColumnKind.OPEN_TRACKING: (Channel.EMAIL, ConsentPurpose.OPEN_TRACKING),
}


@dataclass(frozen=True, slots=True)
class RowConsent:
    """What a row says of a channel; `at` is None where it gives no date."""

    answer: Answer
    method: str = "column"
    at: datetime | None = None

    @property
    def state(self) -> ConsentState | None:
        """What the ledger keeps of it."""
        if self.answer == Answer.YES:
            return ConsentState.SUBSCRIBED
        return REFUSALS.get(self.answer)

    @property
    def outlasts_sign_ups(self) -> bool:
        """Whether only the owner of the address may lift it."""
        return self.answer in LIFTED_BY_OWNER


class ConsentReader:
    """Reads the consents of one import's rows, and collects the problems of their cells."""

    def __init__(self, held: Import) -> None:
        mapped = [(n, kind) for n, kind in enumerate(held.mapping) if kind in columns.FIELDS]
        self.at = {kind: n for n, kind in mapped}
        self.heeded = [*mapped, *unread_refusals(held.columns, held.mapping)]
        self.vague = {n for n, _ in self.heeded if speaks_of_all(held.columns[n])}
        self.declared = frozenset(held.declaration.get("channels", ())) & set(STOREFRONT_CHANNELS)
        exporter = detect_exporter(held.columns)
        self.of_file = read_file_name(held.file_name, exporter.name if exporter else "")
        spoken_of = _channels_named(held.file_name, has_email=ColumnKind.EMAIL in self.at)
        self.agreed_by_name = spoken_of if self.of_file == Answer.YES else frozenset()
        refuses = self.of_file in REFUSALS or self.of_file == Answer.NEVER
        self.named = spoken_of if refuses else frozenset()

    def read(self, row: Row, channel: Channel) -> tuple[RowConsent, list[tuple[int, ProblemCode]]]:
        """What a row says of marketing on a channel, and the cells that cannot be read."""
        problems: list[tuple[int, ProblemCode]] = []
        place = self.at.get(f"{channel}_consent")
        word = Answer.SILENT if place is None else read_word(text_at(row, place))
        since = self._since(row, channel, problems)
        refusals = [*self._refusals(row, channel, word, since)]
        if any(each.answer in REFUSALS for each in refusals):
            return _hardest(refusals), problems
        if word == Answer.YES:
            return RowConsent(word, at=since), problems
        if word == Answer.UNKNOWN and place is not None:
            problems.append((place, ProblemCode.CONSENT))
        if word == Answer.NEVER or refusals:
            return RowConsent(Answer.NEVER), problems
        if place is not None or channel not in self.declared | self.agreed_by_name:
            return RowConsent(Answer.SILENT), problems
        method = "file" if channel in self.agreed_by_name else "declared"
        return RowConsent(Answer.YES, method, since), problems

    def other_refusals(self, row: Row) -> Iterator[tuple[Channel, ConsentPurpose]]:
        """What else a row refuses: messages about what was ordered, and the counting of opens."""
        for place, kind in self.heeded:
            if kind in OTHER_PURPOSES and read_word(text_at(row, place)) in REFUSALS:
                yield OTHER_PURPOSES[ColumnKind(kind)]

    def _refusals(
        self, row: Row, channel: Channel, word: Answer, since: datetime | None
    ) -> Iterator[RowConsent]:
        """Every no of a row, also those of columns that the merchant left out; NEVER is a mild one.
        So is, for another channel, a no that names none.

        An opt-out is over where the file dates a later yes: Omnisend keeps both dates.
        """
        if word in REFUSALS:
            yield RowConsent(word, at=since)
        for place, kind in self.heeded:
            cell = text_at(row, place)
            if kind in FLAGS and FLAGS[ColumnKind(kind)][0] == channel:
                said, at = read_flag(cell, FLAGS[ColumnKind(kind)][1]), parse_date(cell)
                over = word == Answer.YES and said == Answer.NO and at and since and at < since
                if said in REFUSALS and not over:
                    yield RowConsent(said, at=at)
            elif kind == f"{channel}_consent" and place != self.at.get(kind):
                said = read_word(cell)
                if said in REFUSALS or said == Answer.NEVER:
                    yield RowConsent(said)
            elif place in self.vague and _refuses(kind, cell):
                yield RowConsent(Answer.NEVER)
        if channel in self.named:
            yield RowConsent(self.of_file, "file")

    def _since(
        self, row: Row, channel: Channel, problems: list[tuple[int, ProblemCode]]
    ) -> datetime | None:
        place = self.at.get(f"{channel}_consent_at")
        cell = "" if place is None else text_at(row, place)
        found = parse_date(cell) if cell else None
        if place is not None and cell and found is None:
            problems.append((place, date_problem(cell)))
        return found


def _refuses(kind: str, cell: str) -> bool:
    """Whether a cell says a no, of some channel."""
    if kind in FLAGS:
        return read_flag(cell, FLAGS[ColumnKind(kind)][1]) in REFUSALS
    return kind.endswith("_consent") and read_word(cell) in REFUSALS


def _hardest(refusals: Sequence[RowConsent]) -> RowConsent:
    """The strongest refusal, with the newest date that the row gives it."""
    answer = strongest(*(each.answer for each in refusals))
    same = [each for each in refusals if each.answer == answer]
    dates = [each.at for each in same if each.at is not None]
    return RowConsent(answer, same[0].method, max(dates, default=None))


def _channels_named(file_name: str, *, has_email: bool) -> frozenset[Channel]:
    """The channels that a file's name speaks of."""
    for channel in (Channel.SMS, Channel.WHATSAPP):
        if channel in file_name.lower():
            return frozenset((channel,))
    phones = frozenset((Channel.SMS, Channel.WHATSAPP))
    return frozenset((Channel.EMAIL,)) if has_email else phones


def text_at(row: Row, place: int) -> str:
    """A cell of a row; "" where the row ends before it."""
    return read_cell(row.cells[place]) if place < len(row.cells) else ""


def date_problem(cell: str) -> ProblemCode:
    """Why a cell is no date."""
    return ProblemCode.DAY_OR_MONTH if is_ambiguous(cell) else ProblemCode.MOMENT
