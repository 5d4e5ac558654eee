"""Settings: each is checked once, before anything starts, and told in a line with a right value."""

import os

import pytest

from plugin.errors import RegularsError
from plugin.runtime.data_folder import claim_folder
from plugin.settings import get_settings
from tests.operations.processes import SETTINGS, free_port, run

PASSWORD = "geheim"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Return what is said of settings beside those that must be there."""
    monkeypatch.chdir(tmp_path)  # where no .env is

    def tell(**given):
        for name, value in given.items():
            monkeypatch.setenv(f"REGULARS_{name.upper()}", value)
        get_settings.cache_clear()
        with pytest.raises(RegularsError) as caught:
            get_settings()
        return caught.value.message

    yield tell
    get_settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("smtp_url", "localhost:25",
         "must begin with smtp:// or smtps://, as smtp://user:password@mail.example.com:587."),
        ("smtp_url", "http://mail.example.com",
         "must begin with smtp:// or smtps://, as smtp://user:password@mail.example.com:587."),
        ("smtp_url", "smtp://",
         "must name a host and a port, as smtp://user:password@mail.example.com:587."),
        ("smtp_url", "smtp://mail.example.com:99999",
         "must name a host and a port, as smtp://user:password@mail.example.com:587."),
        ("smtp_url", "smtp://mail.example.com:587/path",
         "must name a host and a port, as smtp://user:password@mail.example.com:587."),
        ("smtp_url", f"smtp://me:{PASSWORD}#1@mail.example.com:587",
         "has a raw # in its user or password. Write it as %23."),
        ("smtp_url", f"smtp://me:{PASSWORD}/1@mail.example.com:587",
         "has a raw / in its user or password. Write it as %2F."),
        ("smtp_url", f"smtp://me:{PASSWORD}?1@mail.example.com:587",
         "has a raw ? in its user or password. Write it as %3F."),
        ("smtp_url", f"smtp://me:{PASSWORD}@1@mail.example.com:587",
         "has a raw @ in its user or password. Write it as %40."),
        ("smtp_url", f"smtp://me:{PASSWORD} 1@mail.example.com:587",
         "has a raw space in its user or password. Write it as %20."),
        ("smtp_url", f"smtp://me:{PASSWORD}[1@mail.example.com:587",
         "has a raw [ in its user or password. Write it as %5B."),
        ("smtp_idempotency_header", "Idempotency Key:",
         "must be a header's name, such as Idempotency-Key."),
        ("url", "notaurl", "must be a web address, such as https://regulars.example.com."),
        ("url", "ftp://regulars.example.com",
         "must be a web address, such as https://regulars.example.com."),
        ("url", "https://regulars.example.com:port",
         "must be a web address, such as https://regulars.example.com."),
        ("url", "", "must be a web address, such as https://regulars.example.com."),
        ("shopify_client_id", "", "is not set. Set it in the environment or in .env."),
        ("shopify_client_secret", " ", "is not set. Set it in the environment or in .env."),
        ("secret_key", "", "is not set. Set it in the environment or in .env."),
        ("secret_key", "1:short",
         "must hold at least 32 characters. Make one with `openssl rand -hex 32`."),
        ("answers_per_minute", "-3", "must be 1 or more, such as 30."),
        ("answers_per_minute_of_shop", "0", "must be 1 or more, such as 1000."),
        ("hints_per_minute", "many", "must be a whole number, such as 300."),
        ("attribution_days", "-1", "must be 0 or more, such as 5."),
        ("attribution_days", "99999999999", "must be 36500 or less, such as 5."),
        ("keep_events_months", "0", "must be 1 or more, such as 25."),
        ("max_event_age_hours", "-1", "must be 1 or more, such as 24."),
        ("import_mb", "2.5", "must be a whole number, such as 500."),
        ("trusted_proxies", "10.0.0.0/99",
         "holds 10.0.0.0/99, which is no address or network, such as 10.0.0.7 or 10.0.0.0/8."),
        ("dns_servers", "127.0.0.1, dns.example",
         "holds dns.example, which is no address, such as 192.0.2.53 or [2001:db8::1]:5353."),
        ("database_url", f"mysql://me:{PASSWORD}@db/x",
         "must begin with sqlite:// or postgresql://, as postgresql://user@host/regulars."),
        ("database_url", f"postgresql:/me:{PASSWORD}@db/x",
         "must begin with sqlite:// or postgresql://, as postgresql://user@host/regulars."),
        ("broker_url", "localhost:6379",
         "must begin with redis://, valkey:// or amqp://, as redis://127.0.0.1:6379."),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_one_line_with_a_right_value(told, name, value, sentence):
    said = told(**{name: value})

    assert said == f"REGULARS_{name.upper()} {sentence}"
    assert PASSWORD not in said


@pytest.mark.parametrize(
    "url",
    [
        "",
        "smtp://127.0.0.1:8025",
        "smtp://localhost",
        "smtps://[::1]:465",
        "smtp://key:p%23ss%2Fw%40rd@mail.example.com:587/",
        "smtp://apikey:SG.a-b_c~d!$&'()*+,;=:more@smtp.sendgrid.net:587",
        "smtp://%C3%BCser:gehäim@mail.example.com",
    ],
)
def test_a_relay_as_a_url_has_it_is_taken(monkeypatch, url):
    monkeypatch.setenv("REGULARS_SMTP_URL", url)
    get_settings.cache_clear()

    assert get_settings().smtp_url == url
    get_settings.cache_clear()


def test_serve_says_each_wrong_setting_once_and_starts_nothing(tmp_path):
    wrong = {
        "REGULARS_SMTP_URL": f"smtp://me:{PASSWORD}#1@mail.example.com:587",
        "REGULARS_URL": "notaurl",
        "REGULARS_ANSWERS_PER_MINUTE": "-3",
    }

    answer = run("serve", "--port", str(free_port()), cwd=tmp_path, **(SETTINGS | wrong))

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.splitlines() == [
        "regulars: REGULARS_URL must be a web address, such as https://regulars.example.com.",
        "regulars: REGULARS_ANSWERS_PER_MINUTE must be 1 or more, such as 30.",
        "regulars: REGULARS_SMTP_URL has a raw # in its user or password. Write it as %23.",
    ]
    assert list(tmp_path.iterdir()) == []


def test_serve_names_a_folder_that_it_cannot_write(tmp_path):
    (tmp_path / "file").touch()
    settings = SETTINGS | {"REGULARS_DATA_DIR": str(tmp_path / "file" / "data")}

    answer = run("serve", "--port", str(free_port()), cwd=tmp_path, **settings)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        f"regulars: Can't write to {tmp_path}/file/data: Not a directory. "
        "Make it writable, or set another REGULARS_DATA_DIR.\n"
    )


def test_o02_a_second_serve_is_refused_on_the_folder_whatever_its_broker(tmp_path):
    lock = claim_folder(tmp_path / "data")
    settings = SETTINGS | {
        "REGULARS_DATA_DIR": str(tmp_path / "data"),
        "REGULARS_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "REGULARS_BROKER_URL": "redis://127.0.0.1:1",
    }

    answer = run("serve", "--port", str(free_port()), cwd=tmp_path, **settings)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        f"regulars: Regulars is already running on {tmp_path}/data (process {os.getpid()}). "
        "Stop it first, or set another REGULARS_DATA_DIR.\n"
    )
    os.close(lock)
    answer = run("serve", "--port", str(free_port()), cwd=tmp_path, **settings)
    assert "already running" not in answer.stderr  # the lock went with its owner
