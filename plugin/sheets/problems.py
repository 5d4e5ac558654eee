"""Problems of a sheet, a row or a cell: a code and a sentence for each."""

from plugin.errors import RegularsError
from plugin.texts import N_
from storage.imports import ProblemCode

SENTENCES: dict[str, str] = {
    ProblemCode.PACKED: N_("This is a ZIP file or an Excel workbook. Unzip it, or save it as CSV."),
    ProblemCode.BINARY: N_("This isn't a text file. Save it as CSV."),
    ProblemCode.MARKUP: N_(
        "This is a web page or document. Open it in a spreadsheet and save it as CSV."
    ),
    ProblemCode.TOO_LARGE: N_("File too large. Split it into several files."),
    ProblemCode.EMPTY: N_("The file has no rows."),
    ProblemCode.HEADLESS: N_("The first row must have column names, such as Email and First Name."),
    ProblemCode.WIDE: N_("The first row is too long or has too many columns."),
    ProblemCode.TWICE: N_("The file was uploaded twice at once. Upload it again."),
    ProblemCode.GONE: N_("File no longer available. Upload it again."),
    ProblemCode.CUT_OFF: N_("Upload stopped because of a privacy request. Upload the file again."),
    ProblemCode.TOO_MANY_FILES: N_("Too many files. Delete one first."),
    ProblemCode.UNREADABLE: N_("Some characters don't match the file's encoding."),
    ProblemCode.NUL: N_("Row contains binary data."),
    ProblemCode.LONG: N_("Row too long."),
    ProblemCode.OPEN: N_("Closing quotation mark missing."),
    ProblemCode.COLUMNS: N_(
        "Row has more values than there are columns. Put text with a separator in quotation marks."
    ),
    ProblemCode.NO_ADDRESS: N_(
        "Row has no valid email or phone number."
    ),
    ProblemCode.TOO_YOUNG: N_("This person is younger than 16, so nothing is kept."),
    ProblemCode.FAILED: N_("Row couldn't be saved."),
    ProblemCode.EMAIL: N_("Not a valid email."),
    ProblemCode.PHONE: N_("Not a valid phone number."),
    ProblemCode.MASKED: N_("Hidden behind stars. Export it again in full."),
    ProblemCode.ROUNDED: N_(
        "A spreadsheet rounded this number. Export it again and import that file unopened."
    ),
    ProblemCode.NO_TEXTS: N_("This number can't receive texts."),
    ProblemCode.MOMENT: N_("Not a valid date, such as 2026-11-21."),
    ProblemCode.DAY_OR_MONTH: N_(
        "It isn't clear which number is the month. Write dates as 2026-11-21."
    ),
    ProblemCode.CONSENT: N_("Not a consent value, so it is ignored."),
    ProblemCode.PROPERTIES: N_("Not properties as JSON, so they are ignored."),
    ProblemCode.STAYS: N_("This address unsubscribed before, so it stays unsubscribed."),
}  # fmt: skip


class SheetError(RegularsError):
    """A file that is refused; `reason` is one of the codes."""

    def __init__(self, reason: str) -> None:
        super().__init__(SENTENCES[reason], 422)
        self.reason = reason
