"""Money is an integer of minor units with a currency. Exponents are those of ISO 4217."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

ZERO_DECIMAL = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)  # fmt: skip
THREE_DECIMAL = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
# Units of account that ISO lists with four decimals: nobody is paid in them, and the canonical form ends at three.
FOUR_DECIMAL = frozenset(["CLF", "UYW"])
LARGEST = 2**63 - 1
LARGEST_DIGITS = 20
# The default context would round an amount of more than 28 digits without a word.
_EXACT = Context(prec=60, traps=[Inexact])


def shown(value: object) -> str:
    """A vendor's value as an error may quote it: short, whatever it is. Python refuses to spell very long whole numbers."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of some {value.bit_length() * 3 // 10} digits"
    return repr(str(value)[:40])


def exponent(currency: str) -> int:
    """How many decimals the currency has: 0, 2 or 3."""
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise ValueError(f"'{currency[:10]}' is not an ISO 4217 currency code")
    if currency in FOUR_DECIMAL:
        raise ValueError(f"{currency} is a unit of account with four decimals: not supported")
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """`to_minor("12.34", "AUD") == 1234`. ValueError for more decimals than the currency has: nothing is rounded away."""
    if isinstance(amount, (bool, float)):
        raise ValueError("an amount must be exact")
    places = exponent(currency)
    try:
        number = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"{shown(amount)} is not an amount in {currency}") from None
    if not number.is_finite():
        raise ValueError(f"{shown(amount)} is not an amount in {currency}")
    if number.adjusted() > LARGEST_DIGITS:
        raise ValueError(f"an amount of {number.adjusted() + 1} digits is too large")
    try:
        scaled = number.scaleb(places, _EXACT)
        exact = scaled == int(scaled)
    except Inexact:
        exact = False
    if not exact:
        raise ValueError(f"{shown(amount)} has more decimals than {currency} has ({places})")
    minor = int(scaled)
    if abs(minor) > LARGEST:
        raise ValueError(f"{shown(amount)} is too large to be an amount in {currency}")
    return minor


def to_major(minor: int, currency: str) -> Decimal:
    """`to_major(1234, "AUD") == Decimal("12.34")`."""
    return Decimal(minor).scaleb(-exponent(currency))


def number(amount: Decimal | str) -> int | float:
    """The amount as every JSON encoder writes it, digit for digit: `12.30` is sent as 12.3. Nothing is ever computed with
    it. ValueError for more digits than a double tells apart."""
    exact = Decimal(amount)
    if exact == exact.to_integral_value():
        return int(exact)
    if Decimal(repr(float(exact))) != exact:
        raise ValueError(f"{shown(amount)} has too many digits for a number in JSON")
    return float(exact)


def money(minor: int, currency: str) -> dict[str, int | str]:
    """The canonical form, `urn:canonical:money:1.0.0`."""
    return {"minor": minor, "currency": currency, "exponent": exponent(currency)}
