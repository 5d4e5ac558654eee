"""Mailboxes and the providers that give them to anybody: which spellings of an address lead to the
same one, and which domains are no shop's to write from.
"""

import re

# The other names of a provider under which each mailbox is reached as well.
SAME_PROVIDER = {
    "googlemail.com": "gmail.com",  # support.google.com/mail/answer/10313
    "me.com": "icloud.com", "mac.com": "icloud.com",  # support.apple.com/102540
    "pm.me": "proton.me", "protonmail.com": "proton.me", "protonmail.ch": "proton.me",
    "ya.ru": "yandex.ru", "yandex.by": "yandex.ru", "yandex.com": "yandex.ru",
    "yandex.kz": "yandex.ru", "narod.ru": "yandex.ru",  # yandex.com/support/mail, addresses
}  # fmt: skip
# Letters of a name that a provider overlooks, or takes for one another.
OVERLOOKED = {
    "gmail.com": ".",  # support.google.com/mail/answer/7436150
    "proton.me": ".-_",  # proton.me/support/addresses-and-aliases
}
ALIKE = {"yandex.ru": ("-", ".")}
# Where a tag stands behind a hyphen: the disposable addresses of Yahoo Mail.
HYPHEN_TAGS = re.compile(r"(yahoo\.[a-z.]+|ymail\.com|rocketmail\.com)")
# A provider under many countries' names.
_FREE_BRANDS = re.compile(r"(yahoo|hotmail|outlook|live|gmx|yandex|ymail)\.(com?\.)?[a-z]{2,3}")
_FREE = frozenset((
    "gmail.com", "googlemail.com", "msn.com", "passport.com", "rocketmail.com", "myyahoo.com",
    "aol.com", "icloud.com", "me.com", "mac.com",
    "qq.com", "vip.qq.com", "foxmail.com", "163.com", "vip.163.com", "126.com", "vip.126.com",
    "yeah.net", "188.com", "sina.com", "sina.cn", "sohu.com", "aliyun.com", "139.com", "189.cn",
    "proton.me", "protonmail.com", "protonmail.ch", "pm.me", "fastmail.com", "fastmail.fm",
    "mail.com", "email.com", "zoho.com", "zohomail.com", "tuta.io", "tutanota.com", "hey.com",
    "web.de", "t-online.de", "freenet.de", "posteo.de", "orange.fr", "wanadoo.fr", "free.fr",
    "laposte.net", "sfr.fr", "libero.it", "virgilio.it", "tiscali.it", "alice.it",
    "mail.ru", "bk.ru", "inbox.ru", "list.ru", "rambler.ru", "ya.ru", "ukr.net",
    "naver.com", "daum.net", "hanmail.net", "nate.com", "docomo.ne.jp", "ezweb.ne.jp",
    "softbank.ne.jp", "seznam.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl", "abv.bg",
    "uol.com.br", "bol.com.br", "terra.com.br", "rediffmail.com",
    "comcast.net", "verizon.net", "att.net", "sbcglobal.net", "bellsouth.net", "cox.net",
    "btinternet.com", "virginmedia.com", "sky.com", "bigpond.com", "telenet.be", "ziggo.nl",
))  # fmt: skip


def parse_mailbox(address: str) -> str:
    """The mailbox behind a normal address, to count by: neither tags (RFC 5233) nor what its
    provider overlooks make another one.
    """
    name, _, domain = address.lower().partition("@")
    domain = SAME_PROVIDER.get(domain, domain)
    name = name.partition("+")[0] or name
    if HYPHEN_TAGS.fullmatch(domain):
        name = name.partition("-")[0] or name
    for letter in OVERLOOKED.get(domain, ""):
        name = name.replace(letter, "") or name
    if domain in ALIKE:
        name = name.replace(*ALIKE[domain])
    return f"{name}@{domain}"


def is_free_mail(domain: str) -> bool:
    """Whether a provider gives addresses at this domain to anybody.

    Such providers tell others to refuse mail from them that another relay sends (DMARC), and others
    refuse it anyway.
    """
    return domain in _FREE or _FREE_BRANDS.fullmatch(domain) is not None
