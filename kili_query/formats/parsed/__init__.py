"""Labels as objects, to read and to change: `ParsedLabel`, and the views that it opens over its JSON."""

from kili_query.formats.parsed.label import ParsedLabel as ParsedLabel
from kili_query.formats.parsed.label import parse_labels as parse_labels
