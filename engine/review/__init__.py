"""Reviewing an edit of tables: which payloads it changes, because of what, and in which back ends.

Two sides, each a folder with mappings/, schemas/ and cases/, are built with the same code (`sides`, `building`). What
differs between their payloads (`differences`) is grouped by the row, lookup, rule or case that caused it (`causes`);
changes of who owns a field and of what a contract allows are found in the tables and contracts themselves
(`ownership`, `contracts`), since no case may happen to show them. A `report` holds all that as data, and is told as
text, Markdown, JSON or one HTML page (`text`, `markdown`, `page`). Nothing here knows a back end.
"""
