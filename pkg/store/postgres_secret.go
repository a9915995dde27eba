package store

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
)

// knownSecret is the fingerprint of a secret with the salt and verifier in the key's row.
type knownSecret struct {
	fingerprint    string
	salt, verifier []byte
}

const saltBytes = 16

func (p *postgres) Knows(ctx context.Context, secret Secret) (bool, Verifier, error) {
	if secret.Derive == nil {
		return true, Verifier{}, nil
	}
	keyID, err := p.id(ctx)
	if err != nil {
		return false, Verifier{}, err
	}
	found := knownSecret{fingerprint: secret.Fingerprint}
	err = p.pool.QueryRow(ctx, `select secret_salt, secret_verifier from cbc_audit_ledger where id = $1`, keyID).Scan(&found.salt, &found.verifier)
	if err != nil {
		return false, Verifier{}, failed(err)
	}
	kept := Verifier{string(found.salt), string(found.verifier)}
	if len(found.verifier) == 0 { // a new row, or one of an earlier version
		return false, kept, nil
	}
	if last := p.known.Load(); last != nil && last.equal(&found) {
		return true, kept, nil // deriving a verifier is slow
	}
	if !hmac.Equal(secret.Derive(found.salt), found.verifier) {
		return false, kept, nil
	}
	p.known.Store(&found)
	return true, kept, nil
}

func (k *knownSecret) equal(other *knownSecret) bool {
	return k.fingerprint == other.fingerprint && bytes.Equal(k.salt, other.salt) && bytes.Equal(k.verifier, other.verifier)
}

func (p *postgres) Trust(ctx context.Context, secret Secret, kept Verifier) error {
	if secret.Derive == nil {
		return nil
	}
	keyID, err := p.id(ctx)
	if err != nil {
		return err
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	changed, err := p.pool.Exec(ctx, `update cbc_audit_ledger set secret_salt = $2, secret_verifier = $3
		where id = $1 and coalesce(secret_salt, '') = $4 and coalesce(secret_verifier, '') = $5`,
		keyID, salt, secret.Derive(salt), []byte(kept.salt), []byte(kept.hash))
	if err == nil && changed.RowsAffected() == 0 {
		return ErrOtherSecret
	}
	return failed(err)
}
