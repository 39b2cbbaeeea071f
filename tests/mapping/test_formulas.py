"""Formulas: what they can do, and that none of them can hang, blow up or break out of a worker."""

from __future__ import annotations

import ast
import contextlib
import math
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integrations.http.decode import Unreadable
from integrations.mapping import values
from integrations.mapping.formulas import DEEPEST, LONGEST, MOST_NODES, BadFormula, formula
from integrations.mapping.functions import FUNCTIONS

RECORD = {
    "First": "Ada",
    "Last": " Lovelace ",
    "Empty": "",
    "Amount": Decimal("12.10"),
    "Float": 0.1,
    "Count": 3,
    "Paid": True,
    "E-mail": "ada@example.org",
    "Contact": {"Name": "Ada Ltd", "Phones": [{"Type": "DDI", "Number": "1"}, {"Type": "MOBILE", "Number": "0400 1"}]},
    "Tags": ["gold", "board"],
    "Bad": Unreadable("text with a NUL character"),
    "Joined": "2026-02-03T11:00:00Z",
}


def of(text: str):
    return formula(text)(RECORD)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('join(" ", First, Missing, Last)', "Ada Lovelace"),
        ('First + " " + trim(Last)', "Ada Lovelace"),
        ("Contact.Name", "Ada Ltd"),
        ("Contact.Name.Nowhere", None),
        ("Nowhere.Name[3]", None),
        ("Contact.Phones[1].Number", "0400 1"),
        ("Contact.Phones[7].Number", None),
        ('record["E-mail"]', "ada@example.org"),
        ('find(Contact.Phones, "Type", "MOBILE", "Number")', "0400 1"),
        ('find(Contact.Phones, "Type", "FAX", "Number")', None),
        ('replace(find(Contact.Phones, "Type", "MOBILE", "Number"), " ", "")', "04001"),
        ('"gold" if "gold" in Tags else "plain"', "gold"),
        ('Count in [1, 2, 3] and First != "Eve"', True),
        ("Count not in [1, 2]", True),
        ("Count == true", False),
        ("Paid == 1", False),
        ("not Missing", True),
        ("Empty or First", "Ada"),
        ("first(Missing, Empty, First)", "Ada"),
        ("null", None),
        ("Empty", None),
        ("Tags", ["gold", "board"]),
        ('split("a, b,c", ",")', ["a", "b", "c"]),
        ('before(record["E-mail"], "@")', "ada"),
        ('after(record["E-mail"], "@")', "example.org"),
        ("upper(left(First, 1)) + right(First, 2)", "Ada"),
        ("mid(First, 2, 5)", "da"),
        ("right(First, 0)", None),
        ("length(Tags) + length(First) + length(Missing)", 5),
        ('contains(Last, "Love") and starts_with(First, "A") and ends_with(First, "a")', True),
        ('title("van der berg")', "Van Der Berg"),
        ("day(Joined)", "2026-02-03"),
        ("instant(Joined)", "2026-02-03T11:00:00Z"),
        ("lower(Missing)", None),
        ("1 < Count <= 3", True),
        ("min(Count, Missing, 2)", 2),
        ("max(Missing)", None),
    ],
)
def test_what_a_formula_gives(text, found):
    assert of(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.1 + 0.2", Decimal("0.3")),
        ("Float + 0.2", Decimal("0.3")),
        ("Amount * 3", Decimal("36.30")),
        ("Amount - 0.1", Decimal("12.0")),
        ("-Amount", Decimal("-12.10")),
        ("round(Amount / 3, 2)", Decimal("4.03")),
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(2.345, 2)", Decimal("2.35")),
        ("7 % 4", 3),
        ('number("12.30") + 1', Decimal("13.30")),
        ("Count + 1", 4),
        ("10 / 4", Decimal("2.5")),
        ("abs(-12345678901234567890123456789.5)", Decimal("12345678901234567890123456789.5")),
        ("text(Amount)", "12.10"),
        ("text(1 / 8)", "0.125"),
        ("whole(12.0)", 12),
        ('money(Amount, "AUD")', {"minor": 1210, "currency": "AUD", "exponent": 2}),
        ('money("12.5", "KWD")', {"minor": 12500, "currency": "KWD", "exponent": 3}),
        ('cents(1210, "aud")', {"minor": 1210, "currency": "AUD", "exponent": 2}),
        ('amount(money(Amount, "AUD"))', Decimal("12.10")),
    ],
)
def test_numbers_stay_exact_and_are_never_floats(text, found):
    made = of(text)
    assert made == found
    assert type(made) is type(found)


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15).filter(
        lambda f: f == 0 or abs(f) > 1e-15
    )
)
def test_a_float_of_a_vendor_is_taken_as_it_was_written(number):
    assert formula("Float")({"Float": number}) == Decimal(repr(number))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("First + Missing", "use first"),
        ("First + 1", "use text() or number()"),
        ("Missing > 1", "use first"),
        ("First > 1", "cannot be worked out"),
        ("Contact", "take one of its fields"),
        ("Contact.Phones.Number", "say which"),
        ("Contact == 1", "cannot be compared"),
        ("Bad", "NUL character"),
        ("Amount / 0", "cannot be worked out"),
        ('number("12,30")', "is not a number"),
        ('number("nan")', "no number"),
        ('money(Amount, "XX")', "not an ISO 4217 currency"),
        ('money(1.234, "AUD")', "more decimals"),
        ("money(Amount, Missing)", "without a currency"),
        ("money(Paid, First)", "true or false"),
        ("whole(Amount)", "use round()"),
        ("lower(Count)", "expected a text"),
        ("1 in Count", "neither a list"),
        ("1 in First", "looked for in a text"),
        ('replace(First, "", "x")', "something to look for"),
        ("left(First, -1)", "not negative"),
        ("round(First)", "round() takes"),
        ("find(First, First, First, First)", "looks in a list"),
        ("day(First)", "is not a date"),
    ],
)
def test_a_record_that_cannot_be_worked_out_is_a_sentence(text, sentence):
    with pytest.raises(ValueError) as raised:
        of(text)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("  \n ", "is empty"),
        ("First Last", "cannot be read near character"),
        ("First = 1", 'write "=="'),
        ("First && Last", 'write "and" and "or"'),
        ("First ? 1 : 2", 'write "this if condition else that"'),
        ("nonsense(First)", "There is no function nonsense()"),
        ("lower()", "does not take 0 values"),
        ("lower(First, Last)", "does not take 2 values"),
        ("lower(value=First)", "plain values only"),
        ("lower(*Tags)", "plain values only"),
        ("First.lower()", "A function stands alone"),
        ("lower(First)()", "A function stands alone"),
        ("Tags[Count]", "In brackets stands a number or a text"),
        ("Tags[0:1]", "In brackets stands a number or a text"),
        ("First is null", "'is'"),
        ('f"{First}"', "join()"),
        ("1, 2", "square brackets"),
        ("b'bytes'", "no such value"),
        ("1j", "no such value"),
        ("...", "no such value"),
    ],
)
def test_what_is_no_formula_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(BadFormula) as refused:
        formula(text)
    assert sentence in str(refused.value)


# What people try. Each is refused when it is saved, or is a sentence for the record; none is ever worked through.
HOSTILE = [
    "9 ** 9 ** 9",
    "2 ** 4000000",
    "1 << 99999999",
    '"{:>99999999}".format(1)',
    'f"{1:>99999999}"',
    "[x for x in Tags]",
    "[a + b for a in Tags for b in Tags]",
    "{x for x in Tags}",
    "{x: x for x in Tags}",
    "join(',', (x for x in Tags))",
    "(lambda f: f(f))(lambda f: f(f))",
    "(x := 1)",
    "[*Tags]",
    "{**record}",
    "First.__class__",
    "First.__class__.__mro__[1].__subclasses__()",
    "record.__class__.__init__.__globals__",
    'record["__class__"].__mro__',
    "lower.__globals__",
    "lower.__self__",
    "().__class__",
    '__import__("os").system("true")',
    'eval("1")',
    'open("/etc/passwd")',
    'getattr(First, "upper")',
    "globals()",
    "print(1)",
    "range(10)",
    "exit()",
    "First.format_map(record)",
    "import os",
    "First; Last",
    "First\nimport os",
    "await First",
    "yield First",
    "not " * 300 + "1",
    "-" * 900 + "1",
    "(" * 499 + "1" + ")" * 499,
    "[" * 400 + "]" * 400,
    "1" + "+1" * 490,
    "1" * 999,
    '"' + "a" * 998 + '"' + '"',
    "1e999999999",
    "1e-999999999 * 1",
    "0e-999999999",
    "9" * 31,
    "a" * (LONGEST + 1),
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_a_hostile_formula_is_refused_before_any_record_is_seen(text):
    with pytest.raises(BadFormula):
        formula(text)


# These can be saved: they only ask too much of a record.
GREEDY = [
    '"%s" % ("a" * 99999)',
    '"%099999999d" % 1',
    "[0] * 999999999",
    '"a" * 999999999',
    "*".join(["999999999999999"] * 4),
    "Count" + " * 999999999" * 20,
    'number("1e29") * number("1e29")',
    'number("1e999999999")',
    'number("0e-999999999")',
    'text(number("1e-999999999"))',
    " / ".join(["Count", *["999999999"] * 30]) + " + 1",
    "1 / 3 * (1 / 3) * (1 / 3)",
    'replace(Long, "a", Long)',
    'replace(replace(replace("aaaaaaaaaa", "a", "aaaaaaaaaa"), "a", "aaaaaaaaaa"), "a", "aaaaaaaaaaaaaaaaaaaa")',
    "Long + Long",
    "join(Long, Long, Long)",
    'join("", ' + ", ".join(["Many"] * 19) + ")",
    'split(Long, "a")',
    "Longer",
    "Endless",
    "length(Endless)",
    "Endless[0]",
    "upper(Sharp)",
    "[" + ", ".join(["Long"] * 30) + "]",
]
GREEDY_RECORD = RECORD | {
    "Long": "a" * values.LONGEST_TEXT,
    "Longer": "a" * (values.LONGEST_TEXT + 1),
    "Many": ["a" * values.LONGEST_TEXT] * values.MOST_ITEMS,
    "Endless": ["x"] * (values.MOST_ITEMS + 1),
    "Sharp": "ß" * values.LONGEST_TEXT,
}  # fmt: skip


@pytest.mark.parametrize("text", GREEDY, ids=lambda text: text[:40])
def test_a_formula_that_asks_too_much_of_a_record_is_a_sentence(text):
    with pytest.raises(ValueError) as raised:
        formula(text)(GREEDY_RECORD)
    assert not isinstance(raised.value, BadFormula)


class Counted:
    """An evaluator's walk, counted: how often it takes a step, and the largest value it ever holds."""

    def __init__(self, evaluator):
        self.steps, self.largest, self.walk = 0, 0, evaluator._eval
        evaluator._eval = self

    def __call__(self, node):
        self.steps += 1
        found = self.walk(node)
        self.largest = max(self.largest, size(found))
        assert not isinstance(found, float)
        return found


def size(value) -> int:
    if isinstance(value, (str, list)):
        return len(value)
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits)
    return int(math.log10(abs(value) + 1)) if isinstance(value, int) else 0


names = st.sampled_from(
    ["First", "Long", "Many", "Tags", "Amount", "Count", "Float", "Missing", "Contact", "Paid", "Bad"]
)
leaves = st.one_of(
    names,
    st.sampled_from(["1", "0.1", "999999999999999", "null", "true", '"a"', '""', "[1, 2]", "Contact.Phones[0].Type"]),
)


def grown(inner):
    called = st.builds(
        lambda name, parts: f"{name}({', '.join((parts * 4)[: FUNCTIONS[name].least])})",
        st.sampled_from(sorted(FUNCTIONS)),
        st.lists(inner, min_size=1, max_size=4),
    )
    signs = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
    two = st.builds(lambda a, sign, b: f"({a} {sign} {b})", inner, st.sampled_from(signs), inner)
    chosen = st.builds(lambda a, b, c: f"({a} if {b} else {c})", inner, inner, inner)
    return called | two | chosen | st.builds("not {}".format, inner) | st.builds("(-{})".format, inner)


@settings(deadline=None, max_examples=400)
@given(st.recursive(leaves, grown, max_leaves=40))
@example(" + ".join(["Long"] * 90))
@example("replace(" * 15 + "Long" + ', "a", "aa")' * 15)
@example("-".join(["999999999999999999999999999999"] * 95))
def test_a_formula_takes_at_most_one_step_per_part_and_holds_nothing_large(text):
    """So its cost is bounded by its length, whatever the record: no step is ever taken twice."""
    try:
        made = formula(text)
    except BadFormula:
        return
    counted = Counted(made.evaluator)
    with contextlib.suppress(ValueError):
        found = made(GREEDY_RECORD)
        assert size(found) <= values.LONGEST_TEXT
        assert not isinstance(found, float)
    assert counted.steps <= len(list(ast.walk(ast.parse(text.strip())))) <= MOST_NODES + 2
    assert counted.largest <= values.LONGEST_TEXT


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="()[]{}+-*/%<>=!.,\"' abFirst0123456789", max_size=200))
def test_any_text_is_a_formula_or_a_refusal(text):
    try:
        made = formula(text)
    except BadFormula:
        return
    with contextlib.suppress(ValueError):
        made(RECORD)


def test_the_limits_are_where_they_are_said_to_be():
    nested = "upper(" * (DEEPEST - 3) + "First" + ")" * (DEEPEST - 3)
    assert of(nested) == "ADA"
    with pytest.raises(BadFormula, match="deep"):
        formula("upper(" * DEEPEST + "First" + ")" * DEEPEST)
    with pytest.raises(BadFormula, match="parts"):
        formula("[" + ",".join(["1"] * MOST_NODES) + "]")
    with pytest.raises(BadFormula, match=f"{LONGEST:,} are allowed"):
        formula(" " * LONGEST + "1")


def test_a_formula_knows_which_fields_it_reads():
    assert formula('join(" ", First, Contact.Name) if Paid else null').names == {"First", "Contact", "Paid"}
    assert formula('record["E-mail"] + First').names is None


def test_a_field_may_have_the_name_of_a_function():
    assert formula("text(first)")({"first": 1}) == "1"


def test_a_formula_keeps_nothing_of_a_record():
    made = formula("First")
    assert made(RECORD) == "Ada"
    assert made({}) is None
    assert made.evaluator.names == {}


def test_threads_that_share_a_formula_never_meet_each_others_records():
    made = formula("upper(lower(upper(lower(Name))))")

    def work(name: str) -> set[str]:
        return {made({"Name": name}) for _ in range(300)}

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, ["a", "b", "c", "d"]))
    finally:
        sys.setswitchinterval(interval)
    assert found == [{"A"}, {"B"}, {"C"}, {"D"}]


def test_every_function_is_shown_with_an_example_that_can_be_saved():
    for name, function in FUNCTIONS.items():
        assert function.shown.startswith(f"{name}(")
        formula(function.shown)


def test_every_function_and_limit_stands_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "field-mappings.md").read_text()
    assert [name for name in FUNCTIONS if f"`{name}(" not in page] == []
    for limit in (LONGEST, MOST_NODES, DEEPEST, values.LONGEST_TEXT, values.MOST_ITEMS):
        assert f"{limit:,}" in page
    shown = re.findall(r"^\| [a-z ]+ \| `([^`]+)`", page, re.MULTILINE)
    assert len(shown) >= 8
    for written in shown:
        formula(written)
