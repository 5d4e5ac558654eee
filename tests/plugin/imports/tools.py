"""Small files in the shapes of tools that merchants come from; every value is made up.

`shape` says where the shape is known from. "by memory" is the shape of an export as its users share
it, without a page of the vendor's that lists its columns.
"""

from dataclasses import dataclass, field

from storage.imports import ProblemCode

Flaw = tuple[int, int, ProblemCode]
STATES = {"+": "subscribed", "-": "unsubscribed", "x": "bounced"}


@dataclass(frozen=True)
class Tool:
    """An export, and what an import makes of it without any declaration."""

    name: str
    shape: str
    body: bytes
    people: dict[str, str]  # by address: first name, last name, country, phone
    consents: str = ""  # address, then + or - or x
    flaws: list[Flaw] = field(default_factory=list)
    file_name: str = "people.csv"
    country: str = "US"  # of the shop


def crlf(text: str) -> bytes:
    """Text with the line ends of Windows."""
    return text.replace("\n", "\r\n").encode()


SHOPIFY_HEADER = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,"
    "Default Address Address1,Default Address Address2,Default Address City,"
    "Default Address Province Code,Default Address Country Code,Default Address Zip,"
    "Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,"
    "Tags\n"
)
SHOPIFY_ORDERS_HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Billing Name,Billing Street,"
    "Billing Zip,Billing Country,Billing Phone,Shipping Name,Shipping Country,Id,Tags,Phone\n"
)
SHOPIFY_ORDERS = (
    "#1003,ana@example.com,paid,2026-05-02 09:50:26 +0200,fulfilled,,no,EUR,9,0,0,9,,0,DHL,"
    "2026-05-02 09:50:26 +0200,1,Serum,9,Ana Silva,Rua 1,'1000,PT,+351912345678,Ana Silva,PT,73,,"
    "'+351912345678\n"
    "#1003,ana@example.com,,,,,,,,,,,,,,2026-05-02 09:50:26 +0200,2,Mask,5,,,,,,,,,,\n"
    "#1002,,paid,,,,,EUR,5,0,0,5,,0,,2026-05-01 09:50:26 +0200,1,Till,5,,,,,,,,72,,\n"
    "#1001,ana@example.com,paid,,,,yes,EUR,9,0,0,9,,0,,2024-05-02 09:50:26 +0200,1,Serum,9,"
    "Ana Old,,,PT,,,,71,,\n"
    "#1000,bo@example.com,paid,,,,yes,EUR,9,0,0,9,,0,,2024-05-01 09:50:26 +0200,1,Serum,9,"
    "Bo Lin,,,CN,,,,70,,\n"
)

TOOLS = [
    Tool(
        "Shopify, customers (2026)", "public repositories that read the export",
        crlf(SHOPIFY_HEADER
             + "'7001,Ana,Silva,ana@example.com,yes,,Rua 1,,Porto,,PT,'4000,'+351220000000,"
             "'+351912345678,yes,120.00,3,,no,\"vip, early\"\n"
             "'7002,Bo,Lin,bo@example.com,no,,,,,,CN,,,,no,0.00,0,,no,\n"),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo Lin CN "},
        "ana@example.com+ +351912345678+",
    ),
    Tool(
        "Shopify, customers (until 2022)", "public repositories that read the export",
        crlf("First Name,Last Name,Email,Company,Address1,Address2,City,Province,Province Code,"
             "Country,Country Code,Zip,Phone,Accepts Marketing,Total Spent,Total Orders,Tags,Note,"
             "Tax Exempt\n"
             "Ana,Silva,ana@example.com,,,,Porto,,,Portugal,PT,'4000,'+351912345678,yes,1.00,1,,,no\n"),
        {"ana@example.com": "Ana Silva PT +351912345678"},
        "ana@example.com+",
    ),
    Tool(
        "Shopify, orders (2026)", "docs.xbp.app, Shopify order format; public repositories",
        crlf(SHOPIFY_ORDERS_HEADER + SHOPIFY_ORDERS),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo Lin CN "},
    ),
    Tool(
        "Klaviyo, list", "help.klaviyo.com, exporting lists; by memory",
        crlf("Email,Klaviyo ID,First Name,Last Name,Country,Phone Number,Email Marketing Consent,"
             "Email Marketing Consent Timestamp,SMS Marketing Consent,Email Suppressions\n"
             "ana@example.com,01A,Ana,Silva,Portugal,912345678,SUBSCRIBED,2024-05-01 10:00:00,"
             "SUBSCRIBED,[]\n"
             "bo@example.com,01B,Bo,Lin,China,,UNSUBSCRIBED,2024-06-01 10:00:00,,[]\n"
             "cy@example.com,01C,Cy,,,,SUBSCRIBED,2024-06-01 10:00:00,,\"['HARD_BOUNCE']\"\n"),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo Lin CN ",
         "cy@example.com": "Cy   "},
        "ana@example.com+ +351912345678+ bo@example.com- cy@example.comx",
    ),
    Tool(
        "Mailchimp, subscribed", "mailchimp.com/help, view or export contacts; by memory",
        b"Email Address,First Name,Last Name,Address,Phone Number,Birthday,MEMBER_RATING,"
        b"OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,CC,REGION,LAST_CHANGED,LEID,"
        b"EUID,NOTES,TAGS\n"
        b"ana@example.com,Ana,Silva,,+351912345678,05/14,2,,,\"2024-01-02 10:00:00\",1.1.1.1,,,PT,"
        b",,1,a,,\"\"\"vip\"\"\"\n",
        {"ana@example.com": "Ana Silva PT +351912345678"},
        "ana@example.com+",
        [(2, 5, ProblemCode.MOMENT)],  # it tells day and month alone
        file_name="subscribed_email_audience_export_0a1b2c.csv",
    ),
    Tool(
        "Mailchimp, cleaned", "mailchimp.com/help, view or export contacts; by memory",
        b"Email Address,First Name,Last Name,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,LEID,"
        b"EUID\n"
        b"cy@example.com,Cy,,2024-01-02 10:00:00,2024-05-01 09:00:00,May,3,c\n",
        {"cy@example.com": "Cy   "},
        "cy@example.comx",
        file_name="cleaned_email_audience_export_0a1b2c.csv",
    ),
    Tool(
        "Omnisend, contacts", "support.omnisend.com, contact statuses and time-stamps",
        crlf("Email,Phone,First name,Last name,Country code,Birthdate,Email status,"
             "Email opt-in date,Email opt-out date,SMS status,SMS opt-in date\n"
             "ana@example.com,+351912345678,Ana,Silva,PT,1990-05-14,subscribed,"
             "2024-05-01T10:00:00Z,,subscribed,2024-05-01T10:00:00Z\n"
             "bo@example.com,,Bo,,,,nonSubscribed,,,,\n"
             "cy@example.com,,Cy,,,,unsubscribed,2023-05-01T10:00:00Z,2024-05-01T10:00:00Z,,\n"),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo   ",
         "cy@example.com": "Cy   "},
        "ana@example.com+ +351912345678+ cy@example.com-",
    ),
    Tool(
        "Brevo, contacts", "developers.brevo.com, contacts/export; help.brevo.com 208729849",
        b"EMAIL;LASTNAME;FIRSTNAME;SMS;EMAIL_BLACKLISTED;ADDED_TIME;MODIFIED_TIME\n"
        b"ana@example.com;Silva;Ana;351912345678;No;01-05-2024;2024-05-01\n"
        b"bo@example.com;Lin;Bo;;Yes;01-05-2024;2024-05-01\n",
        {"ana@example.com": "Ana Silva  +351912345678", "bo@example.com": "Bo Lin  "},
        "bo@example.com-",
        country="PT",
    ),
    Tool(
        "HubSpot, contacts", "a HubSpot property table in a public repository",
        crlf("Record ID,First Name,Last Name,Email,Phone Number,Country/Region,Lead Status,"
             "Marketing contact status,Unsubscribed from all email,Email hard bounce reason,"
             "Opted out of email: Newsletter,Opted out of email: One to One\n"
             "101,Ana,Silva,ana@example.com,+351912345678,Portugal,,Marketing contact,,,false,\n"
             "102,Bo,Lin,bo@example.com,,,,Marketing contact,true,,,\n"
             "103,Cy,,cy@example.com,,,,Marketing contact,,UNKNOWN_USER,,\n"
             "104,Di,,di@example.com,,,,Marketing contact,,,true,\n"),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo Lin  ",
         "cy@example.com": "Cy   ", "di@example.com": "Di   "},
        "bo@example.com- cy@example.comx di@example.com-",
    ),
    Tool(
        "WooCommerce 9, customers report", "woocommerce's analytics-customers-report.md",
        b'Name,Username,"Last active","Sign up",Email,Orders,"Total spend",AOV,"Country / Region",'
        b'City,Region,"Postal code"\n'
        b'"Ana Silva",ana,"2026-05-01 10:00:00","2024-05-01 10:00:00",ana@example.com,3,120.5,'
        b"40.17,PT,Porto,,4000\n",
        {"ana@example.com": "Ana Silva PT "},
    ),
    Tool(
        "Magento 2, newsletter subscribers", "docs.magento.com, newsletter subscribers; by memory",
        b'ID,Email,Type,"Customer First Name","Customer Last Name",Status,"Web Site","Store View"\n'
        b'1,ana@example.com,Customer,Ana,Silva,Subscribed,"Main Website","Default"\n'
        b'2,bo@example.com,Guest,,,Unsubscribed,"Main Website","Default"\n'
        b'3,cy@example.com,Guest,,,"Not Activated","Main Website","Default"\n',
        {"ana@example.com": "Ana Silva  ", "bo@example.com": "   ", "cy@example.com": "   "},
        "ana@example.com+ bo@example.com-",
    ),
    Tool(
        "Magento 2, customers", "by memory",
        b"ID,Name,Email,Group,Phone,ZIP,Country,State/Province,Customer Since,Web Site,"
        b"Date of Birth\n"
        b'1,"Ana Silva",ana@example.com,General,+351912345678,4000,Portugal,,"May 1, 2024",Main,'
        b"1990-05-14\n",
        {"ana@example.com": "Ana Silva PT +351912345678"},
    ),
    Tool(
        "MailerLite, subscribers", "by memory",
        crlf("Subscriber,Sent,Opens,Clicks,Subscribed,Location,Name,Last name,Country,Phone,"
             "Unsubscribed\n"
             "ana@example.com,3,2,1,2024-05-01 10:00:00,,Ana,Silva,Portugal,+351912345678,\n"
             "bo@example.com,3,2,1,2024-05-01 10:00:00,,Bo,Lin,,,2025-05-01 10:00:00\n"),
        {"ana@example.com": "Ana Silva PT +351912345678", "bo@example.com": "Bo Lin  "},
        "bo@example.com-",
    ),
    Tool(
        "ActiveCampaign, contacts", "contact statuses as its help names them; columns by memory",
        crlf('"ID","Email","First Name","Last Name","Phone","Created","Status","Tags"\n'
             '"1","ana@example.com","Ana","Silva","+351912345678","2024-05-01","Active","vip"\n'
             '"2","bo@example.com","Bo","Lin","","2024-05-01 10:00:00","Unsubscribed",""\n'
             '"3","cy@example.com","Cy","","","2024-05-01 10:00:00","Bounced",""\n'
             '"4","di@example.com","Di","","","2024-05-01 10:00:00","Unconfirmed",""\n'),
        {"ana@example.com": "Ana Silva  +351912345678", "bo@example.com": "Bo Lin  ",
         "cy@example.com": "Cy   ", "di@example.com": "Di   "},
        "bo@example.com- cy@example.comx",
    ),
    Tool(
        "Privy, contacts", "help.privy.com, api-reference/list-contacts",
        b"email,first_name,last_name,email_permission,phone_number,contact_phone_permission,tags\n"
        b"ana@example.com,Ana,Silva,subscribed,+351912345678,subscribed,vip\n"
        b"bo@example.com,Bo,Lin,unsubscribed,,non_subscribed,\n"
        b"cy@example.com,Cy,,non_subscribed,,,\n",
        {"ana@example.com": "Ana Silva  +351912345678", "bo@example.com": "Bo Lin  ",
         "cy@example.com": "Cy   "},
        "ana@example.com+ +351912345678+ bo@example.com-",
    ),
    Tool(
        "Attentive, subscribers", "docs.attentive.com, subscriber upload: phones alone; by memory",
        b"phone,status,subscribed_at\n"
        b"+12125550101,OPTED_OUT,2024-05-01 10:00:00\n(212) 555-0102,active,2024-05-01 10:00:00\n",
        {"+12125550101": "   +12125550101", "+12125550102": "   +12125550102"},
        "+12125550101-",
    ),
    Tool(
        "Postscript, subscribers", "help.postscript.io, uploading subscribers; by memory",
        b"Phone Number,Email,First Name,Last Name,Subscribed,Unsubscribed At\n"
        b"+12125550101,,Ana,Silva,true,\n+12125550102,,Bo,Lin,false,2024-05-01\n",
        {"+12125550101": "Ana Silva  +12125550101", "+12125550102": "Bo Lin  +12125550102"},
    ),
    Tool(
        "Youzan, customers", "Chinese exports: GB18030, a tab before digits; by memory",
        "客户姓名,手机号,生日,邮箱,是否订阅\r\n李雷,\t13800138000,1990/5/14,li@example.com,是\r\n"
        "韩梅梅,138****8001,,han@example.com,否\r\n王芳,\t13800138002,1991年6月1日,,\r\n".encode("gb18030"),
        {"li@example.com": "李雷   +8613800138000", "han@example.com": "韩梅梅   ",
         "+8613800138002": "王芳   +8613800138002"},
        "li@example.com+",
        [(3, 1, ProblemCode.MASKED)],
        country="CN",
    ),
    Tool(
        "Excel, German, saved as CSV", "semicolons and Windows-1252; phones as numbers",
        "E-Mail;Vorname;Nachname;Telefon;Land;Newsletter;Geburtsdatum\r\n"
        "ana@example.com;Jörg;Groß;4,91511E+12;Österreich;WAHR;14.05.1990\r\n"
        "bo@example.com;Bo;Lin;015112345678;Deutschland;FALSCH;\r\n".encode("cp1252"),
        {"ana@example.com": "Jörg Groß AT ", "bo@example.com": "Bo Lin DE +4915112345678"},
        "ana@example.com+",
        [(2, 3, ProblemCode.ROUNDED)],
        country="DE",
    ),
    Tool(
        "Excel, saved as Unicode text", "tabs in UTF-16",
        "Correo electrónico\tNombre\tApellidos\tPaís\tNewsletter\r\n"
        "ana@example.com\tAna\tSilva\tEspaña\tVERDADERO\r\n".encode("utf-16"),
        {"ana@example.com": "Ana Silva ES "},
        "ana@example.com+",
    ),
    Tool(
        "Excel for Mac, saved as Macintosh CSV", "a byte 13 alone, and the Macintosh's letters",
        "Courriel;Prénom;Nom;Pays\rana@example.com;Zoé;Lefèvre;Suède\r".encode("mac_roman"),
        {"ana@example.com": "Zoé Lefèvre SE "},
    ),
    Tool(
        "Google Sheets", "UTF-8 without a mark, TRUE and FALSE",
        crlf('Email,First name,Phone,Subscribed,\nana@example.com,Ana,"=""+351912345678""",TRUE,\n'
             "bo@example.com,Bo,,FALSE,\n"),
        {"ana@example.com": "Ana   +351912345678", "bo@example.com": "Bo   "},
        "ana@example.com+",
    ),
    Tool(
        "Numbers", "a table's title above its header, a semicolon in Europe",
        b"Kunden\n\nE-Mail;Name;Telefon\nana@example.com;Ana Silva;+351 912 345 678\n",
        {"ana@example.com": "Ana Silva  +351912345678"},
    ),
    Tool(
        "LibreOffice, Japanese, saved in Shift_JIS", "every text in quotation marks",
        '"メールアドレス","氏名","電話番号","メルマガ","生年月日"\n'
        '"a..taro.@docomo.ne.jp","山田 太郎","090-1234-5678","はい","1990/05/14"\n'.encode("cp932"),
        {"a..taro.@docomo.ne.jp": "山田 太郎  +819012345678"},
        "a..taro.@docomo.ne.jp+",
        country="JP",
    ),
    Tool(
        "Google Contacts", "public repositories that read the export",
        crlf("First Name,Middle Name,Last Name,Birthday,Notes,Labels,E-mail 1 - Label,"
             "E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
             "Ana,,Silva,1990-05-14,,* myContacts,Home,ana@example.com,Mobile,+351 912 345 678\n"),
        {"ana@example.com": "Ana Silva  +351912345678"},
    ),
    Tool(
        "pandas", "pandas 2: phones with a gap among them become decimals",
        b"email,phone\nana@example.com,351912345678.0\nbo@example.com,\n",
        {"ana@example.com": "   +351912345678", "bo@example.com": "   "},
        country="PT",
    ),
]  # fmt: skip
