"""Operations as data and pure functions: document, variables, decoder. No input or output."""
