"""Files of other tools are read right, or refused with the row and what to do."""

import pytest

from plugin.imports.columns import ColumnKind
from plugin.imports.exporters import ORDERS, detect_exporter
from plugin.imports.header import guess_columns
from plugin.sheets import problems
from storage.consent_ledger import ConsentEvent
from storage.engine import db
from storage.imports import ImportState
from storage.profiles import Identity
from storage.shops import Shop
from tests.plugin.imports import sheet
from tests.plugin.imports.tools import SHOPIFY_ORDERS, SHOPIFY_ORDERS_HEADER, STATES, TOOLS

pytestmark = pytest.mark.usefixtures("data_dir")


def home(shop, country):
    """The shop, in a country."""
    with db.transaction() as session:
        found = session.get(Shop, shop.id)
        found.country = country
        session.add(found)
        session.flush()
        session.refresh(found)
        session.expunge(found)
    return found


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_file_of_a_tool_gives_its_people_and_no_more_consent_than_it_says(shop, tool):
    held = sheet.take_in(home(shop, tool.country), tool.body, name=tool.file_name)

    assert held.state == ImportState.DONE
    assert {
        name: f"{row.first_name or ''} {row.last_name or ''} {row.country or ''} {row.phone or ''}"
        for name, row in sheet.people(shop).items()
    } == tool.people
    wanted = {said[:-1]: STATES[said[-1]] for said in tool.consents.split()}
    ledger = sheet.rows(ConsentEvent, shop)
    assert {each.address for each in ledger} == set(wanted)
    assert {
        address: sheet.state(shop, address, "sms" if address.startswith("+") else "email")
        for address in wanted
    } == wanted
    assert sheet.flaws_of(held) == tool.flaws
    assert all(problems.SENTENCES[why] for *_, why in tool.flaws)


def test_there_are_more_tools_than_fifteen_and_each_says_how_it_is_known():
    assert len({tool.name for tool in TOOLS}) == len(TOOLS) > 15
    assert all(tool.shape for tool in TOOLS)


def test_an_orders_file_subscribes_only_by_declaration_and_none_who_said_no_since(shop):
    body = SHOPIFY_ORDERS_HEADER + SHOPIFY_ORDERS
    held = sheet.take_in(shop, body, channels=["email"], where="Checkout", on="2026-01-01")

    assert [(each.address, each.method) for each in sheet.rows(ConsentEvent, shop)] == [
        ("bo@example.com", "declared")
    ]
    assert held.rows == 4


def test_one_order_of_many_rows_is_one_person_and_its_number_no_name(shop):
    header = SHOPIFY_ORDERS_HEADER.strip().split(",")

    assert detect_exporter(header).name == ORDERS
    kinds = dict(zip(header, guess_columns(header), strict=True))
    assert (kinds["Name"], kinds["Billing Name"]) == (ColumnKind.NOTHING, ColumnKind.NAME)
    assert (kinds["Accepts Marketing"], kinds["Id"]) == (ColumnKind.NOTHING, ColumnKind.NOTHING)
    short = sheet.take_in(shop, "Name,Email\n#1001,ana@example.com\n1002,bo@example.com\n")
    assert {row.first_name for row in sheet.people(shop).values()} == {None}
    assert short.problems == 0


def test_an_id_of_another_system_is_no_shopify_customer(shop):
    sheet.take_in(shop, "Customer ID,Email\n7001,ana@example.com\n")

    kinds = {each.kind for each in sheet.rows(Identity, shop)}
    assert kinds == {"email"}


@pytest.mark.parametrize("said", ["unsubscribed", "OPTED_OUT", "yes"])
def test_a_no_that_names_no_channel_stops_what_is_declared_of_any(shop, said):
    column = "status" if said != "yes" else "unsubscribed"
    body = (
        f"email,phone,{column}\nana@example.com,+12125550101,{said}\nbo@example.com,+12125550102,\n"
    )

    sheet.take_in(shop, body, channels=["email", "sms"], where="Fair", on="2026-01-01")

    assert sheet.state(shop, "ana@example.com") == "unsubscribed"
    assert sheet.state(shop, "+12125550101", "sms") is None
    assert sheet.state(shop, "+12125550102", "sms") == "subscribed"
    assert sheet.state(shop, "bo@example.com") == "subscribed"


@pytest.mark.parametrize(
    ("words", "state"),
    [("WAHR VRAI VERDADERO SANT Tak Evet はい 同意 네 да Ja Sì ✓ 已订阅", "subscribed"),
     ("FALSCH FAUX Nie Hayır いいえ 否 아니요 нет Nej ✗ 未订阅", None),
     ("abgemeldet désabonné désinscrit baja disiscritto отписан 退订 配信停止 수신거부",
      "unsubscribed")],
)  # fmt: skip
def test_a_yes_and_a_no_are_known_in_many_languages(shop, words, state):
    rows = "".join(f"p{n}@example.com,{word}\n" for n, word in enumerate(words.split()))
    held = sheet.take_in(shop, f"email,newsletter\n{rows}")

    found = {sheet.state(shop, f"p{n}@example.com") for n in range(len(words.split()))}
    assert found == {state}
    assert held.problems == 0
