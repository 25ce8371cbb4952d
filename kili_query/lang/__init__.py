"""The language: text becomes a typed tree once; checks, rewrites and printers work on the tree."""
