"""Tables for those who read and edit them: completion and hover, tables written back, where a value came from.

`meanings` and `schema_words` are the language in words, `editor_*` make the schemas that editors read; `writing` and
`outline` write a table back, `uses` finds what reads a field; `provenance` is an algebra of values that know what they
were made of. Stands on the language, the rules and the proofs; nothing that builds or sends needs it.
"""
