"""A formula over a record: one expression, read once and worked out per record, whatever the person wrote who saved it.

`simpleeval` walks Python's own syntax tree; what it may meet there is this module's choice. There is no loop, no
comprehension, no attribute of a Python object, no method, no power, no repetition of text: so a record costs at most one step
per node, nodes are counted when the formula is saved, and every value is held to the limits of `values` before and after each
step. Numbers are whole or Decimal, never floats.
"""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from . import values
from .functions import FUNCTIONS

# Part of the fingerprint of a mapping: raise it when a formula comes to mean something else.
LANGUAGE = 1
LONGEST = 1_000
MOST_NODES = 300
DEEPEST = 40
WHOLE = "record"
_WORDS = {"null": None, "true": True, "false": False}
# What an evaluation may raise over a record; ValueError carries a sentence.
_BROKEN = (InvalidExpression, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)

_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: values.add, ast.Sub: values.subtract, ast.Mult: values.multiply, ast.Div: values.divide,
    ast.Mod: values.remainder, ast.USub: values.negative, ast.Not: lambda value: not value,
    ast.Eq: values.equal, ast.NotEq: values.unequal, ast.Lt: values.less, ast.LtE: values.at_most,
    ast.Gt: values.more, ast.GtE: values.at_least, ast.In: values.among, ast.NotIn: values.not_among,
}  # fmt: skip
_PLAIN = (
    ast.Expression,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.Compare,
    ast.IfExp,
    ast.List,
    ast.Load,
)


class BadFormula(ValueError):
    """The formula cannot be used; the sentence says why."""


@dataclass(frozen=True, eq=False)
class Formula:
    """`formula(record)` is its result, in any thread; ValueError with a sentence where a record cannot be worked out. `names`:
    the top-level fields it reads; None where it reads the whole record."""

    text: str
    names: frozenset[str] | None
    tree: ast.expr
    own: threading.local = field(default_factory=threading.local)

    @property
    def evaluator(self) -> _Evaluator:
        """This thread's: it holds the record while it works."""
        found: _Evaluator | None = getattr(self.own, "evaluator", None)
        if found is None:
            found = self.own.evaluator = _Evaluator(self.tree)
        return found

    def __call__(self, record: Any) -> Any:
        try:
            return values.result(self.evaluator.of(record))
        except ValueError as error:
            raise ValueError(f"the formula cannot be worked out: {error}") from None
        except _BROKEN as error:
            raise ValueError(f"the formula cannot be worked out ({type(error).__name__})") from None


def formula(written: str) -> Formula:
    """The formula, ready for records. BadFormula for what is too long, no formula, or more than a formula may be."""
    if not written.strip():
        raise BadFormula("The formula is empty.")
    if len(written) > LONGEST:
        raise BadFormula(f"The formula has {len(written):,} characters; {LONGEST:,} are allowed.")
    tree = _parsed(written.replace("\r", " ").replace("\n", " ").strip())
    _depth(tree)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not _is_called(node, tree)}
    return Formula(written, None if WHOLE in names else frozenset(names - set(_WORDS)), tree)


def _parsed(line: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python will refuse one day
            tree = ast.parse(line, mode="eval")
    except SyntaxError as error:
        where = f" near character {error.offset}" if error.offset else ""
        raise BadFormula(f"The formula cannot be read{where}: {_explained(line, error)}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise BadFormula("The formula cannot be read.") from None
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        raise BadFormula(f"The formula has {len(nodes)} parts; {MOST_NODES} are allowed.")
    for node in nodes:
        _check(node, line)
    return tree.body


def _explained(line: str, error: SyntaxError) -> str:
    if "&&" in line or "||" in line:
        return 'write "and" and "or"'
    if "?" in line:
        return 'write "this if condition else that"'
    if "=" in line and "==" not in line:
        return 'write "==" to compare'
    return error.msg


def _check(node: ast.AST, line: str) -> None:
    """Refuses what is not of the language. A number with a fraction becomes the Decimal it is written as."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, float):
            node.value = Decimal((ast.get_source_segment(line, node) or "").replace("_", ""))
        elif not isinstance(node.value, (str, int, type(None))):
            raise BadFormula(f"A formula has no such value: {ast.unparse(node)[:40]}")
        try:
            values.taken(node.value)
        except ValueError as error:
            raise BadFormula(f"The formula cannot be used: {error}.") from None
    elif isinstance(node, ast.Call):
        _check_call(node)
    elif isinstance(node, ast.Attribute):
        if node.attr.startswith("__"):
            raise BadFormula(f"A formula takes no '{node.attr}': it only knows fields of the record.")
    elif isinstance(node, ast.Subscript):
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if type(index) not in (int, str):
            raise BadFormula('In brackets stands a number or a text: Phones[0], record["E-mail"].')
    elif not isinstance(node, (*_PLAIN, ast.Name)) and type(node) not in _OPERATORS:
        raise BadFormula(f"A formula has no {_named(node)}.")


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name):
        raise BadFormula("A function stands alone: lower(Email), not Email.lower().")
    function = FUNCTIONS.get(node.func.id)
    if function is None:
        raise BadFormula(f"There is no function {node.func.id[:40]}(). There is: {', '.join(FUNCTIONS)}.")
    if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
        raise BadFormula(f"{node.func.id}() takes plain values only: {function.shown}.")
    if not function.least <= len(node.args) <= function.most:
        raise BadFormula(f"{node.func.id}() does not take {len(node.args)} values: {function.shown}.")


def _named(node: ast.AST) -> str:
    words = {
        ast.ListComp: "loops", ast.GeneratorExp: "loops", ast.SetComp: "loops", ast.DictComp: "loops",
        ast.Pow: "powers (**)", ast.Lambda: "functions of its own", ast.JoinedStr: "f-texts: use join()",
        ast.Is: "'is': write ==", ast.IsNot: "'is not': write !=", ast.NamedExpr: "assignments",
        ast.Tuple: "values side by side: write a list in square brackets", ast.Dict: "objects", ast.Set: "sets",
    }  # fmt: skip
    return words.get(type(node), f"'{type(node).__name__}'")


def _depth(tree: ast.AST) -> None:
    level = [tree]
    for _ in range(DEEPEST):
        level = [below for node in level for below in ast.iter_child_nodes(node)]
        if not level:
            return
    raise BadFormula(f"The formula is nested more than {DEEPEST} deep.")


def _is_called(name: ast.Name, tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Call) and node.func is name for node in ast.walk(tree))


class _Evaluator(SimpleEval):
    """simpleeval's walk with the nodes, names and fields of this language. Its own preparation is left out: it offers random
    numbers, conversions to float and attributes of Python objects, and looks through whole records for functions."""

    def __init__(self, tree: ast.expr) -> None:
        self.expr, self.tree = "", tree
        self.operators = _OPERATORS
        self.functions = {name: function.work for name, function in FUNCTIONS.items()}
        self.names: Any = {}
        self.nodes = {
            ast.Constant: lambda node: node.value,
            ast.Name: self._field,
            ast.Attribute: lambda node: _below(self._eval(node.value), node.attr),
            ast.Subscript: lambda node: _below(self._eval(node.value), node.slice.value),
            ast.List: lambda node: [self._eval(one) for one in node.elts],
            ast.UnaryOp: self._eval_unaryop,
            ast.BinOp: self._eval_binop,
            ast.BoolOp: self._eval_boolop,
            ast.Compare: self._eval_compare,
            ast.IfExp: self._eval_ifexp,
            ast.Call: self._eval_call,
        }

    def of(self, record: Mapping[str, Any]) -> Any:
        self.names = record
        try:
            return self._eval(self.tree)
        finally:
            self.names = {}

    def _eval(self, node: ast.AST) -> Any:
        return self.nodes[type(node)](node)

    def _field(self, node: ast.Name) -> Any:
        name = node.id
        if name == WHOLE:
            return self.names
        return _WORDS[name] if name in _WORDS else values.taken(self.names.get(name))


def _below(value: Any, step: int | str) -> Any:
    """What is not there is nothing, as in a path."""
    if isinstance(value, dict):
        return values.taken(value.get(step))
    if type(value) is list:
        if type(step) is not int:
            raise ValueError(f"there are several: say which, as in [0].{step}")
        return values.taken(value[step]) if 0 <= step < len(value) else None
    return None
