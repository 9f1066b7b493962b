"""The doctor: why does my ESP-01 not answer?

- `evidence`: what was said and heard, as plain values;
- `causes`: what that means: a table of causes, each with its evidence and the next step;
- `probe`: asks a module on a serial line, rate by rate, and then step by step up to the server;
- `recorded`: takes the evidence from a recorded session instead;
- `command`: `unobridge doctor`.

Rules: causes never look at a line, and the probe never judges. So every cause can be produced by the
simulator, and what the doctor says of it is held against what it was.
"""
