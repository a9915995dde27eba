-- Until when the leader of the key's queue holds its lease, in milliseconds since the Unix epoch by the database's clock. generation
-- is its fencing number. An earlier version of the plugin does not look at leased_until, but a leader of it is fenced off alike.
alter table cbc_audit_ledger add column leased_until bigint not null default 0;
