"""What a shopper reads when a field will not do, in her language."""

WORDS = {
    "email": {
        "en": "Please enter a complete email address.",
        "zh": "请填写完整的邮箱地址。",
    },
    "phone": {
        "en": "Please enter the number with its country code.",
        "zh": "请填写带国家区号的号码。",
    },
    "answer": {"en": "Please choose one of the answers.", "zh": "请选择其中一项。"},
    "date": {
        "en": "Please enter a day, such as 1990-12-31.",
        "zh": "请填写日期，例如 1990-12-31。",
    },
    "website": {"en": "Please leave this field empty.", "zh": "请将此项留空。"},
}


def say(what: str, locale: str) -> str:
    """The message for a field, in the locale's language or else in English."""
    texts = WORDS[what]
    return texts.get(locale.replace("_", "-").split("-")[0].lower(), texts["en"])
