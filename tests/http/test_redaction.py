"""No secret in any text that leaves the house's hands."""

from __future__ import annotations

import io
import logging
import logging.config

import pytest
from django.conf import settings as django_settings

from integrations.http import redaction
from integrations.http.redaction import redact, shorten

CANARY = "canary9f8e7d6c5b4a"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"authorization: Basic {CANARY}==",
        f"{{'Authorization': 'Bearer {CANARY}'}}",
        f'{{"access_token": "{CANARY}", "token_type": "Bearer"}}',
        f'{{"refresh_token":"{CANARY}"}}',
        f"access_token={CANARY}&x=1",
        f"GET /v1?api_key={CANARY} HTTP/1.1",
        f"https://x.example/oauth/callback?code={CANARY}&state=s",
        f"client_secret={CANARY}",
        f"client-secret: {CANARY}",
        f"code_verifier={CANARY}",
        f"password='{CANARY}'",
        f'"password" : "two words {CANARY}"',
        f"X-Api-Key: {CANARY}",
        f"apikey={CANARY}",
        f"secret={CANARY}",
        f"https://user:{CANARY}@host.example/path",
        f"sk_live_{CANARY}",
        f"rk_test_{CANARY}",
        f"whsec_{CANARY}",
        f"chk_ab12cd34_{CANARY}",
        f"xoxb-123-{CANARY}",
        f"eyJhbGciOiJSUzI1NiJ9.eyJ4{CANARY}.sig{CANARY}",
        f"bearer {CANARY}",
        "key 0123456789abcdef0123456789abcdef-us12 is wrong",
    ],
)
def test_what_looks_or_is_named_like_a_secret_is_masked(text):
    assert CANARY not in redact(text)
    assert "0123456789abcdef-us12" not in redact(text)
    assert "****" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "The access token expired",
        "invalid_token: The token was revoked",
        "Error code: 10, ValidationException",
        "state: NSW",
        "A secret: nobody knows",
        "Invoice INV-001 not of valid status",
        "https://api.xero.com/api.xro/2.0/Contacts?page=2",
    ],
)
def test_an_ordinary_sentence_stays(text):
    assert redact(text) == text


def test_a_known_value_is_masked_wherever_it_stands_also_percent_encoded():
    assert redact("x a/b+c= y a%2Fb%2Bc%3D z", "a/b+c=") == "x **** y **** z"


def test_the_longer_of_two_known_values_is_masked_whole():
    assert redact("abcdef-ghijkl", "abcdef", "abcdef-ghijkl") == "****"


def test_a_line_is_short_and_printable():
    assert shorten("a\nb\x00c\u202e  d") == "a b c d"
    assert len(shorten("x" * 5000)) == 200


@pytest.fixture
def logged():
    """What a handler as configured in the settings writes."""
    stream = io.StringIO()
    config = {
        **django_settings.LOGGING,
        "handlers": {"console": {**django_settings.LOGGING["handlers"]["console"], "stream": stream}},
    }
    before = {
        name: (logger := logging.getLogger(name), logger.level) for name in ("", *django_settings.LOGGING["loggers"])
    }
    handlers = list(logging.getLogger().handlers)
    logging.config.dictConfig(config)
    yield stream
    logging.getLogger().handlers[:] = handlers
    for logger, level in before.values():
        logger.setLevel(level)


def test_every_loggers_lines_pass_the_filter(logged):
    log = logging.getLogger("some.library")
    log.warning("sent %s", {"Authorization": f"Bearer {CANARY}"})
    log.warning("sent %(access_token)s", {"access_token": f"sk_live_{CANARY}"})
    log.error("odd %d", f"token={CANARY}")
    logging.getLogger("django.request").error("GET /oauth/finish?code=%s", CANARY)
    logging.getLogger("django.server").info('"GET /oauth/callback?code=%s&state=abc HTTP/1.1" 302', CANARY)
    try:
        int(f"client_secret={CANARY}")
    except ValueError:
        log.exception("failed")
    text = logged.getvalue()
    assert text.count("****") >= 6
    assert CANARY not in text


def test_a_value_in_use_is_masked_in_every_thread_while_it_is_used(logged):
    import threading

    log = logging.getLogger("some.library")
    with redaction.guarding("plain-canary"), redaction.guarding("plain-canary"):
        thread = threading.Thread(target=lambda: log.warning("with plain-canary inside"))
        thread.start()
        thread.join()
    assert "with **** inside" in logged.getvalue()
    log.warning("plain-canary again")
    assert "plain-canary again" in logged.getvalue()


def test_the_oauth_library_never_logs_tokens_whatever_level_is_set(logged):
    for name in ("requests_oauthlib", "requests_oauthlib.oauth2_session", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("requests_oauthlib.oauth2_session").debug("Prepared refresh token request body %s", CANARY)
    logging.getLogger("urllib3.connectionpool").debug("GET /x?%s", CANARY)
    assert CANARY not in logged.getvalue()
