-- The unsettled end of an archived log, as one replica has read it a moment ago. Times are milliseconds since the Unix epoch.
create table cbc_audit_end (
    ledger       integer primary key,
    starts       bigint  not null default 0,   -- of the range that was read, by the clock of events
    ends         bigint  not null default 0,
    requested    bigint  not null default 0,   -- when it was, by the database's clock
    claimed_till bigint  not null default 0,   -- until when a replica that reads it now is waited for
    events       text    not null default '[]'   -- JSON list
);
