"""Lists in the admin: create, rename, fill and empty by hand, delete, restore."""

import html
import json
import re
from datetime import timedelta

import pytest

from admin_ui.kit import searches
from plugin import clock, lists
from storage import access_log, consent, counts, flows, profiles
from storage import lists as stored_lists
from storage.engine import db
from storage.flows import FlowStatus
from storage.lists import add_member
from tests.plugin.imports import sheet


def toast(answer):
    return json.loads(answer.headers["HX-Trigger"])["regulars:toast"]["words"]


def undo_of(answer):
    return html.unescape(re.search(r'name="undo" value="([^"]+)"', answer.text)[1])


def on(shop, list_id):
    with db.reading() as session:
        return {row.profile_id: row for row in stored_lists.members_page(session, shop.id, list_id)}


@pytest.fixture
def porto(shop, filled):
    with db.reading() as session:
        return next(
            each.id
            for each in stored_lists.lists_of(session, shop.id)
            if each.name == "Fair in Porto"
        )


def test_lists_are_shown_with_their_size_and_how_they_grow(merchant, shop, filled):
    text = merchant.fetch("/audience/lists").text

    row = re.search(r"Newsletter</a></th>(.*?)</tr>", text)[1]
    assert re.findall(r'number">([^<]*)<', row) == ["7", "5"]  # two joined over a month ago


def test_how_a_list_grows_is_counted_up_to_a_limit(merchant, filled, monkeypatch):
    monkeypatch.setattr(counts, "MAX_EXACT_COUNT", 4)

    assert 'number">4+<' in merchant.fetch("/audience/lists").text


def test_a_list_is_made_once_and_opens_empty(merchant, shop):
    made = merchant.post("/audience/lists", name=" Porto  2026 ")
    again = merchant.post("/audience/lists", name="porto 2026")

    assert toast(made) == "List created."
    assert re.fullmatch(r"/audience/lists/\d+", made.headers["HX-Replace-Url"])
    assert "No members yet" in made.text
    assert again.status_code == 422
    assert "Another list has this name." in again.text
    assert 'value="porto 2026"' in again.text
    assert 'aria-invalid="true"' in again.text
    assert len(merchant.fetch("/audience/lists").text.split("Porto 2026")) == 2


@pytest.mark.parametrize(("name", "status"), [("Lisbon", 200), ("", 422), ("newsletter", 422)])
def test_a_list_is_renamed(merchant, shop, porto, name, status):
    answer = merchant.post(f"/audience/lists/{porto}/settings", name=name)

    assert answer.status_code == status
    with db.reading() as session:
        held = stored_lists.get_list(session, shop.id, porto)
    assert held.name == ("Lisbon" if status == 200 else "Fair in Porto")


def test_a_file_makes_no_second_list_of_a_name(merchant, shop, filled):
    held = sheet.upload(shop, b"Email\nnew@example.com\n")

    answer = merchant.post(
        f"/audience/imports/{held.id}", **{"column-0": "email"}, list="new", list_name="NEWSLETTER"
    )

    assert answer.status_code == 422
    assert "Another list has this name." in answer.text


def test_members_are_found_by_name_address_or_number(merchant, shop, filled):
    path = f"/audience/lists/{filled['list']}"
    with db.transaction() as session:
        stored_lists.remove_member(session, shop.id, filled["list"], filled["profile"])

    for words, there in (("len", True), ("BRANDT", True), ("lena.b", True), ("maya", False)):
        found = merchant.post(f"{path}/search", q=words).text
        assert ("Lena Brandt" in found) is there, words
        assert "Maya Okafor" not in found, words
    assert "+447700900123" in merchant.post(f"{path}/search", q="+44 7700").text
    assert "No members found" in merchant.post(f"{path}/search", q="maya").text


def test_a_long_list_is_paged_through_a_search_too(merchant, shop, porto):
    people = [f"page{n}@example.com" for n in range(120)]
    with db.transaction() as session:
        for n, address in enumerate(people):
            profile_id = 1000 + n
            session.add(
                profiles.Profile(shop_id=shop.id, id=profile_id, email=address,
                                 created_at=clock.now(), last_active_at=clock.now())
            )  # fmt: skip
            session.add(
                profiles.Identity(shop_id=shop.id, kind="email", value=address,
                                  profile_id=profile_id, linked_at=clock.now())
            )  # fmt: skip
            at = clock.now() - timedelta(seconds=n // 7)
            add_member(session, shop.id, porto, profile_id, at=at, source="form:1")

    seen, path = [], searches.address(f"/audience/lists/{porto}", shop.id, "page")
    for _ in range(3):
        text = merchant.fetch(path).text
        seen += re.findall(r">(page\d+@example.com)</a>", text)
        older = re.search(r'hx-get="([^"]+before=[^"]+)"', text)
        path = html.unescape(older[1]) if older else ""

    assert path == ""
    assert sorted(seen) == sorted(people)


def test_a_members_row_shows_when_and_how_they_joined(merchant, shop, filled, porto):
    lists.add_member(shop, porto, filled["profile"])

    form = merchant.fetch(f"/audience/lists/{filled['list']}").text
    hand = merchant.fetch(f"/audience/lists/{porto}").text

    assert f'<a href="/forms/{filled["form"]}">Skincare quiz</a>' in form
    assert f'<a href="/audience/imports/{filled["read"]}">people.csv</a>' in hand
    assert "Your team" in hand


def test_a_removed_member_is_restored_as_before(merchant, shop, filled):
    path = f"/audience/lists/{filled['list']}/members/{filled['profile']}"
    before = on(shop, filled["list"])[filled["profile"]]

    off = merchant.post(path, act="remove")
    assert filled["profile"] not in on(shop, filled["list"])
    assert "Maya Okafor removed from the list." in off.text
    assert "6 members" in off.text
    assert "HX-Replace-Url" not in off.headers
    undo = undo_of(off)
    assert 'name="undo"' not in merchant.post(path, act="remove").text
    for _ in range(2):
        back = merchant.post(path, act="back", undo=undo)

    after = on(shop, filled["list"])[filled["profile"]]
    assert (after.joined_at, after.source) == (before.joined_at, before.source)
    assert "7 members" in back.text
    with db.reading() as session:
        assert len(consent.ledger_of(session, shop.id, [("email", "maya.okafor@example.com")])) == 1


@pytest.mark.parametrize("undo", ["", "1:AAAA", "1:" + "A" * 80, "é", "x"])
def test_only_a_signed_undo_restores_a_member(merchant, shop, filled, undo):
    path = f"/audience/lists/{filled['list']}/members/{filled['profile']}"
    merchant.post(path, act="remove")

    assert merchant.post(path, act="back", undo=undo).status_code == 404
    assert filled["profile"] not in on(shop, filled["list"])


def test_what_was_undone_on_one_list_is_no_word_about_another(merchant, shop, filled, porto):
    path = f"/audience/lists/%s/members/{filled['profile']}"
    undo = undo_of(merchant.post(path % filled["list"], act="remove"))

    assert merchant.post(path % porto, act="back", undo=undo).status_code == 404
    assert filled["profile"] not in on(shop, porto)


def test_a_member_added_by_hand_shows_what_they_may_be_sent(merchant, shop, filled, porto):
    path = f"/audience/lists/{porto}"
    page = merchant.post(f"{path}/add/search", q="sof").text
    assert "Unsubscribed" in page
    assert "Doesn&#39;t get marketing." in page
    assert "Add Sofía Marín to the list" in page
    (sofia,) = re.findall(r"/members/(\d+)\" hx-post", page)

    added = merchant.post(f"{path}/members/{sofia}", act="add", told="1")
    again = merchant.post(f"{path}/members/{sofia}", act="add", told="1")

    assert toast(added) == "Added to list"
    assert toast(again) == "Already on this list."
    assert "Doesn&#39;t get marketing." in added.text
    assert on(shop, porto)[int(sofia)].source == "merchant"


def test_who_is_nobodys_yet_is_made_a_profile_that_agreed_to_nothing(merchant, shop, porto):
    path = f"/audience/lists/{porto}/add"
    assert "Create profile and add" in merchant.post(f"{path}/search", q="zoe@example.org").text

    added = merchant.post(path, address=" Zoe@Example.org ")
    merchant.post(path, address="zoe@example.org")

    assert "Not subscribed" in added.text
    assert "Create profile and add" not in added.text
    with db.reading() as session:
        found = profiles.find_identities(session, shop.id, [("email", "zoe@example.org")])
        assert consent.ledger_of(session, shop.id, [("email", "zoe@example.org")]) == []
    assert next(iter(found.values())) in on(shop, porto)
    assert len(on(shop, porto)) == 2


def test_what_is_no_address_is_refused_beside_the_field(merchant, shop, porto):
    answer = merchant.post(f"/audience/lists/{porto}/add", address="zoe@")

    assert answer.status_code == 422
    assert 'aria-describedby="q-error"' in answer.text
    assert len(on(shop, porto)) == 1


def test_the_page_says_which_flows_an_addition_begins(merchant, shop, filled, porto):
    assert (
        "enter this flow right away" in merchant.fetch(f"/audience/lists/{filled['list']}/add").text
    )
    assert "right away" not in merchant.fetch(f"/audience/lists/{porto}/add").text

    path = f"/audience/lists/{filled['list']}/add"
    assert toast(merchant.post(path, address="zoe@example.org")) == (
        "Added to list. 1 flow started."
    )


def test_a_list_in_use_is_not_deleted_and_says_by_what(merchant, shop, filled):
    page = merchant.fetch(f"/audience/lists/{filled['list']}/settings").text
    for link in (f"/forms/{filled['form']}", f"/flows/{filled['Welcome']}"):
        assert f'href="{link}"' in page
    assert "/delete" not in page

    answer = merchant.post(f"/audience/lists/{filled['list']}/delete")

    assert answer.status_code == 422
    assert len(on(shop, filled["list"])) == 7


def test_a_deleted_list_is_undone_at_once_or_later(merchant, shop, filled, porto):
    page = merchant.fetch(f"/audience/lists/{porto}/settings").text
    assert "Their profiles and consent don't change" in page
    assert f'href="/audience/imports/{filled["read"]}"' in page

    for _ in range(2):
        gone = merchant.post(f"/audience/lists/{porto}/delete")
        assert "“Fair in Porto” deleted." in gone.text
        assert gone.headers["HX-Replace-Url"] == "/audience/lists"
    assert merchant.fetch(f"/audience/lists/{porto}").status_code == 404
    assert merchant.fetch(f"/audience/lists/{porto}/export").status_code == 404
    for _ in range(2):
        assert "restored" in toast(merchant.post(f"/audience/lists/{porto}/restore"))

    assert "1 member" in merchant.fetch(f"/audience/lists/{porto}").text


def test_restoring_a_list_under_a_taken_name_is_refused(merchant, shop, porto):
    merchant.post(f"/audience/lists/{porto}/delete")
    merchant.post("/audience/lists", name="Fair in Porto")

    answer = merchant.post(f"/audience/lists/{porto}/restore")

    assert answer.status_code == 422
    assert "List not restored. Another list has this name." in answer.text


def test_forms_and_flows_say_that_their_list_is_gone(merchant, shop, filled):
    form, flow = f"/forms/{filled['form']}", f"/flows/{filled['Welcome']}"
    merchant.post(form, status="draft")
    merchant.post(flow, status="draft")
    merchant.post(f"/audience/lists/{filled['list']}/delete")

    assert "list was deleted. Choose another list" in merchant.fetch(form).text
    assert "When someone joins a deleted list" in merchant.fetch(flow).text
    assert toast(merchant.post(form, status="live")) == "Choose a list first."
    assert toast(merchant.post(form, list="")) == "Choose a list first."
    told = "This flow's list was deleted. Restore the list first."
    assert toast(merchant.post(flow, status="live")) == told
    with db.reading() as session:
        assert flows.get_flow(session, shop.id, filled["Welcome"]).status == FlowStatus.DRAFT
        other = stored_lists.lists_of(session, shop.id)[0].id
    assert toast(merchant.post(form, list=str(other))) == "Saved"
    assert "turned on" in toast(merchant.post(form, status="live"))


def test_a_profile_is_put_on_a_list_and_taken_off(merchant, shop, filled, porto):
    path = f"/audience/profiles/{filled['profile']}/lists"

    assert toast(merchant.post(path, act="add", list=str(porto))) == "Added to list"
    assert filled["profile"] in on(shop, porto)
    joined = on(shop, filled["list"])[filled["profile"]].joined_at
    off = merchant.post(path, act="remove", list=str(filled["list"]))
    assert "Removed from “Newsletter”." in off.text
    assert filled["profile"] not in on(shop, filled["list"])
    undo = undo_of(off)
    merchant.post(path, act="back", list=str(filled["list"]), undo=undo)

    assert on(shop, filled["list"])[filled["profile"]].joined_at == joined
    assert merchant.post(path, act="add", list="").status_code == 422
    assert merchant.post(path, act="add", list="1").status_code == 404
    assert merchant.post(path, act="sing", list=str(porto)).status_code == 404


def test_no_act_takes_a_list_or_a_shopper_of_another_shop(merchant, other, shop, filled, porto):
    theirs = re.search(
        r"\d+$", other.post("/audience/lists", name="Theirs").headers["HX-Replace-Url"]
    )[0]
    maya = filled["profile"]

    for answer in (
        other.post(f"/audience/lists/{theirs}/members/{maya}", act="add"),
        other.post(f"/audience/lists/{porto}/members/{maya}", act="add"),
        merchant.post(f"/audience/lists/{theirs}/members/{maya}", act="add"),
        merchant.post(f"/audience/profiles/{maya}/lists", act="add", list=theirs),
        merchant.post(f"/forms/{filled['form']}", list=theirs),
    ):
        assert answer.status_code == 404
    assert on(shop, porto).keys() != {maya}
    undo = undo_of(merchant.post(f"/audience/lists/{filled['list']}/members/{maya}", act="remove"))
    stolen = other.post(f"/audience/lists/{theirs}/members/{maya}", act="back", undo=undo)
    assert stolen.status_code == 404


def test_l21_views_and_changes_of_a_list_are_logged(merchant, shop, filled, porto):
    merchant.fetch("/audience/lists")
    merchant.post(f"/audience/lists/{porto}/search", q="ida")
    merchant.fetch(f"/audience/lists/{porto}/add", params={"q": "maya"})
    merchant.post(f"/audience/lists/{porto}/members/{filled['profile']}", act="add")
    merchant.post(f"/audience/lists/{porto}/delete")

    with db.reading() as session:
        told = access_log.entries_page(session, shop.id, 10)
    assert [(row.action, row.page, row.profile_id) for row in told] == [
        ("change", "audience/lists/delete", None),
        ("change", "audience/lists/members", filled["profile"]),
        ("read", "audience/lists/add", None),
        ("read", "audience/lists/search", None),
    ]
    assert "<td>Lists · edited</td>" in merchant.fetch("/settings/access").text
