"""Stripe's fields and ours."""
# fmt: off

from typing import Any

from integrations.provider import Converter, Field, Mapping, convert, fields, money

# Stripe's smallest unit is not always the currency's: https://docs.stripe.com/currencies#special-cases
DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}


def _inward(amount: Any, currency: Any) -> Any:
    """`500` isk is 5 krónur, `500` mga is 500 ariary; a fraction of a króna is refused."""
    code = convert.upper.inward(currency)
    if amount is None or code not in DECIMALS:
        return convert.money_minor.inward(amount, currency)
    return convert.money_major.inward(f"{convert.whole.inward(amount)}e-{DECIMALS[code]}", code)


def _outward(value: Any) -> tuple[int, str]:
    """Our money as the amount and the currency that Stripe wants."""
    code = value["currency"]
    return int(money.to_major(value["minor"], code).scaleb(DECIMALS.get(code, money.exponent(code)))), code.lower()


def _state(status: Any, captured: Any, refunded: Any, amount_refunded: Any, disputed: Any) -> Any:
    """One word for a charge. What was only authorised is not received, and let go again it is cancelled."""
    if status != "succeeded":
        return MOVED.inward(status)
    if captured is False:
        return "cancelled" if refunded else "pending"
    return "disputed" if disputed else "refunded" if refunded else "partially_refunded" if amount_refunded else "succeeded"


MONEY = Converter(_inward, _outward)
MOVED = convert.one_of({**{word: word for word in "requires_action pending in_transit succeeded paid failed".split()},
                        "canceled": "cancelled"})
DISPUTE = convert.one_of({
    "warning_needs_response": "warning", "warning_under_review": "warning", "warning_closed": "closed",
    "needs_response": "needs_response", "appeal_needs_response": "needs_response", "under_review": "under_review",
    "appeal_under_review": "under_review", "won": "won", "lost": "lost", "prevented": "closed"})
METHOD = convert.one_of({
    "card": "card", "card_present": "card", "customer_balance": "bank_transfer",
    **dict.fromkeys("acss_debit au_becs_debit bacs_debit nz_bank_account sepa_debit us_bank_account".split(), "direct_debit"),
    **dict.fromkeys("alipay amazon_pay cashapp link paypal revolut_pay wechat_pay".split(), "wallet")}, otherwise="other")
WHEN = Field("occurred_at", "created", convert.unix)
CHARGED = Field("payment", "charge", convert.text, ref="charges")

customers = Mapping(
    # A customer may have no name at all: then whatever else they are known by.
    Field("name", ("name", "email", "description", "id"), Converter(
        convert.first(convert.text).inward, lambda name: (name, None, None, None))),
    Field("kind", ("business_name", "individual_name"), Converter(
        lambda business, individual: "organisation" if business else "person" if individual else None)),
    Field("email", "email", convert.lower),
    Field("phone", "phone", convert.text),
    *fields(convert.read_only(convert.upper), currency="currency", country="address.country"),
)
charges = Mapping(
    *fields(convert.text, processor_ref="id", balance_ref="balance_transaction", description="description"),
    Field("status", ("status", "captured", "refunded", "amount_refunded", "disputed"), Converter(_state)),
    *fields(MONEY, "currency", amount="amount", refunded="amount_refunded"),
    Field("method", "payment_method_details.type", METHOD),
    Field("party", "customer", convert.text, ref="customers"),
    Field("reference", "payment_intent", convert.text),
    Field("livemode", "livemode", convert.boolean), WHEN,
)
refunds = Mapping(
    *fields(convert.text, processor_ref="id", balance_ref="balance_transaction", reason="reason"),
    Field("status", "status", MOVED), *fields(MONEY, "currency", amount="amount"), CHARGED, WHEN,
)
disputes = Mapping(
    *fields(convert.text, processor_ref="id", reason="reason"),
    Field("status", "status", DISPUTE), *fields(MONEY, "currency", amount="amount"), CHARGED, WHEN,
)
payouts = Mapping(
    *fields(convert.text, processor_ref="id", balance_ref="balance_transaction", method="method", description="description"),
    Field("status", "status", MOVED), *fields(MONEY, "currency", amount="amount"),
    Field("automatic", "automatic", convert.boolean),
    Field("initiated_at", "created", convert.unix),
    Field("arrives_on", "arrival_date", convert.unix_day),
)
balance_transactions = Mapping(
    *fields(convert.text, processor_ref="id", category="reporting_category", kind="type", source_ref="source"),
    *fields(convert.text, status="status", description="description"),
    *fields(MONEY, "currency", gross="amount", fee="fee", net="net"),
    Field("fx_rate", "exchange_rate", convert.rate),
    Field("available_on", "available_on", convert.unix_day), WHEN,
)
