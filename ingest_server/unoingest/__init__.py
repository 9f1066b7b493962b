"""The ingest server: takes readings over HTTP, answers once they are on disk, and logs each of them."""
