package export

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// as returns the exports of another data source that has the same settings, in a process with a registry.
func (w *world) as(source DataSource, r *Registry) *Service {
	c := w.config
	c.Owner.DataSource, c.Registry = source, r
	return New(c)
}

// After a restart nobody knows whose a job is, until its id comes: from then on nobody else lists it, or has its file.
func TestJobsFindTheirOwner(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	mine, other := DataSource{1, "mine"}, DataSource{2, "mine"}
	x, err := w.as(mine, w.config.Registry).Start(context.Background(), order(cbc.ExportCSV))
	require.NoError(t, err)
	w.clock.turn(maxPoll)

	restarted := NewRegistry()
	owner, stranger := w.as(mine, restarted), w.as(other, restarted)
	list, _, _ := stranger.List(context.Background())
	require.Len(t, list, 1)
	bare := list[0].ID
	fetch(t, stranger, bare, true)

	_, err = owner.Get(context.Background(), x.ID)
	require.NoError(t, err)
	list, _, _ = stranger.List(context.Background())
	require.Empty(t, list)
	_, err = stranger.Get(context.Background(), bare)
	require.Equal(t, Missing, kindOf(t, err))
	require.Equal(t, Missing, kindOf(t, stranger.Download(context.Background(), bare, "mary", DefaultOptions, &download{})))
	require.NoError(t, owner.Forget(x.ID))
	list, _, _ = stranger.List(context.Background())
	require.Empty(t, list, "its owner took it off the list")
	_, err = stranger.Get(context.Background(), bare)
	require.Equal(t, Missing, kindOf(t, err))
}

// What is remembered is bounded, and settings that the cloud has never accepted are not remembered at all.
func TestRegistryIsBounded(t *testing.T) {
	w := newWorld(t, sample(3), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportCSV))
	for i := range 2 * maxOwners {
		stranger := w.as(DataSource{1, fmt.Sprint(i)}, w.config.Registry)
		_, err := stranger.Get(context.Background(), x.ID)
		require.Equal(t, Missing, kindOf(t, err))
		stranger.remembered()
	}
	require.Equal(t, 1, w.config.Registry.stores.Len())
	for i := range 2 * maxOwners {
		w.config.Registry.store(Owner{DataSource: DataSource{1, fmt.Sprint(i)}})
	}
	require.Equal(t, maxOwners, w.config.Registry.stores.Len())
	for i := range 2 * maxStarters {
		w.config.Registry.recordStart(w.config.Owner, fmt.Sprint(i))
	}
	require.Equal(t, maxStarters, w.config.Registry.starters.Len())
	_, err := w.Get(context.Background(), x.ID)
	require.NoError(t, err, "an id works without what is remembered")
}

// Owners that differ in any part sign with different keys, however the parts are cut.
func TestSigningKeys(t *testing.T) {
	part := rapid.StringMatching(`[ab\x00]{0,3}`)
	owner := rapid.Custom(func(t *rapid.T) Owner {
		return Owner{
			cbc.Identity{APIKey: cbc.APIKey{URL: part.Draw(t, "url"), OrgKey: part.Draw(t, "org key"), APIID: part.Draw(t, "api id")}},
			DataSource{rapid.Int64Range(0, 2).Draw(t, "org"), part.Draw(t, "uid")},
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := owner.Draw(t, "a"), owner.Draw(t, "b")
		first, second := part.Draw(t, "secret"), part.Draw(t, "other secret")
		same := string(signingKey([]byte("s"+first), a)) == string(signingKey([]byte("s"+second), b))
		// HMAC pads keys with zeros, so secrets that differ by zeros at the end are the same key to it. No secret holds one.
		require.Equal(t, a == b && trimmed(first) == trimmed(second), same)
	})
}

func trimmed(secret string) string {
	for len(secret) > 0 && secret[len(secret)-1] == 0 {
		secret = secret[:len(secret)-1]
	}
	return secret
}

// Whoever typed a wrong secret can sign ids with it. They change nothing that others see.
func TestForgedIDsClaimNoJobs(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	registry := NewRegistry()
	right := w.as(DataSource{1, "right"}, registry)
	c := w.config
	c.Owner.DataSource, c.Registry, c.Accepted = DataSource{2, "wrong"}, registry, func() bool { return false }
	c.Owner.Fingerprint, c.Secret = "another", []byte("a wrong secret")
	wrong := New(c)
	filter := order(cbc.ExportCSV).Filter
	for job := range 300 {
		id, err := wrong.seal(token{Job: fmt.Sprint(4805500 + job), Filter: &filter, Created: 1})
		require.NoError(t, err)
		_, _ = wrong.ForOrg(2).Get(context.Background(), id)
		_ = wrong.ForOrg(2).Forget(id)
		require.False(t, registry.startedByAnother(right.config.Owner, fmt.Sprint(4805500+job)))
	}
	require.Nil(t, registry.known(c.Owner), "it takes no place of others")
	id, err := wrong.seal(token{Job: "4805500", Filter: &filter, Created: 1})
	require.NoError(t, err)
	_, err = wrong.ForOrg(2).Get(context.Background(), id)
	require.ErrorContains(t, err, "removed from", "its own word holds for itself")
}
