"""Charts as SVG, without another library: parts of a page, or drawings that stand alone in a file or a notebook."""
