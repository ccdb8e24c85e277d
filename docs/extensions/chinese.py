"""The pages under `zh/` have their furniture in Chinese, in a manual that is built in one go."""

from pathlib import Path
from typing import Any

import sphinx
from sphinx.application import Sphinx
from sphinx.locale import init

#: What Sphinx's own catalogue does not have: the theme's words, and what the theme and the writer
#: put into attributes. Longer ones first: they are replaced one after the other.
WORDS = {
    "Toggle site navigation sidebar": "显示或隐藏导航栏",
    "Toggle table of contents sidebar": "显示或隐藏本页目录",
    "Toggle Light / Dark / Auto color theme": "切换浅色、深色或自动主题",
    "Link to this heading": "本节的链接",
    "Link to this image": "本图的链接",
    "View this page": "查看本页源文件",
    "On this page": "本页内容",
    "Skip to content": "跳到正文",
    "Back to top": "回到顶部",
    "Made with ": "制作工具：",
    '<a href="https://www.sphinx-doc.org/">Sphinx</a> and ':
    '<a href="https://www.sphinx-doc.org/">Sphinx</a> 和 ',
    "Previous": "上一页",
    "Next": "下一页",
    "Home": "首页",
}  # fmt: skip
#: The parts of the manual, in the navigation.
PARTS = {"Tutorial": "教程", "How to": "操作指南", "Explanation": "原理说明", "Reference": "参考"}
CATALOGUE = Path(sphinx.__file__).parent / "locale"


def is_chinese(pagename: str) -> bool:
    """Whether a page is in Chinese."""
    return pagename.startswith("zh/")


def furnish(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Give a Chinese page its language; `lang` chooses the browser's fonts and line breaks."""
    context["in_its_language"] = lambda html: html
    # The order of pages goes on from one language to the other; their readers do not.
    _, previous, following = app.builder.relations.get(pagename, (None, None, None))
    for side, page in {"prev": previous, "next": following}.items():
        if page and is_chinese(page) != is_chinese(pagename):
            context[side] = None
    if not is_chinese(pagename):
        return
    catalogue, _ = init([CATALOGUE], "zh_CN", "sphinx")

    def say(text: str) -> str:
        return WORDS.get(text) or catalogue.gettext(text)

    def in_its_language(html: str) -> str:
        for english, chinese in WORDS.items():
            html = html.replace(f'"{english}"', f'"{chinese}"')
        for english, chinese in PARTS.items():
            html = html.replace(f'caption-text">{english}<', f'caption-text">{chinese}<')
        return html

    context |= {
        "language": "zh-CN",
        "_": say,
        "gettext": say,
        "in_its_language": in_its_language,
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Furnish each page before it is written."""
    app.connect("html-page-context", furnish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
