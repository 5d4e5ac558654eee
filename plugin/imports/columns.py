"""Match each column of a sheet to one of our fields, by the names in its first row.

The names are those of Shopify's customer export (help.shopify.com: exporting customers) and of
Klaviyo's list and segment exports, and what people write by hand.
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
    EMAIL_CONSENT = "email_consent"
    EMAIL_CONSENT_AT = "email_consent_at"
    SMS_CONSENT = "sms_consent"
    SMS_CONSENT_AT = "sms_consent_at"
    WHATSAPP_CONSENT = "whatsapp_consent"
    WHATSAPP_CONSENT_AT = "whatsapp_consent_at"
    SUPPRESSED = "email_suppressed"


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
        "country", "countrycode", "defaultaddresscountrycode", "国家", "国家地区", "國家", "land",
        "pays", "país", "paese", "国", "국가",
    ),
    ColumnKind.LOCALE: (
        "locale", "language", "语言", "sprache", "langue", "idioma", "lingua", "言語",
    ),
    ColumnKind.TIMEZONE: ("timezone", "时区"),
    ColumnKind.EMAIL_CONSENT: (
        "acceptsemailmarketing", "acceptsmarketing", "emailmarketingconsent", "emailconsent",
        "emailmarketing", "consent", "subscribed", "newsletter",
    ),
    ColumnKind.SMS_CONSENT: (
        "acceptssmsmarketing", "smsmarketingconsent", "smsconsent", "smsmarketing",
    ),
    ColumnKind.WHATSAPP_CONSENT: ("whatsappmarketingconsent", "whatsappconsent"),
    ColumnKind.EMAIL_CONSENT_AT: (
        "emailmarketingconsenttimestamp", "emailconsenttimestamp", "consentdate", "consentedat",
        "emailconsentdate",
    ),
    ColumnKind.SMS_CONSENT_AT: (
        "smsmarketingconsenttimestamp", "smsconsenttimestamp", "smsconsentdate",
    ),
    ColumnKind.WHATSAPP_CONSENT_AT: (
        "whatsappmarketingconsenttimestamp", "whatsappconsenttimestamp",
    ),
    ColumnKind.SUPPRESSED: ("emailsuppressions", "emailmarketingsuppressions", "suppressed"),
}  # fmt: skip
KNOWN = {name: field for field, names in NAMES.items() for name in names}
_SIGNS = re.compile(r"[\W_]+")


def guess_columns(header: Sequence[str]) -> list[ColumnKind]:
    """A field for each column; nothing where we do not know it, or have it already."""
    found: list[ColumnKind] = []
    for name in header:
        field = KNOWN.get(_SIGNS.sub("", name).lower(), ColumnKind.NOTHING)
        found.append(field if field not in found else ColumnKind.NOTHING)
    return found


def detect_exporter(header: Sequence[str]) -> str:
    """Return which system exported a file: Shopify, Klaviyo, or "" if unknown."""
    names = {_SIGNS.sub("", name).lower() for name in header}
    if "klaviyoid" in names:
        return "Klaviyo"
    return "Shopify" if {"customerid", "totalorders"} <= names else ""
