"""The door: what is taken, what is refused, and that nobody learns why."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations import hub
from integrations.hub.models import AccountRoute, Chapter, InboxDelivery, Job, Refusals
from integrations.inbound import addresses, refusals

from .conftest import BY_TOKEN, SECRETS, call, connect, event, for_all, signed

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def kept() -> list[InboxDelivery]:
    return list(InboxDelivery.objects.order_by("id"))


class TestTaken:
    def test_a_signed_delivery_is_kept_before_it_is_answered(self, both, sydney):
        told = signed("sydney", event())
        assert told.status == "200 OK"
        assert told.body == b""
        assert set(told.headers) == {"Content-Length"}, "no cookie, and nothing else"
        (row,) = kept()
        assert (row.provider, row.chapter_id, row.connection_id) == ("signed", sydney.pk, both["sydney"].pk)
        assert b"evt_1" not in bytes(row.body), "bodies are sealed"
        assert Job.objects.get().key == str(both["sydney"].pk)

    def test_the_same_delivery_twice_is_kept_once(self, both):
        assert signed("sydney", event()).status == signed("sydney", event()).status == "200 OK"
        assert len(kept()) == 1
        assert signed("melbourne", event()).status == "200 OK"
        assert len(kept()) == 2, "the other chapter's is another one"

    def test_a_delivery_for_all_names_no_chapter(self, both):
        assert for_all({"events": []}).status == "200 OK"
        (row,) = kept()
        assert row.chapter_id is None
        assert row.app_id is not None
        assert Job.objects.get().kind == "inbound.spread"

    def test_no_chapter_is_entered_and_three_statements_do(self, both):
        signed("sydney", event())
        with CaptureQueriesContext(database) as asked:
            signed("sydney", event(2))
        ours = [one["sql"] for one in asked if "search_path" not in one["sql"] and "SAVEPOINT" not in one["sql"]]
        assert len(ours) == 3, ours
        assert not any("c_sydney" in one["sql"] for one in asked)

    def test_either_secret_is_taken_while_one_replaces_the_other(self, both, sydney):
        with hub.enter(sydney):
            addresses.keep_secret(both["sydney"], "whsec_new")
        assert signed("sydney", event(1)).status == "200 OK"
        assert signed("sydney", event(2), secret="whsec_new").status == "200 OK"
        with hub.enter(sydney):
            addresses.keep_secret(both["sydney"], "whsec_newer", overlap=0)
        assert signed("sydney", event(3)).status == "401 Unauthorized"
        assert signed("sydney", event(4), secret="whsec_newer").status == "200 OK"

    def test_of_two_connections_the_one_that_is_meant(self, both, sydney):
        with hub.enter(sydney):
            other = connect("signed", "Second ledger")
            addresses.keep_secret(other, "whsec_second")
        signed("sydney", event(), secret="whsec_second")
        assert kept()[0].connection_id == other.pk

    def test_a_token_in_the_address(self, vendor, sydney, melbourne):
        urls = {}
        for chapter in (sydney, melbourne):
            with hub.enter(chapter):
                urls[chapter.slug] = addresses.of(connect("by-token")).url
        path = urls["sydney"].removeprefix(settings.PUBLIC_URL)
        assert call(path, b"type=update&data[id]=c1").status == "200 OK"
        assert call(path.replace("/sydney", "/melbourne"), b"type=update").status == "401 Unauthorized"
        assert call(path.partition("?")[0], b"type=update").status == "401 Unauthorized"
        assert [row.chapter_id for row in kept()] == [sydney.pk]


class TestRefused:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/webhooks/signed/sydney", "/api/v1/webhooks/signed/nowhere", "/api/v1/webhooks/nobody/sydney", "/api/v1/webhooks/nobody",
            "/api/v1/webhooks/signed", "/api/v1/webhooks/for-all", "/api/v1/webhooks/for-all/sydney", "/api/v1/webhooks/by-token/sydney",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "OPTIONS"])
    def test_every_wrong_one_is_told_the_same(self, both, path, method):
        if method == "GET" and "by-token" in path:
            pytest.skip("its vendor wants that answered")
        told = call(path, json.dumps(event()).encode(), method=method, testbook_signature="t=1,v1=00", x_signature="x")
        assert (told.status, told.headers, told.body) == ("401 Unauthorized", {"Content-Length": "0"}, b"")
        assert kept() == []
        assert not Job.objects.exists()

    def test_another_chapters_secret_opens_nothing(self, both):
        assert signed("sydney", event(), secret=SECRETS["melbourne"]).status == "401 Unauthorized"
        assert signed("melbourne", event(), secret=SECRETS["sydney"]).status == "401 Unauthorized"

    def test_without_a_secret_nothing_is_accepted(self, both, sydney):
        AccountRoute.objects.update(webhook_secrets=None)
        assert signed("sydney", event()).status == "401 Unauthorized"
        assert signed("sydney", event(), secret=" ").status == "401 Unauthorized"

    def test_a_suspended_chapter_is_unknown(self, both, sydney):
        Chapter.objects.filter(pk=sydney.pk).update(status=Chapter.Status.SUSPENDED)
        assert signed("sydney", event()).status == "401 Unauthorized"
        assert signed("melbourne", event()).status == "200 OK"

    def test_one_that_was_disconnected_is_unknown(self, both):
        AccountRoute.objects.filter(connection_id=both["sydney"].pk).delete()
        assert signed("sydney", event()).status == "401 Unauthorized"

    def test_an_old_one_is_refused(self, both):
        old = (timezone.now() - timedelta(seconds=400)).timestamp()
        assert signed("sydney", event(), at=old).status == "401 Unauthorized"

    def test_what_is_too_large_is_not_read(self, both, settings):
        settings.WEBHOOK_MAX_BYTES = 100
        assert signed("sydney", b" " * 101).status.startswith("413")
        assert signed("sydney", b" " * 100).status == "200 OK"
        told = call("/api/v1/webhooks/signed/sydney", b"{}", method="POST")
        assert told.status == "401 Unauthorized"

    def test_refusals_are_counted_and_not_kept(self, both, monkeypatch):
        monkeypatch.setattr(refusals, "EVERY_SECONDS", 0.0)
        signed("sydney", event(), secret="wrong")
        call("/api/v1/webhooks/anything-at-all", b"{}")
        call("/api/v1/webhooks/something-else", b"{}")
        assert dict(Refusals.objects.values_list("provider", "refused")) == {"signed": 1, "": 2}
        assert kept() == []

    @pytest.mark.parametrize(
        "path",
        ["/", "/api/v1/webhooks", "/api/v1/webhooks/", "/api/v1/webhooks/0191d5a0-7b1c-7abc-8def-0123456789ab", "/api/v1/webhooks/abcdefab-7b1c-7abc-8def-0123456789ab",
         "/api/v1/webhooks/abcdefab-7b1c-7abc-8def-0123456789ab/deliveries", "/api/v1/webhooks/Signed/sydney", "/api/v1/webhooks/signed/sydney/more", "/api/v1/webhooks/signed%0a"],
    )  # fmt: skip
    def test_everything_else_is_not_ours(self, both, path):
        assert call(path).body == b"behind"


class TestChallenges:
    def test_xeros_intent_to_receive(self, both):
        """Right signatures and wrong ones, mixed: 200 and 401, bodies empty."""
        probe = {"events": [], "lastEventSequence": 0, "firstEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}
        for secret, status in (("key-of-the-app", "200 OK"), ("wrong", "401 Unauthorized")):
            told = for_all(probe, secret)
            assert (told.status, told.body, "Set-Cookie" in told.headers) == (status, b"", False)

    def test_a_challenge_is_answered_only_when_it_is_signed(self, both):
        probe = {"type": "url_verification", "challenge": "3eZbrw1aBm2rZ"}
        told = for_all(probe)
        assert (told.status, told.body) == ("200 OK", b"3eZbrw1aBm2rZ")
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert for_all(probe, "wrong").status == "401 Unauthorized"
        assert kept() == []

    def test_a_get_is_answered_where_the_vendor_wants_that(self, vendor, sydney, melbourne):
        with hub.enter(sydney):
            connect("by-token")
        assert BY_TOKEN.challenge is not None
        assert call("/api/v1/webhooks/by-token/sydney", method="GET").status == "200 OK"
        assert call("/api/v1/webhooks/by-token/sydney", method="HEAD").body == b""


class TestWhateverArrives:
    @hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        way=st.sampled_from(["signed/sydney", "for-all", "by-token/sydney?token=x", "by-certificate/sydney", "nobody"]),
        body=st.binary(max_size=300),
        header=st.text(max_size=100),
        method=st.sampled_from(["POST", "GET", "PATCH"]),
        length=st.sampled_from(["", "x", "-1", "99999999999999", None]),
    )
    def test_it_is_no_fault_of_ours_and_nothing_is_kept(self, both, way, body, header, method, length):
        more = {} if length is None else {"content_length": length}
        told = call(
            f"/api/v1/webhooks/{way}", body, method=method, testbook_signature=header, x_signature=header, **more
        )
        assert told.status.split()[0] in {"200", "401", "413"}
        assert told.status != "200 OK" or (method != "POST" and way.startswith("by-token"))
        assert kept() == []
