"""A conversation with a server, without a socket, a thread or a clock: it yields what to do and is sent what came.

`talk` says what it asks of its driver; `exchange` makes a request's calls, `posts` and `jobs` are the two ways of a
call, `pictures` are sent ahead and fetched, over what a `session` knows; `outgoing` makes requests of forms, `answers`
reads what comes back; `probing` asks what a server has. The steps are data (`engine.backends.steps`).
"""
