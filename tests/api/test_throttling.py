from __future__ import annotations

import pytest

from integrations.hub.models import RateBucket

from .conftest import problem

pytestmark = [pytest.mark.django_db, pytest.mark.services]


def test_a_caller_that_asks_too_often_is_told_when_to_come_back(sydney, melbourne, with_key, settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    busy, other, elsewhere = with_key(sydney), with_key(sydney), with_key(melbourne)
    assert [busy.get("schemas").status_code for _ in range(3)] == [200, 200, 200]
    answer = busy.get("schemas")
    problem(answer, 429)
    assert 1 <= int(answer["Retry-After"]) <= 20
    assert other.get("schemas").status_code == 200
    assert elsewhere.get("schemas").status_code == 200


def test_a_bucket_carries_the_chapter_and_fills_up_again(sydney, with_key, settings):
    settings.API_REQUESTS_PER_MINUTE = 60
    caller = with_key(sydney)
    caller.get("schemas")
    bucket = RateBucket.objects.get(key__startswith="api|")
    assert bucket.key.startswith("api|c_sydney|key:")
    RateBucket.objects.update(tokens=0)
    problem(caller.get("schemas"), 429)
    with_a_second_gone = RateBucket.objects.get()
    with_a_second_gone.updated_at = with_a_second_gone.updated_at.replace(year=with_a_second_gone.updated_at.year - 1)
    with_a_second_gone.save()
    assert caller.get("schemas").status_code == 200
    assert RateBucket.objects.get().tokens == pytest.approx(59, abs=0.1)
