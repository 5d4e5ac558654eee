import pytest

from plugin.forms.typos import correct


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"), ("gmail.con", "gmail.com"), ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"), ("gmai.com", "gmail.com"), ("gmaill.com", "gmail.com"),
        ("gmail.co", "gmail.com"), ("outlok.com", "outlook.com"), ("iclod.com", "icloud.com"),
        ("gnail.com", "gmail.com"), ("studio.example.con", "studio.example.com"),
    ],
)  # fmt: skip
def test_a_slip_in_a_large_providers_domain_is_noticed(typed: str, meant: str) -> None:
    assert correct(f"kim@{typed}") == f"kim@{meant}"


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com", "hotmail.com", "yahoo.com", "outlook.com", "icloud.com", "mail.com",
        "gmx.net", "live.co.uk", "example.co", "email.com", "ymail.com", "yahoo.co.jp",
        "hotmail.co.uk", "cloud.com", "googlemail.com", "gmx.com", "me.com", "company.cm",
        "outlook.de", "yahoo.fr", "mail.ru", "qq.com", "163.com",
    ],
)  # fmt: skip
def test_an_address_that_is_right_is_never_questioned(domain: str) -> None:
    assert correct(f"kim@{domain}") is None
