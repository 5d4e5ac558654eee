"""Problems of a sheet, a row or a cell: a code and a sentence for each."""

from plugin.errors import RegularsError
from plugin.texts import N_

# Of the whole file, which is then refused.
PACKED, BINARY, TOO_LARGE, EMPTY = "packed", "binary", "too_large", "empty"
HEADLESS, WIDE, TWICE, GONE, TOO_MANY_FILES = "headless", "wide", "twice", "gone", "many"
CUT_OFF = "cut_off"
# Of a row, which is then left out.
UNREADABLE, NUL, LONG, OPEN = "unreadable", "nul", "long", "open"
COLUMNS, NO_ADDRESS, FAILED = "columns", "nobody", "failed"
# Of a cell: the row is taken without it.
EMAIL, PHONE, MOMENT, CONSENT, STAYS = "email", "phone", "moment", "consent", "stays"


SENTENCES = {
    PACKED: N_("This is a packed file or an Excel workbook. Unpack it, or save it as CSV."),
    BINARY: N_("This is not a table of text. Save it as CSV."),
    TOO_LARGE: N_("This file is too large. Split it into several."),
    EMPTY: N_("There are no rows in this file."),
    HEADLESS: N_("The first row must name the columns, such as Email and First Name."),
    WIDE: N_("The first row has too many columns or is too long."),
    TWICE: N_("This upload was begun twice. Begin it again."),
    GONE: N_("The file is no longer there. Upload it again."),
    CUT_OFF: N_("Somebody asked to be forgotten while the file came in. Upload it again."),
    TOO_MANY_FILES: N_("Too many files lie here. Delete one first."),
    UNREADABLE: N_("Some letters cannot be read in the encoding of the file."),
    NUL: N_("The row holds binary data."),
    LONG: N_("The row is too long."),
    OPEN: N_("A quotation mark is opened and never closed."),
    COLUMNS: N_("The row has too many columns."),
    NO_ADDRESS: N_(
        "The row names nobody: it has neither a complete email address nor a phone number."
    ),
    FAILED: N_("The row could not be kept."),
    EMAIL: N_("This is not a complete email address."),
    PHONE: N_("This is not a complete phone number."),
    MOMENT: N_("This is not a date such as 2026-11-21."),
    CONSENT: N_("This is neither a yes nor a no, so it counts as no word."),
    STAYS: N_("This address said no before, so it stays unsubscribed."),
}  # fmt: skip


class SheetError(RegularsError):
    """A file that is refused; `reason` is one of the codes."""

    def __init__(self, reason: str) -> None:
        super().__init__(SENTENCES[reason], 422)
        self.reason = reason
