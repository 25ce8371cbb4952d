"""Editor features of the language: completion, hover, quick fixes, rename, outline. They know no editor."""

from __future__ import annotations

from kili_query.lang.assist.completion import Completion as Completion
from kili_query.lang.assist.completion import Kind as Kind
from kili_query.lang.assist.completion import complete as complete
from kili_query.lang.assist.fixes import QuickFix as QuickFix
from kili_query.lang.assist.fixes import fix_all as fix_all
from kili_query.lang.assist.fixes import format_text as format_text
from kili_query.lang.assist.fixes import quick_fixes as quick_fixes
from kili_query.lang.assist.hover import Hover as Hover
from kili_query.lang.assist.hover import hover as hover
from kili_query.lang.assist.outline import Hint as Hint
from kili_query.lang.assist.outline import Name as Name
from kili_query.lang.assist.outline import Symbol as Symbol
from kili_query.lang.assist.outline import hints as hints
from kili_query.lang.assist.outline import name_at as name_at
from kili_query.lang.assist.outline import renames as renames
from kili_query.lang.assist.outline import symbols as symbols
from kili_query.lang.assist.words import in_words as in_words
from kili_query.lang.assist.words import leaf_in_words as leaf_in_words
from kili_query.lang.checker import diagnose as diagnose
from kili_query.lang.tokens import Role as Role
from kili_query.lang.tokens import Word as Word
from kili_query.lang.tokens import comments as comments
from kili_query.lang.tokens import key_from_text as key_from_text
from kili_query.lang.tokens import words as words
