"""Find an address in a text by every spelling that we would read as it.

Whatever `parse_email` reads as theirs is theirs. What stands in running text, in quotation marks or
behind a name is found too, though no field is read so. An address that merely ends like theirs is
another person's.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from plugin.privacy.escapes import compose, fold
from plugin.values import ascii_domain

_AT, _PLAIN_AT = re.compile("[@＠﹫]"), re.compile("@")
# 64 and 255 characters of an address may stand before and after its @ (RFC 5321, 4.5.3.1), and two
# accents of one letter may be characters of their own.
BEFORE_CHARS, AFTER_CHARS = 3 * 64, 3 * 255
# UTS 46 has three dots. In Latin letters a domain may stand amid a script that has no spaces.
_DOMAINS = (re.compile(r"[\w.。｡-]+"), re.compile(r"[a-zA-Z0-9.\u00c0-\u024f-]+"))


class EmailSearch:
    """Looks for some normal addresses."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._domains: dict[str, set[str]] = {}
        for address in addresses:
            name, _, domain = address.rpartition("@")
            if name:
                self._domains.setdefault(fold(name), set()).add(_in_dns(domain))

    def is_in(self, text: str) -> bool:
        """Return whether one of the addresses stands in a text without escapes."""
        if not self._domains:
            return False
        at = _PLAIN_AT if text.isascii() else _AT
        return any(self._is_at(text, found.start()) for found in at.finditer(text))

    def _is_at(self, text: str, at: int) -> bool:
        before = fold(text[max(0, at - BEFORE_CHARS) : at]).rstrip('"\\')
        names = [name for name in self._domains if _ends_with(before, name)]
        if not names:
            return False
        after = compose(text[at + 1 : at + 1 + AFTER_CHARS])
        read = {_in_dns(found[0]) for each in _DOMAINS if (found := each.match(after))}
        return any(read & self._domains[name] for name in names)


def _ends_with(before: str, name: str) -> bool:
    """Whether a local part ends a text, and does not merely end another one."""
    if not before.endswith(name):
        return False
    last = before[-len(name) - 1 : -len(name)]
    # A script without cases, as Chinese has, is written without spaces, too.
    return not (last.islower() or (last.isascii() and last.isdigit()) or last in tuple("._+-"))


@lru_cache(4096)
def _in_dns(domain: str) -> str:
    bare = domain.strip(".")
    return (ascii_domain(bare) or bare).lower()
