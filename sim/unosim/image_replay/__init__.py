"""A recorded session given to a firmware image: the module's bytes, and is what the Uno says the same?

- `dialogue`: the Uno's stream as commands and requests, and what of these has to be the same;
- `answers`: the recorded server's answers, signed for the requests that the image makes;
- `player`: plays the recorded module;
- `compare`: runs the image and finds the first difference;
- `command`: `unosim replay --firmware`.
"""
