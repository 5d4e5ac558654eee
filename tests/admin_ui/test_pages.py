"""Every page, for a shop in which nothing has happened and for one with two months behind it."""

import pytest

EMPTY = [
    "/", "/audience", "/audience/duplicates", "/audience/imports", "/audience/lists",
    "/flows", "/forms", "/coupons", "/settings", "/settings/write-backs", "/settings/consent",
    "/settings/reconciliation", "/settings/quarantine",
]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("path", EMPTY)
def test_a_new_shop_sees_what_to_do_next(merchant, path, locale):
    answer = merchant.open(path, locale)

    assert answer.status_code == 200
    assert f'lang="{"zh-Hans" if locale == "zh-CN" else "en"}"' in answer.text


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_page_of_a_filled_shop_opens(merchant, pages, locale):
    for path in pages():
        answer = merchant.open(path, locale)
        assert (path, answer.status_code) == (path, 200)
