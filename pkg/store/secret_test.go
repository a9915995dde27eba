package store

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

func secretNamed(name string) Secret {
	return Secret{Fingerprint: name, Derive: func(salt []byte) []byte { return slices.Concat([]byte(name), salt) }}
}

// The old secret is proved, then another process has a new one accepted, then the proof of the old one is to be stored: the new one stays.
func TestALateProofUndoesNoRotation(t *testing.T) {
	ctx, database, key := context.Background(), pgtest.New(t), cbc.APIKey{URL: "h"}
	here, there := openPostgres(t, database.DSN, key), openPostgres(t, database.DSN, key)
	older, renewed := secretNamed("old"), secretNamed("new")

	known, kept, err := here.Knows(ctx, older)
	require.NoError(t, err)
	require.False(t, known, "a new row knows nobody")
	_, seen, err := there.Knows(ctx, renewed)
	require.NoError(t, err)
	require.NoError(t, there.Trust(ctx, renewed, seen))
	require.ErrorIs(t, here.Trust(ctx, older, kept), ErrOtherSecret)
	known, kept, err = here.Knows(ctx, older)
	require.NoError(t, err)
	require.False(t, known)
	known, _, err = there.Knows(ctx, renewed)
	require.NoError(t, err)
	require.True(t, known)

	require.NoError(t, here.Trust(ctx, older, kept), "a proof from after the rotation counts")
	known, _, err = there.Knows(ctx, renewed)
	require.NoError(t, err)
	require.False(t, known)
}
