"""Typos in the domains of the large mailbox providers: a shopper is asked, and never refused.

The typos are a letter left out, doubled or swapped with its neighbour, and endings that are none.
Of the domains so made, those where people have mailboxes are left out.
"""

PROVIDERS = ("gmail", "hotmail", "yahoo", "outlook", "icloud")
NEIGHBOURS = {"gnail": "gmail", "gmaik": "gmail", "hotnail": "hotmail", "yaboo": "yahoo"}
ENDINGS = ("con", "cmo", "ocm", "vom", "xom", "comm", "cpm", "cm", "om", "co")  # of a provider's
NO_ENDINGS = ("con", "cmo", "ocm", "vom", "xom", "comm", "cpm")  # which no registry has
REAL = frozenset({"mail", "email", "hotmai", "cloud", "ahoo"})


def correct(email: str) -> str | None:
    """The address that was probably meant, or None."""
    name, _, domain = email.rpartition("@")
    meant = _TYPOS.get(domain) or _with_ending(domain)
    return f"{name}@{meant}" if meant else None


def _with_ending(domain: str) -> str | None:
    host, _, ending = domain.rpartition(".")
    return f"{host}.com" if host and ending in NO_ENDINGS else None


def _typos_of(name: str) -> set[str]:
    cut = {name[:at] + name[at + 1 :] for at in range(len(name))}
    doubled = {name[:at] + name[at] + name[at:] for at in range(len(name))}
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(len(name) - 1)}
    return (cut | doubled | swapped) - REAL - {name}


_TYPOS = {
    **{f"{name}.{end}": f"{name}.com" for name in PROVIDERS for end in ENDINGS},
    **{
        f"{typo}.{end}": f"{name}.com"
        for name in PROVIDERS
        for typo in _typos_of(name)
        for end in ("com", *NO_ENDINGS)
    },
    **{f"{typo}.com": f"{name}.com" for typo, name in NEIGHBOURS.items()},
}
