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
    PACKED: N_("This is a ZIP file or an Excel workbook. Unzip it, or save it as CSV."),
    BINARY: N_("This isn't a text file. Save it as CSV."),
    TOO_LARGE: N_("File too large. Split it into several files."),
    EMPTY: N_("The file has no rows."),
    HEADLESS: N_("The first row must have column names, such as Email and First Name."),
    WIDE: N_("The first row is too long or has too many columns."),
    TWICE: N_("The file was uploaded twice at once. Upload it again."),
    GONE: N_("File no longer available. Upload it again."),
    CUT_OFF: N_("Upload stopped because of a privacy request. Upload the file again."),
    TOO_MANY_FILES: N_("Too many files. Delete one first."),
    UNREADABLE: N_("Some characters don't match the file's encoding."),
    NUL: N_("Row contains binary data."),
    LONG: N_("Row too long."),
    OPEN: N_("Closing quotation mark missing."),
    COLUMNS: N_("Row has too many columns."),
    NO_ADDRESS: N_(
        "Row has no valid email or phone number."
    ),
    FAILED: N_("Row couldn't be saved."),
    EMAIL: N_("Not a valid email."),
    PHONE: N_("Not a valid phone number."),
    MOMENT: N_("Not a valid date, such as 2026-11-21."),
    CONSENT: N_("Not a consent value, so it is ignored."),
    STAYS: N_("This address unsubscribed before, so it stays unsubscribed."),
}  # fmt: skip


class SheetError(RegularsError):
    """A file that is refused; `reason` is one of the codes."""

    def __init__(self, reason: str) -> None:
        super().__init__(SENTENCES[reason], 422)
        self.reason = reason
