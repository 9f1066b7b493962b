"""What Home Assistant needs to show a device by itself: MQTT discovery (Home Assistant, integration "MQTT").

Rules: pure functions, no I/O. One sensor for each channel; its value comes from the device's state message.
What a channel measures is known by its name; others are shown as bare numbers.
"""

import json
import re
from typing import Any

DISCOVERY_PREFIX = "homeassistant"
EXPIRE_AFTER_S = 900
"""After so long without a message a sensor is shown as unavailable; older readings are no state any more."""

MEASURES: dict[str, tuple[str, str]] = {
    "temp": ("temperature", "°C"),
    "temperature": ("temperature", "°C"),
    "hum": ("humidity", "%"),
    "humidity": ("humidity", "%"),
    "pressure": ("atmospheric_pressure", "hPa"),
    "battery": ("battery", "%"),
    "light": ("illuminance", "lx"),
}
"""Device class and unit by the name of a channel."""
SUFFIXES: dict[str, tuple[str, str]] = {
    "_c": ("temperature", "°C"),
    "_mv": ("voltage", "mV"),
    "_v": ("voltage", "V"),
    "_pct": ("humidity", "%"),
}
"""... or by its end."""


def measure(channel: str) -> tuple[str, str] | None:
    """Return device class and unit of a channel, or None where its name does not tell."""
    ends = [found for end, found in SUFFIXES.items() if channel.endswith(end)]
    return MEASURES.get(channel) or (ends[0] if ends else None)


def state_topic(prefix: str, device: str) -> str:
    """Return where the latest values of a device are published."""
    return f"{prefix}/{device}/state"


def discovery(prefix: str, device: str, channel: str, availability_topic: str) -> tuple[str, bytes]:
    """Return topic and payload of the retained message that makes a channel known.

    Args:
        prefix: the first level of our own topics.
        device: the device's name.
        channel: the channel's name.
        availability_topic: where the bridge says `online` or `offline`.
    """
    # other characters than these are not allowed in a discovery topic; dots would make two devices one
    node = "unolink_" + re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found[0]):02x}_", device)
    config: dict[str, Any] = {
        "name": channel,
        "unique_id": f"{node}_{channel}",
        "state_topic": state_topic(prefix, device),
        "value_template": f"{{{{ value_json.{channel} }}}}",
        "state_class": "measurement",
        "expire_after": EXPIRE_AFTER_S,
        "availability_topic": availability_topic,
        "device": {"identifiers": [node], "name": device, "manufacturer": "unolink"},
    }
    if found := measure(channel):
        config["device_class"], config["unit_of_measurement"] = found
    topic = f"{DISCOVERY_PREFIX}/sensor/{node}/{channel}/config"
    return topic, json.dumps(config, ensure_ascii=False, separators=(",", ":")).encode()


def state(batch: dict[str, Any]) -> bytes:
    """Return the payload with the values of the last reading of a request's body."""
    row = batch["readings"][-1]
    values = dict(zip(batch["channels"], row[2:], strict=True))
    return json.dumps(values | {"boot": batch["boot"], "seq": row[0]}, separators=(",", ":")).encode()
