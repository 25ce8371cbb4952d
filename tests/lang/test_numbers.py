"""Whole numbers of any size, as text and back."""

from __future__ import annotations

import random

import pytest

from kili_query import Query, UnsupportedQueryError, count, parse
from kili_query.lang.numbers import number_from_text, number_to_text


@pytest.mark.parametrize("digits", [1, 2, 3913, 3914, 3999, 4000, 4001, 4300, 4301, 10_000, 100_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_any_number_of_digits_survives_the_way_there_and_back(digits: int, sign: str) -> None:
    source = random.Random(digits)
    text = sign + source.choice("123456789") + "".join(source.choices("0123456789", k=digits - 1))
    assert number_to_text(number_from_text(text)) == text


@pytest.mark.parametrize("exponent", [0, 1, 12_998, 12_999, 13_000, 13_001, 14_283, 14_284, 100_000])
def test_powers_of_two_and_their_neighbours_are_exact(exponent: int) -> None:
    for value in ((1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1, -(1 << exponent)):
        assert number_from_text(number_to_text(value)) == value


@pytest.mark.parametrize(
    ("text", "value"), [("+0", 0), ("-0", 0), ("007", 7), ("-007", -7), ("+1", 1), ("\u0661\u0660", 10)]
)
def test_signs_zeros_and_other_digits_are_read(text: str, value: int) -> None:
    assert number_from_text(text) == value


def test_zeros_do_not_count_as_digits() -> None:
    assert number_from_text("-" + "0" * 10_000 + "12") == -12
    assert number_from_text("+" + "0" * 10_000) == 0


def test_queries_hold_huge_numbers() -> None:
    text = "A.B.count IN -1.." + "7" * 5000
    query = parse(text)
    assert str(query) == text
    assert query.holds({("A", "B"): 10**4000})
    assert not query.holds({("A", "B"): 10**5001})
    assert query.to_server() == "A.B.count >= -1 AND A.B.count <= " + "7" * 5000
    assert str(count("A", "B") > 10**5000) == "A.B.count > 1" + "0" * 5000
    assert not query.equivalent(parse("A.B.count IN -1.." + "7" * 4999 + "8"))


@pytest.mark.parametrize("digits", [5, 4300])
def test_the_json_form_holds_long_numbers(digits: int) -> None:
    query = parse("A.B.count > " + "9" * digits)
    assert Query.from_json(query.to_json()) == query


def test_the_json_form_refuses_numbers_that_it_could_not_read_back() -> None:
    with pytest.raises(UnsupportedQueryError, match="4,300 digits"):
        parse("A.B.count > " + "9" * 4301).to_json()
