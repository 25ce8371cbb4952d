"""Hooks of mkdocs: the language reference as a page, and fences that mkdocs understands."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REFERENCE = "grammar.md"
_FENCE = re.compile(r"^```(\w+)((?:[ \t][^\n`]*)?)$", re.MULTILINE)
_CODE = re.compile(r"error=(KQ\d+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add `grammar/README.md`, which lies outside the folder of the documentation."""
    source = Path(config.docs_dir).parent / "grammar" / "README.md"
    text = source.read_text(encoding="utf-8").replace("](../docs/", "](")
    files.append(File.generated(config, REFERENCE, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to the reference to its page, and leave out the tags that tests read after a fence.

    Pages of codes show queries with a mistake and queries without: there each has a title that tells which it is.
    """
    up = "../" * page.file.src_uri.count("/")
    markdown = markdown.replace(f"]({up}../grammar/README.md", f"]({up}{REFERENCE}")
    titled = page.file.src_uri.startswith("errors/KQ")

    def fence(match: re.Match[str]) -> str:
        language, tags = match.groups()
        if not (titled and language == "query"):
            return f"```{language}"
        code = _CODE.search(tags)
        return f'```{language} title="{code[1] if code else "fine"}"'

    return _FENCE.sub(fence, markdown)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Rebuild the site when the reference changes, too."""
    config.watch.append(str(Path(config.docs_dir).parent / "grammar"))
    return config
