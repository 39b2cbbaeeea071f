"""The people of the samples, and who stands in for them in each account: so that two chapters hold different people, and
one chapter finds the same person at every vendor."""

from __future__ import annotations

import hashlib
import unicodedata

# Given and family name, as every provider's samples spell them.
CAST = (
    ("Aroha", "Ngata"), ("Zoë", "Müller-Okafor"), ("美咲", "田中"), ("Liam", "O'Brien"), ("Fatima", "Al-Sabah"),
    ("José María", "Pérez"), ("Mai", "Nguyễn"), ("Priya", "Sharma"), ("Oluwaseun", "Adeyemi"),
    ("Siobhán", "Ní Bhriain"), ("Grace", "Hopkins"),
)  # fmt: skip
GIVEN = (
    "Alice Amara Anika Ben Björn Camille Chidi Chloé Daniel Dewi Eilidh Elif Emeka Eva Farah Finn Freya Gareth Hana "
    "Harriet Hinemoa Hugo Ingrid Isla Jack Jana Kaito Kiri Lachlan Leilani Lucía Małgorzata Marco Matilda Mei Mohamed "
    "Moana Naomi Nikau Noah Olivia Omar Owen Paulo Rania Rohan Rosa Ruby Sanjay Sina Sofía Tama Tariq Teuila Thảo Tomás "
    "Willow Wiremu Xin Yara Yusuf 陽菜 健太"
).split()
FAMILY = (
    "Abernethy Addo Andersson Banerjee Barker Bell Beaumont Castro Chen Clarke D'Souza Diallo Dubois Eriksen Fernández "
    "Fitzgerald Fraser García Greene Haddad Hall Harper Hassan Hughes Ibrahim Jansen Jørgensen Kaur Kelly Khalil Kim "
    "Kowalski Lam Leung Lopez MacDonald Mbeki Mensah Mitchell Mitrović Moreau Murray Nakamura Novák Obi Okonkwo Papadakis "
    "Patel Pham Quinn Rangihuna Rao Reid Rossi Schäfer Silva Singh Taumalolo Tait Thompson Tran Tui Vella Walsh Wright "
    "Yılmaz Zhang 佐藤 鈴木"
).split()


def digest(seed: str, copy: int, value: str) -> bytes:
    return hashlib.blake2b(f"{seed}|{copy}|{value}".encode(), digest_size=32).digest()


def stand_in(seed: str, copy: int, given: str, family: str) -> tuple[str, str]:
    """Whoever plays that person in that account."""
    number = int.from_bytes(digest(seed, copy, f"{given} {family}")[:8], "big")
    return GIVEN[number % len(GIVEN)], FAMILY[number // len(GIVEN) % len(FAMILY)]


def mailbox(seed: str, copy: int, given: str, family: str) -> str:
    """The local part of an address: plain letters, and unlike any other account's or copy's."""
    words = [_plain(word) or digest("", 0, word).hex()[:4] for word in (given, family)]
    tag = digest(seed, 0, "mailbox").hex()[:3] + (f"x{copy}" if copy else "")
    return ".".join([*words, tag])


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.replace("ø", "o").replace("ł", "l").replace("ı", "i"))
    return "".join(c for c in letters.lower() if c.isascii() and c.isalnum())
