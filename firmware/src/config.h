// What is fixed when the image is built. Each may be set by a build flag, for example
// -DSAMPLE_INTERVAL_MS=250.
#pragma once

#ifndef WIFI_SSID
#define WIFI_SSID "unolink"
#endif

#ifndef WIFI_PASSWORD
#define WIFI_PASSWORD "simulated"
#endif

// Name or IPv4 address of the ingest server.
#ifndef SERVER_HOST
#define SERVER_HOST "ingest.lan"
#endif

#ifndef SERVER_PORT
#define SERVER_PORT 8080
#endif

// Letters, digits, dot, dash and underscore.
#ifndef DEVICE_ID
#define DEVICE_ID "uno-1"
#endif

// Milliseconds between two readings, at least 1.
#ifndef SAMPLE_INTERVAL_MS
#define SAMPLE_INTERVAL_MS 1000
#endif
