"""Full collections are rare while lists are read, and as before afterwards."""

from __future__ import annotations

import gc

import pytest

from kili_query.client.garbage import few_full_collections


def test_the_threshold_is_as_before_after_nested_readers() -> None:
    before = gc.get_threshold()
    with few_full_collections():
        assert gc.get_threshold()[:2] == before[:2]
        assert gc.get_threshold()[2] > before[2]
        with few_full_collections():
            pass
        assert gc.get_threshold()[2] > before[2]
    assert gc.get_threshold() == before


def test_the_threshold_is_as_before_after_an_error() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="inside"), few_full_collections():
        raise ValueError("inside")
    assert gc.get_threshold() == before
