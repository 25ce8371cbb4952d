"""Whole numbers of any size as text. Python refuses to convert more than 4,300 digits, and is slow where it may."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import decimal

_DIRECT = 4000  # digits


def number_from_text(text: str) -> int:
    """The number that an integer token means.

    >>> number_from_text("+007")
    7
    """
    if len(text) <= _DIRECT:
        return int(text)
    digits = text.lstrip("+-").lstrip("0")
    value = _from_digits(digits) if digits else 0
    return -value if text.startswith("-") else value


def number_to_text(value: int) -> str:
    """The canonical text of a number: no `+`, no leading zeros."""
    if -(1 << 13000) < value < 1 << 13000:  # fewer than 3,914 digits
        return str(value)
    import decimal

    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = decimal.MAX_PREC, decimal.MAX_EMAX, decimal.MIN_EMIN
        text = str(_to_decimal(abs(value), value.bit_length(), {}))
    return f"-{text}" if value < 0 else text


def _from_digits(digits: str) -> int:
    """Halve until a half can be converted directly; multiplication of long numbers does the rest."""
    if len(digits) <= _DIRECT:
        return int(digits)
    low = len(digits) // 2
    power: int = 10**low
    return _from_digits(digits[:-low]) * power + _from_digits(digits[-low:])


def _to_decimal(value: int, bits: int, powers: dict[int, decimal.Decimal]) -> decimal.Decimal:
    """The same number as a Decimal, whose text costs linear time; halved until a half converts directly."""
    import decimal

    if bits <= 512:
        return decimal.Decimal(value)
    low = bits // 2
    if low not in powers:
        powers[low] = decimal.Decimal(2) ** low
    upper = _to_decimal(value >> low, bits - low, powers)
    return upper * powers[low] + _to_decimal(value & ((1 << low) - 1), low, powers)
