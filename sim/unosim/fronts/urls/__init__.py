"""pySerial's handlers of URLs: it looks here for `protocol_esp01` when it is asked for `esp01://`."""
