"""Filters of the SDK."""

from __future__ import annotations

from kili_query import AsyncKili, Kili


class OurKili(Kili): ...


def ask(kili: Kili, ours: OurKili) -> None:
    kili.labels("p", category_search="J.A.count = 1")  # error 49: KQ105: `=` is not an operator
    kili.count_labels("p", category_search="J.B.count = 1")  # error 55: KQ105: `=` is not an operator
    kili.assets("p", label_category_search="J.C.count = 1")  # error 55: KQ105: `=` is not an operator
    ours.predictions("p", category_search="J.D.count = 1")  # error 54: KQ105: `=` is not an operator
    kili.labels("p", category_search="J.A.count > 1")
    kili.labels("J.A.count = 1", category_search="")
    kili.labels("J.A.count = 1", category_search=None)


async def wait(kili: AsyncKili) -> None:
    await kili.count_assets("p", label_category_search="J.E.count = 1")  # error 67: KQ105: `=` is not an operator
