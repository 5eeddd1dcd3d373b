"""A hook of MkDocs: links to files of the repository that the site does not have are plain text in it.

On GitHub they stay links. A test looks whether each of these files is there; --strict checks all other links.
"""

from __future__ import annotations

import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!https?:)[^)#\s]+)\)")


def on_page_markdown(markdown: str, *, files: Any, page: Any, **_: object) -> str:
    """The page's text without links that lead out of the site."""

    def keep(link: re.Match[str]) -> str:
        text, target = link.groups()
        outside = target.startswith("../" * (page.file.src_uri.count("/") + 1))
        excluded = (found := files.get_file_from_path(target)) is not None and found.inclusion.is_excluded()
        return text if outside or excluded else link[0]

    return LINK.sub(keep, markdown)
