"""The table language: what its forms are, how they are read and inherited, and the one interpreter that runs them.

From the ground up: `forms` (the language as data), `shapes`, `expressions`, `sections` and `graph_reader` (documents to
forms), `inherit` (one flat table from a chain of parents), `contracts` and `nodes` (what a body or a graph must meet),
`domains` and `conversions` (sets of values, and what conversions do to values and sets), `walk` (the interpreter) and
`concrete` (the values that it builds with). Nothing here opens a socket or knows the name of a back end.
"""
