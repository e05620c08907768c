"""The commands as they are typed: names, options, help, examples. What each of them does is beside this folder."""
