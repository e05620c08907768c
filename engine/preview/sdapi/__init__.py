"""The /sdapi/v1 protocol as AUTOMATIC1111 and Forge speak it."""
