"""What is certain of tables and rules before they run.

`symbolic` is the algebra of sets that the interpreter runs on in a proof, `paths` walks every way; `fits` asks whether
a set lies inside a contract; `ownership`, `loose_ends` and `coverage` decide from the text; `prove`, `graph_proof` and
`rule_checks` put it together. Stands on the language and the rules; knows no back end and sends nothing.
"""
