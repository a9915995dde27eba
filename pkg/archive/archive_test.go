package archive

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

// A secret that was revoked opens nothing as soon as it is rejected, though the database still knows it.
func TestARevokedSecretOpensNoArchive(t *testing.T) {
	c := &cloud{}
	a := sharing(t, pgtest.New(t), 1)[0]
	a.config.Prover = c
	a.config.Secret = store.Secret{Fingerprint: "1", Derive: func(salt []byte) []byte { return append([]byte("secret"), salt...) }}
	require.NoError(t, a.config.Store.Trust(context.Background(), a.config.Secret, store.Verifier{}))
	_, err := a.State(context.Background())
	require.NoError(t, err)

	c.rejects.Store(true)
	r := auditlog.NewTimeRange(time.Now().Add(-time.Minute), time.Now())
	_, err = a.State(context.Background())
	require.ErrorIs(t, err, store.ErrUnproved)
	_, err = a.Group(context.Background(), store.Grouping{Range: r}, func(store.Grouped) {}, nil)
	require.ErrorIs(t, err, store.ErrUnproved)
	require.ErrorIs(t, a.Read(context.Background(), auditlog.Filter{}, r, cbc.NewestFirst, func([]*auditlog.Event) bool { return true }), store.ErrUnproved)
	require.Nil(t, a.End(context.Background(), r, time.Hour, func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) { return nil, true }))

	c.rejects.Store(false)
	_, err = a.State(context.Background())
	require.NoError(t, err)
}

// slowProver takes its time to verify a secret.
type slowProver struct {
	*cloud
	begun, end chan struct{}
}

func (p slowProver) Verify(context.Context) error {
	close(p.begun)
	<-p.end
	return nil
}

// An answer does not wait for a request that proves the secret.
func TestAnswersDoNotWaitForAProof(t *testing.T) {
	a := sharing(t, pgtest.New(t), 1)[0]
	p := slowProver{&cloud{}, make(chan struct{}), make(chan struct{})}
	a.config.Prover = p
	a.config.Secret = store.Secret{Fingerprint: "1", Derive: func(salt []byte) []byte { return append([]byte("secret"), salt...) }}
	proved := make(chan error)
	go func() { proved <- a.proved(context.Background(), true) }()
	<-p.begun
	_, err := a.State(context.Background())
	require.ErrorIs(t, err, store.ErrUnproved)
	close(p.end)
	require.NoError(t, <-proved)
	_, err = a.State(context.Background())
	require.NoError(t, err)
}
