"""The table language: what its forms are, how they are read, inherited, proven and evaluated.

From the ground up: `forms` (the language as data), `read` (documents to forms), `inherit` (one flat table from a
chain of parents), `conversions`, `domains` and `fits` (sets of values, and whether a set meets a contract), `walk`
(the one interpreter), `values` and `symbols` (the two kinds of value it runs on), `ownership` and `prove` (what is
certain about a table before it runs), `request` and `resolve` (how a plan's configs become a request). Nothing
here opens a socket or knows the name of a back end.
"""
