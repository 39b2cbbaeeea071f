"""Money is an integer of minor units with a currency. Exponents are those of ISO 4217."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation

ZERO_DECIMAL = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
THREE_DECIMAL = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
LARGEST = 2**63 - 1
# The default context has 28 digits and would round a longer number in silence.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])


def exponent(currency: str) -> int:
    """How many decimals the currency has: 0, 2 or 3."""
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise ValueError(f"'{currency[:10]}' is not an ISO 4217 currency code")
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """`to_minor("12.34", "AUD") == 1234`. ValueError for more decimals than the currency has: nothing is rounded away."""
    if isinstance(amount, (bool, float)):
        raise ValueError("an amount must be exact")
    places = exponent(currency)
    try:
        given = Decimal(amount)
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"'{str(amount)[:40]}' is not an amount in {currency}") from error
    if not given.is_finite():
        raise ValueError(f"'{str(amount)[:40]}' is not an amount in {currency}")
    if given and given.adjusted() > 18:
        raise ValueError(f"an amount of {given.adjusted() + 1} digits is too large")
    try:
        scaled = given.scaleb(places, _EXACT)
        minor = int(scaled)
    except Inexact:
        minor, scaled = 0, None
    if scaled != minor:
        raise ValueError(f"{str(amount)[:40]} has more decimals than {currency} has ({places})")
    if abs(minor) > LARGEST:
        raise ValueError(f"an amount of {len(str(minor))} digits is too large")
    return minor


def to_major(minor: int, currency: str) -> Decimal:
    """`to_major(1234, "AUD") == Decimal("12.34")`."""
    return Decimal(minor).scaleb(-exponent(currency))


def money(minor: int, currency: str) -> dict[str, int | str]:
    """The canonical form, `urn:canonical:money:1.0.0`."""
    return {"minor": minor, "currency": currency, "exponent": exponent(currency)}
