"""What the words of other systems' exports say of consent: a yes, a no, or neither.

The words are those of Mailchimp's audience exports, Klaviyo's list exports and suppressions,
Shopify's customer export and Admin API, Omnisend's and Brevo's contacts, and what people write. A
word that refuses counts wherever it stands in a cell; a yes only where it is the whole cell.
"""

import re
from enum import StrEnum

from storage.consent_ledger import ConsentState


class Answer(StrEnum):
    """What a cell, a column or a file says of one channel."""

    SILENT = "silent"
    YES = "yes"
    NEVER = "never"  # was not asked, or did not confirm: no yes, yet nothing is withdrawn
    NO = "no"
    SUPPRESSED = "suppressed"  # by a complaint, or by the merchant: a no that only its owner lifts
    BOUNCED = "bounced"  # so does a mailbox that does not exist
    UNKNOWN = "unknown"


REFUSALS = {  # each stronger than the one before it
    Answer.NO: ConsentState.UNSUBSCRIBED,
    Answer.SUPPRESSED: ConsentState.UNSUBSCRIBED,
    Answer.BOUNCED: ConsentState.BOUNCED,
}
LIFTED_BY_OWNER = (Answer.SUPPRESSED, Answer.BOUNCED)
# Sheets write what is true in their own language: WAHR, VRAI, VERDADERO, SANT.
YES = frozenset((
    "yes", "y", "true", "t", "1", "subscribed", "opted in", "opt in", "optin", "optedin", "granted",
    "agreed", "consented", "✓", "✔", "☑", "✅", "√",
    "是", "已订阅", "已訂閱", "订阅", "訂閱", "同意", "已同意", "接受",
    "ja", "wahr", "abonniert", "angemeldet", "oui", "vrai", "abonné", "abonnée",
    "sí", "si", "verdadero", "suscrito", "suscrita", "sim", "verdadeiro", "inscrito", "inscrita",
    "sì", "vero", "iscritto", "iscritta", "waar", "aangemeld", "ingeschreven",
    "はい", "同意する", "購読中", "예", "네", "동의", "да", "истина", "tak", "prawda", "evet",
    "doğru", "ano", "igen", "igaz", "kyllä", "tosi", "sant", "sand", "ναι", "có", "ใช่",
))  # fmt: skip
# Shopify's export writes `no` for customers who were never asked, too: it withdraws nothing.
NEVER = frozenset((
    "no", "n", "false", "f", "0", "never subscribed", "not subscribed", "non subscribed",
    "nonsubscribed", "notsubscribed", "neversubscribed", "pending", "none", "null", "unconfirmed",
    "implied", "transactional", "archived", "never", "not set", "not opted in", "n/a",
    "not suppressed", "not bounced", "not unsubscribed", "not activated", "ineligible",
    "non marketing contact", "✗", "✘", "❌", "×",
    "否", "不", "未订阅", "未訂閱", "不同意", "未同意", "nein", "falsch", "nicht angemeldet", "non",
    "faux", "falso", "não", "nao", "onwaar", "nee", "いいえ", "同意しない", "未購読", "아니요",
    "아니오", "미동의", "нет", "ложь", "nie", "fałsz", "hayır", "hayir", "yanlış", "yanliş", "ne",
    "nepravda", "nem", "hamis", "ei", "epätosi", "nej", "nei", "falskt", "falsk", "όχι", "không",
    "ไม่", "tidak",
))  # fmt: skip
_BOUNCED = re.compile(r"bounce|cleaned|invalid|undeliverable|退信")
# Mailchimp's `abuse`; Klaviyo's SPAM_COMPLAINT and USER_SUPPRESSED; Brevo's blocklist; Shopify's
# REDACTED.
_SUPPRESSED = re.compile(
    r"suppress|compla|spam|abuse|block|black ?list|redact|do not (?:contact|e?mail|text)"
    r"|黑名单|投诉"
)
_NO = re.compile(
    r"unsub|un subscr|opt(?:ed)? ?out|revok|withdr|declin|refus|stopped|退订|取消订阅|desinscri"
    r"|désinscri|desabonn|désabonn|abgemeldet|ausgetragen|disiscri|\bbaja\b|descadastr|afgemeld"
    r"|uitgeschreven|avregistr|отпис|退訂|取消訂閱|配信停止|解約|退会|수신 ?거부|구독 ?취소"
)
_SIGNS = re.compile(r"[\s_\-\[\]{}()'\"]+")
# Mailchimp's archive has a file for each status, without a column for it.
_EXPORTED = re.compile(
    r"(non ?subscribed|unsubscribed|subscribed|cleaned)"
    r" (?:\w+ )*(?:members|audience|contacts)\b.*\bexport\b"
)
_NAMED = re.compile(r"(?:unsubscribe[ds]?|unsubscribers|opt ?outs?|suppress\w*|bounce[ds]?|退订)\b")


def read_word(cell: str) -> Answer:
    """What a cell of a consent column says; of several words in it the strongest refusal."""
    said = _plain(cell)
    if not said:
        return Answer.SILENT
    if said in NEVER:
        return Answer.NEVER
    for pattern, answer in (
        (_BOUNCED, Answer.BOUNCED),
        (_SUPPRESSED, Answer.SUPPRESSED),
        (_NO, Answer.NO),
    ):
        if pattern.search(said):
            return answer
    return Answer.YES if said in YES else Answer.UNKNOWN


def read_flag(cell: str, meant: Answer) -> Answer:
    """What a cell says in a column that itself names a refusal: all but a no is that refusal.

    Klaviyo's suppressions and Brevo's blocklist are such, and each date of an unsubscription.
    """
    said = read_word(cell)
    if said in (Answer.SILENT, Answer.NEVER):
        return Answer.SILENT
    return said if said in REFUSALS and said != Answer.NO else meant


def read_file_name(name: str, exporter: str) -> Answer:
    """What the name of a file says of everyone in it.

    That all are subscribed, or that all mailboxes are gone, counts in Mailchimp's own exports
    alone: merchants call a list "cleaned" that they tidied up.
    """
    said = _plain(name.rpartition(".")[0] or name)
    if exporter == "Mailchimp" and (found := _EXPORTED.match(said)):
        return read_word(found[1])
    named = _NAMED.match(said)
    return read_word(named[0]) if named else Answer.SILENT


def strongest(*said: Answer) -> Answer:
    """The refusal that holds among several answers, or SILENT."""
    refusals = list(REFUSALS)
    found = [refusals.index(each) for each in said if each in REFUSALS]
    return refusals[max(found)] if found else Answer.SILENT


def _plain(text: str) -> str:
    return _SIGNS.sub(" ", text).strip().lower()
