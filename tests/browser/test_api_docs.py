"""The page one reads the API by."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_the_api_describes_itself_in_the_browser(visit):
    page = visit(None).go("/api/v1/docs")
    page.get_by_role("heading", name="Chapterhouse API").wait_for()
    page.get_by_role("button", name="Expand operation").first.wait_for()
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_text("List integrations", exact=True).click()
    page.get_by_text("The key lacks the scope, or the person's role the permission.").first.wait_for()
