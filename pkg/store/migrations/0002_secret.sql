-- By what a row recognizes the API secret that it was last opened with: a salted, slow hash. An earlier version of the plugin does
-- not look at it.
alter table cbc_audit_ledger add column secret_salt bytea, add column secret_verifier bytea;
