"""Category searches as the server reads them: across projects, with the numbers and refusals of Kili's validator."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

from kili_query.lang.printer import to_text
from kili_query.server.search import parse_search
from tests.server.asking import Asking, response
from tests.server.conftest import Load

A_MORE = {"search": "OBJ.A.count > 1"}
NO_B = {"search": "OBJ.B.count == 0"}


def test_a_search_without_a_project_is_of_all_projects(asking: Asking, load: Load) -> None:
    """Each project has its own operands, some that the others have not."""
    projects = [
        load(
            *({"id": f"{p}{i}", "externalId": f"{p}{i}", "labels": [{"id": f"{p}{i}", "jsonResponse": r}]} for i, r in enumerate(answers))
        )
        for p, answers in (("p", [response(2), response(0, 1)]), ("q", [response(0, 3), response(3, 1)]), ("r", [response(2)]))
    ]  # fmt: skip
    for where, expected in ((A_MORE, {"p0", "q1", "r0"}), (NO_B, {"p0", "r0"})):
        assert {label["id"] for label in asking.labels(where)} == expected
        assert {found["id"] for found in asking.assets({"label": where})} == expected
        assert asking.count("Label", where) == asking.count("Asset", {"label": where}) == len(expected)
    asking.ask("mutation ($id: ID!) { deleteProjectAsynchronously(where: {id: $id}) }", id=projects[1])
    assert {label["id"] for label in asking.labels(A_MORE)} == {"p0", "r0"}
    one = {**NO_B, "project": {"id": projects[2]}}
    assert {label["id"] for label in asking.labels(one)} == {"r0"}


@pytest.mark.parametrize(
    "zero", ["0.0", ".0", "0.", "0e5", "0e30", "0e-30", "00.00e99", "-0.0", "+.0", "-0e30", "0.0e0"]
)
@pytest.mark.parametrize("operator", [">", ">=", "<", "<=", "=="])
def test_every_way_to_write_nothing_is_zero(zero: str, operator: str) -> None:
    assert to_text(parse_search(f"A.B.count {operator} {zero}")) == f"A.B.count {operator} 0"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("> 1e18", "> 1000000000000000000"), ("< 12e17", "< 1200000000000000000"), (">= 0.1e1", ">= 1"), ("> 0.1", ">= 1"),
        ("< 0.1", "<= 0"), ("> 1e-9", ">= 1"), ("== 10.00", "== 10"), ("== 0.5", "< 0"), ("<= 1.99", "<= 1"), ("> 120e-2", ">= 2"),
        ("> -0.5", ">= 0"), ("< -0.5", "<= -1"), (">= -1.5", ">= -1"), ("<= -1.5", "<= -2"),
    ],
)  # fmt: skip
def test_numbers_with_a_fraction_become_the_whole_ones_that_mean_the_same(written: str, read: str) -> None:
    assert to_text(parse_search(f"A.B.count {written}")) == f"A.B.count {read}"


@pytest.mark.parametrize("written", ["1.\u0665", "\u0661.5", "1\u0665e-1"])
def test_digits_of_other_scripts_are_digits_in_fractions_too(written: str) -> None:
    assert to_text(parse_search(f"A.B.count > {written}")) == "A.B.count >= 2"


def test_a_search_of_too_many_names_is_refused(asking: Asking, load: Load) -> None:
    load({"externalId": "x", "labels": [{"jsonResponse": response(1)}]})
    search = " OR ".join(f"OBJ.N{i}.count > 0" for i in range(10_001))
    error = asking.error("query ($s: String) { countLabels(where: {search: $s}) }", s=search)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith("the category search is not served: ")
    assert error["extensions"]["context"]["code"] == "KQ402"


def test_a_hint_is_given_for_the_text_as_it_was_sent(asking: Asking) -> None:
    """A hint may quote numbers: of a text whose numbers were rewritten it would quote others than were sent."""
    document = "query ($s: String) { countLabels(where: {search: $s}) }"
    sent = asking.error(document, s="OBJ.A > 1 AND OBJ.B.count > 1")["message"]
    rewritten = asking.error(document, s="OBJ.A > 1 AND OBJ.B.count > 1.5")["message"]
    assert sent.endswith(")")
    assert "(" in sent
    assert rewritten == sent[: sent.rindex(" (")]


@pytest.mark.parametrize(
    "search",
    ["NOT A.B.count > 1", "A.B.count != 1", "A.B.count IN (1)", "A.B.count IN 1..", 'A."x y".count > 1', "A.B.count > 1 # c",
     "A.*.count == 0", "*.B.count > 1", "(*.*.count > 1)"],
)  # fmt: skip
def test_what_is_not_part_of_kilis_language_is_refused(search: str) -> None:
    with pytest.raises(GraphQLError, match="not part of Kili's own language") as caught:
        parse_search(search)
    assert caught.value.extensions
    assert caught.value.extensions["context"]["code"] == "KQ401"
