"""Awkward people: whoever matches records well matches these well.

Of each, who is here already (`ours`), what a vendor then says (`theirs`), and what must come of it: "linked" to the one of ours
named `is_`, "review" (a person is asked) or "separate". `also` are records of the same vendor's list that are linked already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Person = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    ours: list[Person]
    theirs: Person
    expected: str
    is_: str = ""
    why: str = ""
    also: list[Person] = field(default_factory=list)


def ours(given: str, family: str, **more: Any) -> Person:
    return {"given_name": given, "family_name": family, "display_name": f"{given} {family}".strip(), **more}


def theirs(first: str, last: str, **more: Any) -> Person:
    return {"id": "x1", "first": first, "last": last, "name": f"{first} {last}".strip(), "state": None, **more}


HOME = {"lines": ["7 Rose Lane"], "postcode": "2010"}
FAMILY = {"email": "novaks@example.com", "phone": "02 9876 5432"}
FATHER = ours("Tom", "Novak", birth_date="1970-03-02", **FAMILY)
MOTHER = ours("Eva", "Novak", birth_date="1972-11-20", **FAMILY)
ADA = ours("Ada", "Brown", email="ada@example.com", phone="0412 345 678", birth_date="1980-05-17")

CASES = [
    # one mailbox for a family
    Case(name="a mother at the father's mailbox, birth dates unknown", ours=[ours("Tom", "Novak", **FAMILY)],
         theirs=theirs("Eva", "Novak", **FAMILY), expected="review", why="other first name"),
    Case(name="a child at the parents' mailbox, birth dates known", ours=[FATHER, MOTHER],
         theirs=theirs("Mia", "Novak", born="2009-01-05", **FAMILY), expected="separate"),
    Case(name="a child at the parents' mailbox, birth dates unknown", ours=[
             ours("Tom", "Novak", **FAMILY), ours("Eva", "Novak", **FAMILY)],
         theirs=theirs("Mia", "Novak", **FAMILY), expected="separate", why="a mailbox several share says little"),
    Case(name="the father again, from elsewhere", ours=[FATHER, MOTHER],
         theirs=theirs("Tom", "Novak", born="1970-03-02", **FAMILY), expected="linked", is_="Tom Novak"),
    Case(name="the father again, who writes himself Tomáš", ours=[ours("Tomas", "Novák", birth_date="1970-03-02", **FAMILY), MOTHER],
         theirs=theirs("Tomáš", "Novak", born="1970-03-02", **FAMILY), expected="linked", is_="Tomas Novák"),
    Case(name="a shared family address and nothing else", ours=[ours("Tom", "Novak", address=HOME)],
         theirs=theirs("Eva", "Novak", street="7 Rose Lane", postcode="2010"), expected="separate"),
    # twins
    Case(name="twins", ours=[ours("Lena", "Hall", birth_date="2001-09-09", address=HOME)],
         theirs=theirs("Mara", "Hall", born="2001-09-09", street="7 Rose Lane", postcode="2010"), expected="separate"),
    Case(name="twins at one mailbox and telephone",
         ours=[ours("Lena", "Hall", birth_date="2001-09-09", email="halls@example.com", phone="0298765432", address=HOME)],
         theirs=theirs("Mara", "Hall", born="2001-09-09", email="halls@example.com", phone="0298765432", street="7 Rose Lane",
                       postcode="2010"), expected="review", why="other first name"),
    Case(name="twins whose names are short for each other",
         ours=[ours("Ann", "Hall", birth_date="2001-09-09", email="halls@example.com", phone="0298765432")],
         theirs=theirs("Nancy", "Hall", born="2001-09-09", email="halls@example.com", phone="0298765432"),
         expected="review", why="short form"),
    Case(name="twins with one initial",
         ours=[ours("James", "Hall", birth_date="2001-09-09", email="halls@example.com", phone="0298765432")],
         theirs=theirs("J.", "Hall", born="2001-09-09", email="halls@example.com", phone="0298765432"),
         expected="review", why="initial"),
    # an assistant's mailbox
    Case(name="a second boss at the assistant's mailbox", ours=[ours("Carla", "Diaz", email="office@example.com")],
         theirs=theirs("Ben", "Okafor", email="office@example.com"), expected="review", why="other name"),
    Case(name="a third boss at the assistant's mailbox",
         ours=[ours("Carla", "Diaz", email="office@example.com"), ours("Ben", "Okafor", email="office@example.com")],
         theirs=theirs("Iris", "Lund", email="office@example.com"), expected="separate"),
    Case(name="one of twenty-five at info@", ours=[ours(f"P{n}", f"Q{n}", email="info@example.com") for n in range(25)],
         theirs=theirs("Iris", "Lund", email="info@example.com"), expected="separate"),
    # a new name
    Case(name="renamed by marriage, everything else the same", ours=[ADA],
         theirs=theirs("Ada", "Green", email="ada@example.com", phone="+61 412 345 678", born="1980-05-17"),
         expected="linked", is_="Ada Brown"),
    Case(name="renamed by marriage, only the mailbox the same", ours=[ADA],
         theirs=theirs("Ada", "Green", email="ada@example.com"), expected="review", why="other last name"),
    Case(name="a mother and her son's wife of one first name, one mailbox, one telephone",
         ours=[ours("Maria", "Rossi", email="rossi@example.com", phone="0298765432", address=HOME)],
         theirs=theirs("Maria", "Bianchi", email="rossi@example.com", phone="0298765432", street="7 Rose Lane",
                       postcode="2010"), expected="review"),
    # merged and renamed there
    Case(name="what the vendor has twice is two people to it", ours=[], also=[
             theirs("Ada", "Brown", id="a0", email="ada@example.com", born="1980-05-17")],
         theirs=theirs("Ada", "Brown", email="ada@example.com", born="1980-05-17"), expected="separate"),
    # father and son
    Case(name="father and son of one name, one mailbox, birth dates known",
         ours=[ours("John", "Smith", birth_date="1950-01-01", email="smith@example.com")],
         theirs=theirs("John", "Smith", born="1985-01-02", email="smith@example.com"), expected="separate"),
    Case(name="father and son of one name, one telephone",
         ours=[ours("John", "Smith", phone="02 9876 5432", address=HOME)],
         theirs=theirs("John", "Smith", phone="0298765432", street="7 Rose Lane", postcode="2010"), expected="review"),
    Case(name="father and son of one name with two member numbers",
         ours=[ours("John", "Smith", member_number="M-1", email="smith@example.com")],
         theirs=theirs("John", "Smith", member_no="M-2", email="smith@example.com"), expected="separate"),
    Case(name="namesakes", ours=[ours("John", "Smith", email="john@example.com")],
         theirs=theirs("John", "Smith", email="smith@example.com"), expected="separate"),
    Case(name="namesakes, of whom two are here", ours=[
             ours("John", "Smith", email="js@example.com", phone="0298765432"),
             ours("John", "Smith", email="js@example.com", phone="0298765432")],
         theirs=theirs("John", "Smith", email="js@example.com", phone="0298765432"), expected="review"),
    # ways to write a name
    Case(name="first and last name exchanged, birth date the same", ours=[ADA],
         theirs=theirs("Brown", "Ada", email="ada@example.com", born="1980-05-17"), expected="linked", is_="Ada Brown"),
    Case(name="first and last name exchanged, only the mailbox the same", ours=[ADA],
         theirs=theirs("Brown", "Ada", email="ada@example.com"), expected="review", why="exchanged"),
    Case(name="accents", ours=[ours("Zoë", "Müller", email="zoe@example.com")],
         theirs=theirs("Zoe", "Muller", email="zoe@example.com"), expected="linked", is_="Zoë Müller"),
    Case(name="an umlaut written out", ours=[ours("Jörg", "Müller", email="jm@example.com")],
         theirs=theirs("Joerg", "Mueller", email="jm@example.com"), expected="linked", is_="Jörg Müller"),
    Case(name="hyphens, spaces and case", ours=[ours("Anne-Marie", "O'Brien", email="amo@example.com")],
         theirs=theirs("ANNE MARIE", "OBrien", email="amo@example.com"), expected="linked", is_="Anne-Marie O'Brien"),
    Case(name="a nickname", ours=[ours("Robert", "Miles", email="bob@example.com", phone="0412 000 111")],
         theirs=theirs("Bob", "Miles", email="bob@example.com", phone="0412000111"), expected="review", why="short form"),
    Case(name="only the whole name is said", ours=[ours("Zoë", "Müller", email="zoe@example.com")],
         theirs={**theirs("", "", email="zoe@example.com"), "name": "Müller, Zoë"}, expected="linked", is_="Zoë Müller"),
    Case(name="a telephone number written in three ways", ours=[ours("Zoë", "Müller", phone="(02) 9876 5432", birth_date="1980-05-17")],
         theirs=theirs("Zoe", "Müller", phone="+61 2 9876-5432", born="1980-05-17"), expected="linked", is_="Zoë Müller"),
    # what changed hands
    Case(name="a recycled mailbox, birth dates known", ours=[ours("Old", "Owner", email="j@example.com", birth_date="1950-01-01")],
         theirs=theirs("New", "Holder", email="j@example.com", born="1999-01-02"), expected="separate"),
    Case(name="a recycled mailbox, birth dates unknown", ours=[ours("Old", "Owner", email="j@example.com")],
         theirs=theirs("New", "Holder", email="j@example.com"), expected="review", why="other name"),
    Case(name="a mailbox that differs in the tag alone", ours=[ours("Ada", "Brown", email="ada@example.com")],
         theirs=theirs("Ada", "Brown", email="ada+news@example.com"), expected="separate"),
    # too little, and too good
    Case(name="nothing but a name to call it", ours=[ours("", "", display_name="?")],
         theirs={**theirs("", ""), "name": "?"}, expected="separate"),
    Case(name="blanks are not the same", ours=[ours("", "Brown", email="", phone="")],
         theirs=theirs("", "Brown", email="", phone=""), expected="separate"),
    Case(name="a telephone number too short to say anything", ours=[ours("A", "B", phone="123", birth_date="1980-05-17")],
         theirs=theirs("C", "D", phone="123"), expected="separate"),
    Case(name="day and month exchanged", ours=[ours("Ada", "Brown", birth_date="1980-05-04", email="ada@example.com")],
         theirs=theirs("Ada", "Brown", born="1980-04-05", email="ada@example.com"), expected="review", why="day and month"),
    Case(name="the same number, another birth date", ours=[ours("Ada", "Brown", member_number="M-1", birth_date="1980-05-17")],
         theirs=theirs("Ada", "Brown", member_no="M-1", born="1990-05-17"), expected="review", why="birth date"),
    Case(name="somebody marked as deceased", ours=[ours("Zoë", "Müller", email="zoe@example.com", status="deceased")],
         theirs=theirs("Zoe", "Muller", email="zoe@example.com"), expected="review", why="deceased"),
]  # fmt: skip
