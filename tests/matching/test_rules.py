"""The words of a declaration, and how things are compared."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection as database

from integrations import targets
from integrations.matching.keys import KEYS
from integrations.matching.likeness import AGREES, DIFFERS, DOUBTFUL, compare, fold, person_of
from integrations.matching.rules import Block, Matching, Rule, problems
from members.canonical import Member
from members.models import Member as Row

EMAIL = Rule(("email",), "e-mail address", 50, find=True)


def test_what_the_targets_declare_is_right():
    declared = [target for target in targets.all_targets().values() if target.matching]
    assert [target.name for target in declared] == ["members.member"]
    assert [problem for target in declared for problem in problems(target.matching, target.canonical)] == []


@pytest.mark.parametrize(
    ("matching", "said"),
    [
        (Matching(rules=(EMAIL, Rule(("shoe",), "shoe size", 5)), link=90, review=50), "'shoe'"),
        (Matching(rules=(EMAIL,), blocks=(Block(("shoe",), "shoe size"),), link=90, review=50), "'shoe'"),
        (Matching(rules=(EMAIL, Rule(("phone",), "number", 5, how="smell")), link=90, review=50), "'smell'"),
        (Matching(rules=(EMAIL, Rule(("given_name",), "name", 5, how="name")), link=90, review=50), "wrong number"),
        (Matching(rules=(Rule(("email",), "e-mail address", 50),), link=90, review=50), "looked for"),
        (Matching(rules=(EMAIL,), link=50, review=90), "asked about from 90"),
        (Matching(rules=(Rule(("email",), "e-mail address", 90, find=True),), link=90, review=50), "alone would decide"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_meant_is_named(matching, said):
    assert any(said in problem for problem in problems(matching, Member))


def test_money_is_never_recognised_by_its_likeness_nor_merged():
    documents = [name for name in targets.all_targets() if name.startswith("finance.") and name != "finance.party"]
    assert not [name for name in documents if targets.get(name).matching or targets.get(name).mergeable]


@pytest.mark.parametrize(
    ("how", "theirs", "ours", "grade"),
    [
        ("phone", "+61 2 9876 5432", "(02) 9876-5432", AGREES),
        ("phone", "9876 5432", "02 9876 5432", AGREES),
        ("phone", "02 9876 5432", "03 9876 5432", DIFFERS),
        ("phone", "123", "123", None),
        ("folded", "O’Brien-Żak", "obrien zak", AGREES),
        ("folded", "Straße", "STRASSE", AGREES),
        ("folded", "Jörg", "Joerg", AGREES),
        ("folded", "Joel", "Jol", DIFFERS),
        ("folded", "Иван", "иван", AGREES),
        ("date", date(1980, 4, 5), date(1980, 5, 4), DOUBTFUL),
        ("date", date(1980, 4, 5), date(1981, 4, 5), DIFFERS),
        ("exact", "a", "A", DIFFERS),
        ("exact", "", "", None),
        ("address", {"lines": ["7 Rose Lane"], "postcode": "2010"}, {"lines": ["7  ROSE LANE"], "postcode": "2010"}, AGREES),
        ("address", {"lines": ["7 Rose Lane"]}, {"lines": ["7 Rose Lane"]}, None),
    ],
)  # fmt: skip
def test_things_are_compared_as_people_would(how, theirs, ours, grade):
    found = compare(how, [theirs], [ours])
    assert (found and found.grade) == grade


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        (("Ann", "Hall"), ("ANN", "hall"), "same"),
        (("Hall", "Ann"), ("Ann", "Hall"), "exchanged"),
        (("Kate", "Hall"), ("Katherine", "Hall"), "short form"),
        (("K.", "Hall"), ("Kate", "Hall"), "initial"),
        (("Mary Ann", "Hall"), ("Mary", "Hall"), "in part"),
        (("Ann", "Hill"), ("Ann", "Hall"), "other last name"),
        (("Eva", "Hall"), ("Ann", "Hall"), "other first name"),
        (("Eva", "Hill"), ("Ann", "Hall"), "other name"),
        (("", "Hall"), ("Ann", "Hall"), "half"),
    ],
)
def test_names(theirs, ours, words):
    found = compare("name", [*theirs, None], [*ours, None])
    assert words in found.words.format("name")


def test_a_whole_name_is_taken_apart():
    assert person_of("", None, "Ada King Lovelace") == ("Ada King", "Lovelace")
    assert person_of(None, "", "Lovelace, Ada") == ("Ada", "Lovelace")
    assert person_of("Ada", "", "Lovelace") == ("Ada", "")
    assert compare("name", [None, None, ""], ["Ada", "Lovelace", ""]) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("how", "columns", "values"),
    [
        ("phone", ("phone",), ("+61 (0)2 9876-5432",)),
        ("name", ("given_name", "family_name"), ("Zoë", "MÜLLER")),
        ("exact", ("email",), ("a@example.com",)),
    ],
)
def test_python_and_the_database_make_the_same_key(sydney, how, columns, values):
    from psycopg import sql

    from integrations import hub
    from integrations.matching.keys import expression

    with hub.enter(sydney):
        row = Row.objects.create(display_name="x", **dict(zip(columns, values, strict=True)))
        with database.cursor() as cursor:
            key = expression(how, [sql.Identifier(column) for column in columns])
            cursor.execute(sql.SQL("SELECT {} FROM members_member WHERE id = %s").format(key), [row.pk])
            assert cursor.fetchone()[0] in KEYS[how](*values)


@pytest.mark.django_db
def test_every_key_that_finds_has_an_index_it_can_use(sydney):
    from psycopg import sql

    from integrations import hub
    from integrations.matching.keys import KEYED_BY, expression

    with hub.enter(sydney), database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for rule in targets.get("members.member").matching.rules:
            if rule.find:
                columns = [sql.Identifier(name) for name in rule.fields[: KEYED_BY.get(rule.how, 1)]]
                said = sql.SQL("").join(sql.SQL(" AND NOT {} = ''").format(column) for column in columns)
                statement = sql.SQL("EXPLAIN SELECT * FROM members_member WHERE {} = ANY('{{a,b}}'){}").format(
                    expression(rule.how, columns), said
                )
                cursor.execute(statement)
                plan = " ".join(row[0] for row in cursor.fetchall())
                assert "Index" in plan, (rule.label, plan)


def test_folding():
    assert fold("  Ærø-Łódź ") == "aerolodz"
