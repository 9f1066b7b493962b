"""Parts for the Uno's pins: voltages, a button, an LED, humidity and temperature sensors.

`unosim.uno.Uno` wires them to a board; `unosim.parts.catalogue` makes them of a text, for the command line.
"""

from unosim.parts.analog import Analog, Recording, RecordingError, load_recording
from unosim.parts.button import Button
from unosim.parts.dht import AM2302, DHT11, Dht
from unosim.parts.led import Change, Led
from unosim.parts.part import Part, Wires

__all__ = [
    "AM2302",
    "DHT11",
    "Analog",
    "Button",
    "Change",
    "Dht",
    "Led",
    "Part",
    "Recording",
    "RecordingError",
    "Wires",
    "load_recording",
]
