"""Back ends: where they are found, what their folders say, and how a request becomes bodies.

Found and proven: `folders` (where tables lie), `description` with its readers and forms (backend.yaml as data),
`capabilities` (what a back end cannot do), `catalog` (everything loaded and proven). Built: `build` (a request's
bodies), `names` and `dialects` (in the server's own words). Compared: `live_names` (with what a server has), `verify`
(with what it says it did). No back end's name, endpoint or key stands in this package: those are data.
"""
