"""Settings of the documentation: `nox -s docs` builds it without the network."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "growthkit"
author = "the growthkit authors"
copyright = "the growthkit authors"
(version,) = re.findall(r'^__version__ = "(.+)"$', (HERE.parent / "src/growthkit/__init__.py").read_text(), re.M)
release = version

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# --- reference: a page per name of a module's __all__, so that a new name documents itself
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autosummary_context = {
    # pages of names that another menu has, too; links lead to the other one
    "shown_twice": ("growthkit.rules.Baskets", "growthkit.recommend.Interactions", "growthkit.recommend.split.Split"),
}
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    name: name for name in ("AnyArray", "BoolArray", "FloatArray", "Int32Array", "Int64Array", "IntoFrame", "RngLike")
}
python_maximum_signature_line_length = 90
numpydoc_show_class_members = False
toc_object_entries = False

# --- examples in the text, run by `sphinx-build -b doctest`; those of docstrings are run by pytest
doctest_test_doctest_blocks = ""
doctest_global_setup = "import pandas; pandas.set_option('display.width', 120, 'display.max_columns', 20)"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"quickstart|__init__",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"growthkit {version}"
html_static_path = ["_static"]
html_css_files = ["growthkit.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "growthkit"},
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 5,
}
html_sidebars = {"benchmarks": [], "changelog": [], "contributing": [], "architecture": []}


def plain_aliases(*event: Any) -> tuple[str | None, str | None]:
    """Name the aliases of `autodoc_type_aliases` in a signature, where Sphinx shows how it keeps them."""
    return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in event[-2:])


def with_results(_app: Any, page: str, source: list[str]) -> None:
    """Append the recorded tables to the page on benchmarks, their headings one level down."""
    if page == "benchmarks":
        recorded = sorted((HERE.parent / "benchmarks/results").glob("*.md"))
        source[0] += "\n".join(re.sub("^#", "##", file.read_text(encoding="utf-8"), flags=re.M) for file in recorded)


def setup(app: Any) -> None:
    """Connect what the settings above cannot say."""
    app.connect("source-read", with_results)
    app.connect("autodoc-process-signature", plain_aliases)
