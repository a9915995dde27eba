-- Archived events by column, a few thousand in one row: what groups them reads a few bytes an event. Which blocks hold is in the state of
-- the archive, so that a version of the plugin that does not know blocks makes them invalid with whatever it writes.
create table cbc_audit_block (
    ledger    integer not null,
    starts    bigint  not null,   -- milliseconds since the Unix epoch
    ends      bigint  not null,
    times     bytea   not null,
    marks     bytea   not null,   -- class and flags
    actors    bytea   not null,
    addresses bytea   not null,
    exact     text    not null,   -- JSON list of the events that the columns of cbc_audit_archived cannot hold
    primary key (ledger, starts)
);
