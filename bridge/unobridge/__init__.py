"""The modem engine on a real serial port and the real network: a laptop that plays the ESP-01."""
