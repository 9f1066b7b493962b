"""Everything that pretends to be hardware: the Uno, the ESP8266 modem, and the network between them."""
