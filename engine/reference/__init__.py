"""What can be told of all back ends together: pages, a matrix, explanations, first files. It is made from the data.

`matrix` and `backend_reference`: what each back end can do; `field_facts` and `field_reference`: what becomes of a
field; `explained`: where each value of a body came from; `starters`: what a new back end begins with; `generated` holds
the files that are made, and says when one is stale.
"""
