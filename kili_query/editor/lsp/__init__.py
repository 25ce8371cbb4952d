"""The language server: what editors ask, over the protocol LSP."""
