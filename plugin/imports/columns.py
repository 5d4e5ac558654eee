"""Match each column of a sheet to one of our fields, by the names in its first row.

The names are those of Shopify's customer export (help.shopify.com: exporting customers) and of
Klaviyo's list and segment exports, and what people write by hand.
"""

import re
from collections.abc import Sequence

from storage.channels import STOREFRONT_CHANNELS

EMAIL, PHONE, CUSTOMER = "email", "phone", "customer_id"
FIRST, LAST, NAME = "first_name", "last_name", "name"
COUNTRY, LOCALE, TIMEZONE = "country", "locale", "timezone"
CONSENT = {f"{channel}_consent": channel for channel in STOREFRONT_CHANNELS}
CONSENT_AT = {f"{channel}_consent_at": channel for channel in STOREFRONT_CHANNELS}
SUPPRESSED = "email_suppressed"
PROPERTY, NOTHING = "property", ""
# Every field but properties stands in one column at most.
FIELDS = (
    EMAIL, PHONE, CUSTOMER, FIRST, LAST, NAME, COUNTRY, LOCALE, TIMEZONE, *CONSENT, *CONSENT_AT,
    SUPPRESSED,
)  # fmt: skip
KINDS = (NOTHING, PROPERTY, *FIELDS)

NAMES = {
    EMAIL: ("email", "emailaddress", "mail", "邮箱", "电子邮件", "邮件", "邮箱地址", "電子郵件",
            "emailadresse", "courriel", "adressemail", "adresseemail", "correo",
            "correoelectrónico", "メールアドレス", "メール", "이메일"),
    PHONE: ("phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cell", "telephone",
            "电话", "手机", "手机号", "电话号码", "電話", "telefon", "telefonnummer", "handy",
            "téléphone", "móvil", "teléfono", "telefone", "telefono", "電話番号", "전화번호"),
    CUSTOMER: ("customerid", "shopifycustomerid", "shopifyid"),
    FIRST: ("firstname", "givenname", "forename", "名", "vorname", "prénom", "nombre", "nome"),
    LAST: ("lastname", "surname", "familyname", "姓", "nachname", "nomdefamille", "apellido",
           "apellidos", "sobrenome", "cognome"),
    NAME: ("name", "fullname", "customername", "姓名", "名字", "nombrecompleto", "氏名", "이름"),
    COUNTRY: ("country", "countrycode", "defaultaddresscountrycode", "国家", "国家地区", "國家",
              "land", "pays", "país", "paese", "国", "국가"),
    LOCALE: ("locale", "language", "语言", "sprache", "langue", "idioma", "lingua", "言語"),
    TIMEZONE: ("timezone", "时区"),
    "email_consent": ("acceptsemailmarketing", "acceptsmarketing", "emailmarketingconsent",
                      "emailconsent", "emailmarketing", "consent", "subscribed", "newsletter"),
    "sms_consent": ("acceptssmsmarketing", "smsmarketingconsent", "smsconsent", "smsmarketing"),
    "whatsapp_consent": ("whatsappmarketingconsent", "whatsappconsent"),
    "email_consent_at": ("emailmarketingconsenttimestamp", "emailconsenttimestamp", "consentdate",
                         "consentedat", "emailconsentdate"),
    "sms_consent_at": ("smsmarketingconsenttimestamp", "smsconsenttimestamp", "smsconsentdate"),
    "whatsapp_consent_at": ("whatsappmarketingconsenttimestamp", "whatsappconsenttimestamp"),
    SUPPRESSED: ("emailsuppressions", "emailmarketingsuppressions", "suppressed"),
}  # fmt: skip
KNOWN = {name: field for field, names in NAMES.items() for name in names}
_SIGNS = re.compile(r"[\W_]+")


def guess_columns(header: Sequence[str]) -> list[str]:
    """A field for each column; nothing where we do not know it, or have it already."""
    found: list[str] = []
    for name in header:
        field = KNOWN.get(_SIGNS.sub("", name).lower(), NOTHING)
        found.append(field if field not in found else NOTHING)
    return found


def detect_exporter(header: Sequence[str]) -> str:
    """Return which system exported a file: Shopify, Klaviyo, or "" if unknown."""
    names = {_SIGNS.sub("", name).lower() for name in header}
    if "klaviyoid" in names:
        return "Klaviyo"
    return "Shopify" if {"customerid", "totalorders"} <= names else ""
