"""How the pages of docs/ become a site: `sphinx-build -W docs site`. Nothing in the site is loaded from elsewhere."""

import importlib.metadata

project = "stage-engine"
author = "the stage-engine authors"
project_copyright = "MIT licence"
version = release = importlib.metadata.version("stage-engine")

extensions = ["myst_parser"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
source_suffix = {".md": "markdown"}
# Blocks of these languages are our tests' marks: `yaml table` is YAML.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"stage-engine {version}"
html_copy_source = False
html_show_sourcelink = False
