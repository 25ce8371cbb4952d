"""What goes over the wire, as data: documents, variables, headers, and how answers are read (wire.md)."""
