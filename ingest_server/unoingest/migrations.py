"""The store's schema, as the steps that lead to it: one step a version, one transaction a step.

Rules: a step that has been released never changes; a change of the schema is a new step at the end, and its
number is the new version. A step may use the SQL function `reading_checksum` (`unoingest.checksum`).
How and when steps are taken is the business of `unoingest.sqlite_file`.
"""

from collections.abc import Sequence

_1_READINGS = (
    """
    CREATE TABLE reading (
        device         TEXT    NOT NULL,
        boot           INTEGER NOT NULL,
        seq            INTEGER NOT NULL,
        received_at_ns INTEGER NOT NULL,
        timestamp_ns   INTEGER NOT NULL,
        channel_values BLOB    NOT NULL,
        log_line       BLOB    NOT NULL,
        PRIMARY KEY (device, boot, seq)
    ) STRICT
    """,
    "CREATE TABLE probe (filler BLOB NOT NULL) STRICT",
)

# A log line can be made again from the reading, so it is not kept; what cannot is the caller's trace. A
# reading may have no time of its own. `outbox` has a row a request: its entries for Cloud Logging, ready to
# be sent. What was stored before this step has had its line on stdout and is not put there.
_2_OUTBOX = (
    "ALTER TABLE reading RENAME TO reading_1",
    """
    CREATE TABLE reading (
        device         TEXT    NOT NULL,
        boot           INTEGER NOT NULL,
        seq            INTEGER NOT NULL,
        received_at_ns INTEGER NOT NULL,
        timestamp_ns   INTEGER,
        channel_values BLOB    NOT NULL,
        traceparent    TEXT,
        checksum       INTEGER NOT NULL,
        PRIMARY KEY (device, boot, seq)
    ) STRICT
    """,
    """
    WITH traced AS (
        SELECT *,
            json_extract(CAST(log_line AS TEXT), '$."logging.googleapis.com/trace"') AS trace,
            json_extract(CAST(log_line AS TEXT), '$."logging.googleapis.com/spanId"') AS span,
            json_extract(CAST(log_line AS TEXT), '$."logging.googleapis.com/trace_sampled"') AS sampled
        FROM reading_1 ORDER BY rowid
    ), caller AS (
        SELECT *, '00-' || substr(trace, -32) || '-' || span || iif(sampled, '-01', '-00') AS traceparent
        FROM traced
    )
    INSERT INTO reading
        SELECT device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent,
            reading_checksum(device, boot, seq, received_at_ns, timestamp_ns, channel_values, traceparent)
        FROM caller
    """,
    "DROP TABLE reading_1",
    """
    CREATE TABLE device_status (
        device         TEXT    NOT NULL PRIMARY KEY,
        boot           INTEGER NOT NULL,
        seq            INTEGER NOT NULL,
        received_at_ns INTEGER NOT NULL,
        counters       BLOB    NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE outbox (
        id             INTEGER PRIMARY KEY,
        received_at_ns INTEGER NOT NULL,
        entries        INTEGER NOT NULL,
        frames         BLOB    NOT NULL,
        checksum       INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE dead_letter (
        id             INTEGER PRIMARY KEY,
        received_at_ns INTEGER NOT NULL,
        failed_at_ns   INTEGER NOT NULL,
        reason         TEXT    NOT NULL,
        frame          BLOB    NOT NULL
    ) STRICT
    """,
)

# For what the server numbers (`unoingest.points`): is a point stored, and which request had which answer?
_3_CLIENTS = (
    "CREATE INDEX point ON reading (device, timestamp_ns) WHERE boot = 0",
    """
    CREATE TABLE request_key (
        client         TEXT    NOT NULL,
        key            TEXT    NOT NULL,
        fingerprint    BLOB    NOT NULL,
        answer         BLOB    NOT NULL,
        received_at_ns INTEGER NOT NULL,
        PRIMARY KEY (client, key)
    ) STRICT
    """,
    "CREATE INDEX request_key_age ON request_key (received_at_ns)",
)

MIGRATIONS: Sequence[Sequence[str]] = (_1_READINGS, _2_OUTBOX, _3_CLIENTS)
"""Step n leads from version n to version n + 1; an empty file has version 0."""
