"""Match each column of a sheet to one of our fields, by the names in its first row.

The names are those of Shopify's customer export (help.shopify.com: exporting customers), of
Klaviyo's list and segment exports, of Mailchimp's audience exports (a CSV for each status), of
Omnisend's and Brevo's contacts, and what people write by hand.
"""

import re
from collections.abc import Sequence
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column of a file holds."""

    NOTHING = ""  # it is not imported
    PROPERTY = "property"
    EMAIL = "email"
    PHONE = "phone"
    CUSTOMER = "customer_id"
    FIRST = "first_name"
    LAST = "last_name"
    NAME = "name"
    COUNTRY = "country"
    LOCALE = "locale"
    TIMEZONE = "timezone"
    BIRTHDAY = "birthday"
    EMAIL_CONSENT = "email_consent"
    EMAIL_CONSENT_AT = "email_consent_at"
    SMS_CONSENT = "sms_consent"
    SMS_CONSENT_AT = "sms_consent_at"
    WHATSAPP_CONSENT = "whatsapp_consent"
    WHATSAPP_CONSENT_AT = "whatsapp_consent_at"
    SUPPRESSED = "email_suppressed"
    SMS_SUPPRESSED = "sms_suppressed"
    WHATSAPP_SUPPRESSED = "whatsapp_suppressed"
    EMAIL_UNSUBSCRIBED = "email_unsubscribed"  # when, or why; empty where they are not
    SMS_UNSUBSCRIBED = "sms_unsubscribed"
    EMAIL_BOUNCED = "email_bounced"
    EMAIL_TRANSACTIONAL = "email_transactional"
    SMS_TRANSACTIONAL = "sms_transactional"
    WHATSAPP_TRANSACTIONAL = "whatsapp_transactional"
    OPEN_TRACKING = "email_open_tracking"


# Every field but properties stands in one column at most.
FIELDS = frozenset(ColumnKind) - {ColumnKind.NOTHING, ColumnKind.PROPERTY}

NAMES = {
    ColumnKind.EMAIL: (
        "email", "emailaddress", "mail", "邮箱", "电子邮件", "邮件", "邮箱地址", "電子郵件",
        "emailadresse", "courriel", "adressemail", "adresseemail", "correo", "correoelectrónico",
        "メールアドレス", "メール", "이메일",
    ),
    ColumnKind.PHONE: (
        "phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cell", "telephone",
        "电话", "手机", "手机号", "电话号码", "電話", "telefon", "telefonnummer", "handy",
        "téléphone", "móvil", "teléfono", "telefone", "telefono", "電話番号", "전화번호",
    ),
    ColumnKind.CUSTOMER: ("customerid", "shopifycustomerid", "shopifyid"),
    ColumnKind.FIRST: (
        "firstname", "givenname", "forename", "名", "vorname", "prénom", "nombre", "nome",
    ),
    ColumnKind.LAST: (
        "lastname", "surname", "familyname", "姓", "nachname", "nomdefamille", "apellido",
        "apellidos", "sobrenome", "cognome",
    ),
    ColumnKind.NAME: (
        "name", "fullname", "customername", "姓名", "名字", "nombrecompleto", "氏名", "이름",
    ),
    ColumnKind.COUNTRY: (
        "country", "countrycode", "cc", "defaultaddresscountrycode", "国家", "国家地区", "國家",
        "land", "pays", "país", "paese", "国", "국가",
    ),
    ColumnKind.LOCALE: (
        "locale", "language", "语言", "sprache", "langue", "idioma", "lingua", "言語",
    ),
    ColumnKind.TIMEZONE: ("timezone", "时区"),
    ColumnKind.BIRTHDAY: (
        "birthday", "birthdate", "dateofbirth", "dob", "bday", "生日", "出生日期", "geburtstag",
        "geburtsdatum", "datedenaissance", "fechadenacimiento", "cumpleaños", "datadenascimento",
        "datadinascita", "compleanno", "geboortedatum", "誕生日", "生年月日", "생일", "생년월일",
    ),
    ColumnKind.EMAIL_CONSENT: (
        "acceptsemailmarketing", "acceptsmarketing", "emailmarketingconsent", "emailconsent",
        "emailmarketing", "consent", "subscribed", "newsletter", "emailstatus",
        "emailsubscriptionstatus", "subscriptionstatus",
    ),
    ColumnKind.SMS_CONSENT: (
        "acceptssmsmarketing", "smsmarketingconsent", "smsconsent", "smsmarketing",
        "smsstatus", "smssubscriptionstatus",
    ),
    ColumnKind.WHATSAPP_CONSENT: ("whatsappmarketingconsent", "whatsappconsent"),
    ColumnKind.EMAIL_CONSENT_AT: (
        "emailmarketingconsenttimestamp", "emailconsenttimestamp", "consentdate", "consentedat",
        "emailconsentdate", "confirmtime", "emailoptindate", "optindate",
    ),
    ColumnKind.SMS_CONSENT_AT: (
        "smsmarketingconsenttimestamp", "smsconsenttimestamp", "smsconsentdate",
        "smsoptindate",
    ),
    ColumnKind.WHATSAPP_CONSENT_AT: (
        "whatsappmarketingconsenttimestamp", "whatsappconsenttimestamp",
    ),
    ColumnKind.SUPPRESSED: (
        "emailsuppressions", "emailmarketingsuppressions", "suppressed", "suppressionreason",
        "emailblocklisted", "emailblacklisted", "blocklisted", "blacklisted", "blacklist",
        "donotemail", "complained", "spamcomplaint",
    ),
    ColumnKind.SMS_SUPPRESSED: (
        "smssuppressions", "smsmarketingsuppressions", "smsblocklisted", "smsblacklisted",
        "donottext",
    ),
    ColumnKind.WHATSAPP_SUPPRESSED: (
        "whatsappsuppressions", "whatsappmarketingsuppressions", "whatsappblocklisted",
        "whatsappblacklisted",
    ),
    ColumnKind.EMAIL_UNSUBSCRIBED: (
        "unsubtime", "unsubscribed", "unsubscribedat", "unsubscribedate", "emailoptoutdate",
        "optoutdate", "optedout", "optout", "emailoptout", "hasoptedoutofemail", "退订时间",
        "unsubreason", "unsubreasonother", "unsubcampaigntitle", "unsubcampaignid",
    ),
    ColumnKind.SMS_UNSUBSCRIBED: (
        "smsunsubtime", "smsunsubscribed", "smsoptoutdate", "smsoptout",
    ),
    ColumnKind.EMAIL_BOUNCED: (
        "cleantime", "cleancampaigntitle", "cleancampaignid", "cleaned", "bounced", "hardbounced",
        "hardbounce", "emailbounced",
    ),
    ColumnKind.EMAIL_TRANSACTIONAL: ("emailtransactionalconsent",),
    ColumnKind.SMS_TRANSACTIONAL: ("smstransactionalconsent",),
    ColumnKind.WHATSAPP_TRANSACTIONAL: ("whatsapptransactionalconsent",),
    ColumnKind.OPEN_TRACKING: ("emailopentrackingconsent", "opentrackingconsent"),
}  # fmt: skip
# These say too much else to be taken for consent; yet who is "unsubscribed" there is.
STATUS_NAMES = frozenset(("status", "state", "memberstatus", "subscriberstatus", "contactstatus"))
KNOWN = {name: field for field, names in NAMES.items() for name in names}
_SIGNS = re.compile(r"[\W_]+")


def guess_columns(header: Sequence[str]) -> list[ColumnKind]:
    """A field for each column; nothing where we do not know it, or have it already."""
    found: list[ColumnKind] = []
    for name in header:
        field = KNOWN.get(_SIGNS.sub("", name).lower(), ColumnKind.NOTHING)
        found.append(field if field not in found else ColumnKind.NOTHING)
    return found


def unread_refusals(header: Sequence[str], mapping: Sequence[str]) -> list[tuple[int, str]]:
    """The columns, and what they hold, that may say a no although the merchant maps them to
    nothing: a second one of a kind, or one that is left out.
    """
    found: list[tuple[int, str]] = []
    for place, (name, kind) in enumerate(zip(header, mapping, strict=True)):
        plain = _SIGNS.sub("", name).lower()
        known = KNOWN.get(plain, ColumnKind.NOTHING)
        if plain in STATUS_NAMES:
            known = ColumnKind.EMAIL_CONSENT
        if kind in (ColumnKind.NOTHING, ColumnKind.PROPERTY) and known:
            found.append((place, known))
    return found


def detect_exporter(header: Sequence[str]) -> str:
    """Return which system exported a file: Shopify, Klaviyo, Mailchimp, or "" if unknown."""
    names = {_SIGNS.sub("", name).lower() for name in header}
    if "klaviyoid" in names:
        return "Klaviyo"
    if {"leid", "euid"} <= names:
        return "Mailchimp"
    return "Shopify" if {"customerid", "totalorders"} <= names else ""
