"""Match each column of a sheet to one of our fields, by the names in its first row.

The names are those of Shopify's customer export (help.shopify.com: exporting customers), of
Klaviyo's list and segment exports, of Mailchimp's audience exports (a CSV for each status), of
Omnisend's and Brevo's contacts, and what people write by hand.
"""

import re
import unicodedata
from enum import StrEnum


class ColumnKind(StrEnum):
    """What a column of a file holds."""

    NOTHING = ""  # it is not imported
    PROPERTY = "property"
    PROPERTIES = "properties"  # all of them, as JSON: our own export
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
        "メールアドレス", "メール", "이메일", "电子邮箱", "电子信箱", "電子信箱", "電郵",
        "邮件地址", "eメール", "eメールアドレス", "correoelectronico", "emailadres", "epost",
        "epostadress", "sähköposti", "indirizzoemail", "endereçodeemail", "이메일주소",
    ),
    ColumnKind.PHONE: (
        "phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cell", "telephone",
        "电话", "手机", "手机号", "电话号码", "電話", "telefon", "telefonnummer", "handy",
        "téléphone", "móvil", "teléfono", "telefone", "telefono", "電話番号", "전화번호",
        "手机号码", "手機", "手機號碼", "电话号", "联系方式", "mobil", "mobilnummer",
        "mobiltelefon", "handynummer", "telephonenumber", "telephoneno", "phoneno", "mobileno",
        "cellphone", "tel", "gsm", "portable", "celular", "cellulare", "numerodetelefono",
        "telefoonnummer", "puhelin", "携帯電話", "携帯電話番号", "휴대폰", "휴대전화", "휴대폰번호",
        "연락처",
    ),
    ColumnKind.CUSTOMER: ("shopifycustomerid", "shopifyid"),
    ColumnKind.FIRST: (
        "firstname", "givenname", "forename", "名", "vorname", "prénom", "nombre", "nome", "fname",
        "first", "prenom", "voornaam", "förnamn", "fornavn", "etunimi", "imię",
    ),
    ColumnKind.LAST: (
        "lastname", "surname", "familyname", "姓", "nachname", "nomdefamille", "apellido",
        "apellidos", "sobrenome", "cognome", "lname", "last", "nom", "姓氏", "achternaam",
        "efternamn", "etternavn", "sukunimi", "nazwisko",
    ),
    ColumnKind.NAME: (
        "name", "fullname", "customername", "姓名", "名字", "nombrecompleto", "氏名", "이름",
        "客户姓名", "顾客姓名", "会员姓名", "會員姓名", "顧客名", "お名前", "名前",
        "nombreyapellidos", "nomcomplet", "nomecompleto", "vollständigername", "naam",
    ),
    ColumnKind.COUNTRY: (
        "country", "countrycode", "cc", "defaultaddresscountrycode", "国家", "国家地区", "國家",
        "land", "pays", "país", "paese", "国", "국가", "countryregion", "countryorregion",
        "countryname", "国家或地区", "pais", "kraj", "maa",
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
        "emailsubscriptionstatus", "subscriptionstatus", "emailpermission", "emailsubscription",
        "emailsubscribed", "emailoptin", "emailmarketingstatus", "marketingconsent",
        "marketingoptin", "optin", "optedin", "issubscribed", "newslettersubscription",
        "newsletterstatus", "subscribedtonewsletter", "接受电子邮件营销", "接受营销", "邮件订阅",
        "是否订阅", "订阅状态", "是否接受電子報行銷", "newsletteranmeldung", "einwilligung",
        "メルマガ", "メルマガ購読", "뉴스레터",
    ),
    ColumnKind.SMS_CONSENT: (
        "acceptssmsmarketing", "smsmarketingconsent", "smsconsent", "smsmarketing", "smsstatus",
        "smssubscriptionstatus", "phonepermission", "contactphonepermission", "smspermission",
        "smsoptin", "smssubscribed", "smssubscription", "smsmarketingstatus", "textsubscribed",
        "acceptssms", "textconsent", "短信订阅", "是否接受短信",
    ),
    ColumnKind.WHATSAPP_CONSENT: ("whatsappmarketingconsent", "whatsappconsent"),
    ColumnKind.EMAIL_CONSENT_AT: (
        "emailmarketingconsenttimestamp", "emailconsenttimestamp", "consentdate", "consentedat",
        "emailconsentdate", "confirmtime", "emailoptindate", "optindate", "subscribedat",
        "subscribedon", "subscribedate", "subscribeddate", "datesubscribed", "subscriptiondate",
        "optedinat", "emailsubscribedat", "emailsubscribeddate", "订阅时间",
    ),
    ColumnKind.SMS_CONSENT_AT: (
        "smsmarketingconsenttimestamp", "smsconsenttimestamp", "smsconsentdate", "smsoptindate",
        "smssubscribedat", "smsoptedinat", "smssubscribeddate",
    ),
    ColumnKind.WHATSAPP_CONSENT_AT: (
        "whatsappmarketingconsenttimestamp", "whatsappconsenttimestamp",
    ),
    ColumnKind.SUPPRESSED: (
        "emailsuppressions", "emailmarketingsuppressions", "suppressed", "suppressionreason",
        "emailblocklisted", "emailblacklisted", "blocklisted", "blacklisted", "blacklist",
        "donotemail", "complained", "spamcomplaint", "donotcontact", "complaint", "complainedat",
        "markedasspam",
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
        "unsubscribedfromallemail", "optedoutofallemail", "unsubscribedon", "unsubscribeddate",
        "dateunsubscribed", "emailunsubscribed", "emailunsubscribedat", "optedoutat", "是否退订",
    ),
    ColumnKind.SMS_UNSUBSCRIBED: (
        "smsunsubtime", "smsunsubscribed", "smsoptoutdate", "smsoptout", "smsunsubscribedat",
        "smsoptedoutat", "smsunsubscribeddate",
    ),
    ColumnKind.EMAIL_BOUNCED: (
        "cleantime", "cleancampaigntitle", "cleancampaignid", "cleaned", "bounced", "hardbounced",
        "hardbounce", "emailbounced", "emailhardbouncereason", "hardbouncereason", "hardbouncedat",
        "bouncedat", "bouncereason",
    ),
    ColumnKind.EMAIL_TRANSACTIONAL: ("emailtransactionalconsent",),
    ColumnKind.SMS_TRANSACTIONAL: ("smstransactionalconsent",),
    ColumnKind.WHATSAPP_TRANSACTIONAL: ("whatsapptransactionalconsent",),
    ColumnKind.OPEN_TRACKING: ("emailopentrackingconsent", "opentrackingconsent"),
}  # fmt: skip
# Where no column has a name of the list above: of several addresses or names the first one here.
FALLBACKS = {
    ColumnKind.EMAIL: (
        "customeremail",
        "contactemail",
        "useremail",
        "primaryemail",
        "email1",
        "email1value",
        "billingemail",
        "buyeremail",
        "orderemail",
        "subscriber",
        "subscriberemail",
    ),
    ColumnKind.PHONE: (
        "mobilephonenumber",
        "smsnumber",
        "smsphonenumber",
        "customerphone",
        "contactphone",
        "contactnumber",
        "phone1",
        "phone1value",
        "primaryphone",
        "defaultaddressphone",
        "billingphone",
        "shippingphone",
        "buyerphone",
        "addresstelephone",
        "businessphone",
        "homephone",
        "收货人手机",
        "收货人手机号",
        "买家手机号",
        "联系电话",
    ),
    ColumnKind.NAME: (
        "billingname",
        "shippingname",
        "recipientname",
        "contactname",
        "customer",
        "buyername",
        "收货人",
        "收货人姓名",
        "收件人",
        "买家姓名",
        "昵称",
        "暱稱",
    ),
    ColumnKind.FIRST: ("customerfirstname", "billingfirstname", "shippingfirstname"),
    ColumnKind.LAST: ("customerlastname", "billinglastname", "shippinglastname"),
    ColumnKind.COUNTRY: (
        "defaultaddresscountry",
        "billingcountry",
        "shippingcountry",
        "billingcountrycode",
        "addresscountry",
        "address1country",
    ),
}
# These say too much else to be taken for consent; yet who is "unsubscribed" there is.
STATUS_NAMES = frozenset((
    "status", "state", "memberstatus", "subscriberstatus", "contactstatus", "subscriptionstate",
    "状态", "狀態", "estado", "statut", "stato",
))  # fmt: skip
OPT_OUTS = ("optedoutofemail",)  # HubSpot: one such column for each type of subscription
KNOWN = {name: field for field, names in NAMES.items() for name in names}
_SIGNS = re.compile(r"[\W_]+")


def plain_name(title: str) -> str:
    """A column's name without signs and capitals."""
    return _SIGNS.sub("", unicodedata.normalize("NFC", title)).lower()
