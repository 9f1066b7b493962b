"""Fronts: the simulated ESP-01 as something that other programs can open as a serial port, in real time.

- a pseudo-terminal (`pty`), a TCP socket (`tcp`) and an RFC 2217 server (`rfc2217`), all from the command
  `unosim modem`;
- a pySerial URL: `import unosim.fronts`, and `serial.serial_for_url("esp01://?ssid=lab&password=secret-key")`
  opens a module of its own (`urls`).

One loop drives them all (`driver`), over streams that differ only in where the bytes go. Importing this
package registers the URL; it imports nothing but pySerial's list of packages.
"""

import serial

URLS = "unosim.fronts.urls"
"""Where pySerial finds the handler."""
if URLS not in serial.protocol_handler_packages:
    serial.protocol_handler_packages.append(URLS)
