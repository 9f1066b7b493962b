"""Readings that come through an MQTT broker (docs/mqtt.md): their form, and who takes them."""
