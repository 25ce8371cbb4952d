"""Importing assets: from the arguments of a call to uploads and mutations. Data and pure functions; nothing is sent here.

`given` reads the arguments, `kinds` knows the input types, `local` looks at files, `plan` makes batches.
"""
