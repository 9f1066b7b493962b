"""A Cloud Logging service for tests, on this machine: gRPC and REST over one store in memory.

What it has of the real service: entries.write with `partial_success`, per-entry errors and limits;
entries.list with de-duplication at query time, a subset of the filter language, and pages; logs.list and
logs.delete; failures by name, before or after an entry is stored. The unmodified `google-cloud-logging`
client runs against it.

What it has not: credentials (any are taken), tailing, sinks, buckets, views and metrics. It keeps everything
in memory, for as long as it lives.

Sources: the comments of google/logging/v2/logging.proto and log_entry.proto, and the page "Quotas and limits"
of Cloud Logging's documentation.
"""
