"""`regulars forget` and `regulars export-person`: the same, on the operator's word."""

import json

import duckdb
import pytest
from typer.testing import CliRunner

from plugin import clock
from plugin.cli.commands import command
from plugin.errors import RegularsError
from plugin.facts import Facts, IdentityKey, ProfileFact
from plugin.ingest.digest import apply_facts
from plugin.runtime import connect
from tests.state import state_of

SHOP = ("--shop", "dewpoint.myshopify.com")
KEYS = (IdentityKey("customer_id", "7001002003"), IdentityKey("email", "maya@example.com"),
        IdentityKey("phone", "+14155550123"))  # fmt: skip


@pytest.fixture
def run(sqlite, shop, monkeypatch):
    """The command, on this test's database."""
    monkeypatch.setattr(connect, "connect_broker", lambda: None)
    monkeypatch.setattr("plugin.runtime.logs.set_up_logs", lambda: None)
    apply_facts(
        shop,
        Facts(
            profiles=[
                ProfileFact(KEYS, clock.now(), {"first_name": "Maya", "email": KEYS[1].value})
            ]
        ),
    )
    return lambda *words: CliRunner().invoke(command, words)


@pytest.mark.parametrize(
    "whom",
    [
        ("--email", "Maya@Example.com"),
        ("--phone", "(415) 555-0123"),
        ("--customer-id", "gid://shopify/Customer/7001002003"),
    ],
)
def test_a_customer_is_exported_and_redacted(run, shop, tmp_path, whom):
    file = tmp_path / "maya.json"
    said = run("export-person", *SHOP, *whom)
    run("export-person", *SHOP, *whom, "--out", str(file))

    assert '"first_name": "Maya"' in said.stdout
    assert json.loads(file.read_text())["tables"]["profile"][0]["email"] == "maya@example.com"
    assert file.stat().st_mode & 0o777 == 0o600

    assert "Customer data deleted." in run("forget", *SHOP, *whom).stdout
    assert state_of(shop.id)["people"] == {}
    assert '"tables": {}' in run("export-person", *SHOP, *whom).stdout


def test_the_audience_is_exported_into_an_owner_only_file(run, tmp_path):
    file = tmp_path / "out" / "audience.csv"
    file.parent.mkdir()
    file.write_text("an older one")
    file.chmod(0o644)
    with file.open() as others:
        said = run("export", "--out", str(file))
        seen_by_others = others.read()

    assert said.exit_code == 0
    assert file.read_text().splitlines()[1].startswith("maya@example.com,")
    assert file.stat().st_mode & 0o777 == 0o600
    assert seen_by_others == "an older one"
    assert list(file.parent.iterdir()) == [file]


def test_the_audience_goes_out_as_parquet_and_never_onto_a_terminal(run, tmp_path):
    file = tmp_path / "audience.parquet"
    run("export", "--format", "parquet", "--out", str(file))

    assert duckdb.sql(f"SELECT \"Email\" FROM '{file}'").fetchall() == [("maya@example.com",)]
    assert "--out" in str(run("export", "--format", "parquet").exception)
    assert "csv or parquet" in str(run("export", "--format", "xlsx").exception)
    assert "is not a file" in str(run("export", "--out", str(tmp_path)).exception)
    assert "Can't write" in str(run("export", "--out", str(tmp_path / "no" / "x")).exception)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (SHOP, "Choose a customer"),
        ((*SHOP, "--email", "maya"), "Enter a valid email"),
        ((*SHOP, "--customer-id", "maya"), "customer ID"),
        (("--shop", "stranger.myshopify.com", "--email", "maya@example.com"), "Store not found"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(run, words, sentence):
    for command_name in ("forget", "export-person"):
        error = run(command_name, *words).exception
        assert isinstance(error, RegularsError)
        assert sentence in error.message
