"""Read the addresses of a row as spreadsheets leave them, or say what spoilt one."""

import re

from plugin.values import parse_email, parse_phone
from storage.imports import ProblemCode

_NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+)\s*>")  # Ana Silva <ana@example.com>, as Outlook has it
_LINK = re.compile(r"mailto:|tel:", re.IGNORECASE)  # what a sheet makes of a typed address
_MASKED = re.compile(r"[*•●]{2,}")
_ROUNDED = re.compile(r"['+]?\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_WHOLE = re.compile(r"(\+?\d{6,})[.,]0+")  # a whole number among gaps, as pandas and R write it


def read_email(cell: str) -> tuple[str | None, ProblemCode | None]:
    """An address, or what is wrong with it; neither of an empty cell."""
    if not cell:
        return None, None
    if _MASKED.search(cell):
        return None, ProblemCode.MASKED
    named = _NAMED.fullmatch(cell)
    found = parse_email(named[1] if named else _LINK.sub("", cell, count=1))
    return found, None if found else ProblemCode.EMAIL


def read_phone(cell: str, country: str | None) -> tuple[str | None, ProblemCode | None]:
    """A number, or what is wrong with it; neither of an empty cell."""
    if not cell:
        return None, None
    if _MASKED.search(cell):
        return None, ProblemCode.MASKED
    if _ROUNDED.fullmatch(cell):
        return None, ProblemCode.ROUNDED
    whole = _WHOLE.fullmatch(cell)
    found = parse_phone(whole[1] if whole else cell, country)
    return found, None if found else ProblemCode.PHONE
