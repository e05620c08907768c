"""Back ends: where they are found, what their folders say, and how a request becomes an answer, without a socket.

`folders` (where tables lie), `description` (backend.yaml as data), `catalog` (everything loaded and proven), `build`
(a request's bodies), `exchange` (requests out, responses in), `answers` (what a response means). No back end's
name, endpoint or key stands in this package: those are data.
"""
