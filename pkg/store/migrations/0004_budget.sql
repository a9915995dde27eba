-- One row a host: the requests that replicas were granted in the last five minutes, the pause that a replica was told to make, and when
-- each replica was last here. JSON, changed under the lock of the row.
create table cbc_audit_budget (
    host  text primary key,
    state text not null default '{}'
);
