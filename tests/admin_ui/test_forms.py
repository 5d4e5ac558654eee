"""The form library: what it offers, and the button that takes a form into the shop."""

import re

import pytest

from plugin.forms import library
from plugin.onboard import seed_library
from storage import forms
from storage.engine import db
from storage.forms import FormStatus, OptIn
from tests.admin_ui.test_acts import toast


@pytest.fixture
def seeded(shop):
    seed_library(shop.id)
    return shop


def test_the_library_offers_what_the_shop_does_not_have(merchant, seeded):
    page = merchant.open("/forms").text
    library = page[page.index('id="library"') :]

    assert "Skincare quiz" in library
    assert "Asks: What does your skin need most? · Email address · Mobile number" in library
    assert "Comes with a welcome email" in library
    assert "Welcome popup" not in library


def test_a_chinese_merchant_reads_the_offer_in_chinese(merchant, seeded):
    page = merchant.open("/forms", locale="zh-CN").text
    library = page[page.index('id="library"') :]

    assert "找到适合你的护肤方案" in library
    assert "你的肌肤最需要什么？" in library
    assert "使用此表单" in library


def test_a_merchant_takes_a_form_and_the_library_is_empty(merchant, seeded):
    answer = merchant.post("/forms", key="skincare_quiz")

    assert "Form added" in toast(answer)
    assert 'aria-checked="false"' in answer.text
    number = int(re.findall(r'action="/forms/(\d+)"', answer.text)[0])
    assert answer.headers["HX-Replace-Url"] == f"/forms/{number}"
    with db.reading() as session:
        assert forms.get_form(session, seeded.id, number).status == FormStatus.DRAFT
    page = merchant.open("/forms").text
    assert f'href="/forms/{number}"' in page
    assert "You have every form in the library" in page
    assert "Use this form" not in page


@pytest.mark.parametrize("key", ["", "nothing", "../../secrets"])
def test_a_form_that_the_library_lacks_is_not_found(merchant, seeded, key):
    assert merchant.post("/forms", key=key).status_code == 404
    with db.reading() as session:
        assert len(forms.forms_of(session, seeded.id)) == 1


@pytest.mark.parametrize(
    ("opt_in", "waits"),
    [(OptIn.DOUBLE_OPT_IN, True), (OptIn.BY_COUNTRY, True), (OptIn.SINGLE_OPT_IN, False)],
)
def test_a_form_and_its_list_say_that_numbers_wait_for_a_confirmation(
    merchant, seeded, opt_in, waits
):
    quiz = library.use_form(seeded.id, "skincare_quiz")
    with db.transaction() as session:
        form = forms.get_form(session, seeded.id, quiz)
        form.opt_in = opt_in
        session.add(form)
        list_id = form.list_id

    on_form = merchant.open(f"/forms/{quiz}").text
    on_list = merchant.open(f"/audience/lists/{list_id}/settings").text

    assert ("phone number stays unconfirmed and gets no texts" in on_form) is waits
    assert on_list.count("Phone numbers that must be confirmed stay unconfirmed") == waits


def test_a_form_that_asks_for_no_number_says_nothing_of_texts(merchant, seeded):
    with db.reading() as session:
        (popup,) = forms.forms_of(session, seeded.id)

    assert "stays unconfirmed" not in merchant.open(f"/forms/{popup.id}").text
