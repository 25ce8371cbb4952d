"""What the page on `kili-query lint` checks: queries as a script writes them, with mistakes."""

from typing import Any

CROWDED = "OBJECT_DETECTION_JOB.person.count > 5"


def images(kili: Any, extra: str) -> list[Any]:
    """Some lists of assets."""
    return [
        kili.assets("clx0", label_category_search=CROWDED),
        kili.assets("clx0", label_category_search="OBJECT_DETECTION_JOB.preson.count > 5"),
        kili.assets(
            "clx0",
            label_category_search="OBJECT_DETECTION_JOB.dog.count = 1 and OBJECT_DETECTION_JOB.cat.count = 0 "
            'and OBJECT_DETECTION_JOB."cell phone".count > 0',
        ),
        kili.assets("clx0", label_category_search=f"{CROWDED} AND {extra}"),
    ]
