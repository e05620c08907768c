"""SD.Next's dialect of /sdapi/v1: the same paths as its relatives, and other fields, rules and words."""
