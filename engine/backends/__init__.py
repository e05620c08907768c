"""Back ends: where they are found, what their folders say, and how a request becomes an answer, without a socket.

Found and proven: `folders` (where tables lie), `description` with its readers (backend.yaml as data), `capabilities`
(what a back end cannot do), `catalog` (everything loaded and proven). Built: `build` (a request's bodies). Sent:
`exchange` (the calls of a request), `posts` and `jobs` (the two ways of a call), `pictures` (sent ahead, and fetched),
over what a `session` knows; `conversation` says what a driver is asked to do. Understood: `places` and `answers`. No
back end's name, endpoint or key stands in this package: those are data.
"""
