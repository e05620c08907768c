"""The rules of requests and of hosts' words: how a plan's configs become the fields of one request.

`request` reads `mappings/request.yaml`, `rule_forms` are its words; `layers`, `strangers` and `resolve` apply them;
`request_contracts` makes each stage type's contract of them. `host_words` and `client_words` read what a host's objects
and its client's words mean. Stands on the table language, whose expressions the rules use; knows no back end.
"""
