"""What the pages are made of: small, inline-free, nobody else's."""

from __future__ import annotations

import re
from pathlib import Path

from integrations import marketplace

ROOT = Path(__file__).resolve().parents[2]
STATIC = Path(marketplace.__file__).parent / "static" / "marketplace"


def test_the_styles_weigh_less_than_thirty_kilobytes():
    assert sum(path.stat().st_size for path in STATIC.glob("*.css")) < 30_000


def test_nothing_comes_from_elsewhere():
    for path in [*STATIC.glob("*.css"), *STATIC.glob("*.svg")]:
        assert not re.search(r"@import|url\(|(?<!xmlns=\")https?://", path.read_text()), path.name


def test_no_template_holds_a_script_or_style_of_its_own():
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), path


def test_htmx_keeps_its_licence_beside_it():
    licence = (STATIC / "htmx.LICENSE.txt").read_text()
    assert "Zero-Clause BSD" in licence
    version = re.search(r"htmx (\d+\.\d+\.\d+)", licence)[1]
    assert f'version:"{version}"' in (STATIC / "htmx.min.js").read_text()
