"""From the outbox to Cloud Logging: what is acknowledged reaches the log, and is visible there once.

`verdicts` says what each failure means, `cloud` speaks to the service, `sender` delivers, `command` is
`unoingest send`. Everything here is imported only where something is to be delivered.
"""
