"""`unosim run`: an image on a simulated Uno, with parts, an ESP-01 or a serial port, and tools that look on.

`options` says what was asked for, `session` puts it together and lets time pass, `pin_trace`, `profile` and
`memory` are what is looked at, `command` is the command line.
"""
