package archive

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/clock"
	"carbonblack-auditlog-datasource/pkg/store"
)

// sharing opens replicas of one archive that nobody fills.
func sharing(t *testing.T, database *pgtest.Database, replicas int) []*Archive {
	list := make([]*Archive, replicas)
	for i := range list {
		s, err := store.NewArchive(database.DSN, cbc.APIKey{URL: "https://cbc.test:443", OrgKey: "O", APIID: "END"})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		list[i] = &Archive{config: Config{Store: s, Prover: &cloud{}, Now: time.Now, Wait: clock.Sleep}}
	}
	return list
}

// One replica reads the end of the log, and all see it.
func TestReplicasReadTheEndOnce(t *testing.T) {
	replicas := sharing(t, pgtest.New(t), 3)
	now := time.Now().UTC()
	log := []auditlog.Event{
		{CreateTime: now.Add(-50 * time.Second), Description: "first \x00", Extra: []auditlog.Field{{Name: "x", Value: []byte("[1,\n2]")}}},
		{CreateTime: now.Add(-20 * time.Second), Description: "second"}, {CreateTime: now.Add(-20 * time.Second), Description: "second"},
	}
	var reads atomic.Int64
	read := func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) {
		reads.Add(1)
		return log, true
	}
	r := auditlog.NewTimeRange(now.Add(-time.Minute), now)
	var asking sync.WaitGroup
	for i := range 12 {
		asking.Go(func() {
			e := replicas[i%3].End(context.Background(), r, time.Hour, read)
			if e != nil { // else it was waited for too long, and the caller reads for itself
				require.Equal(t, log, e.Events)
			}
		})
	}
	asking.Wait()
	require.EqualValues(t, 1, reads.Load())

	// A later part of it is cut out; an earlier start is not covered.
	part := auditlog.NewTimeRange(now.Add(-30*time.Second), now.Add(-10*time.Second))
	require.Equal(t, log[1:], replicas[2].End(context.Background(), part, time.Hour, read).Events)
	require.EqualValues(t, 1, reads.Load())
	replicas[0].End(context.Background(), auditlog.NewTimeRange(now.Add(-2*time.Minute), now), time.Hour, read)
	require.EqualValues(t, 2, reads.Load())
}

// What was not read completely is not shared, and what is too old is read anew.
func TestEndThatIsNotWholeIsNotShared(t *testing.T) {
	replicas := sharing(t, pgtest.New(t), 2)
	now := time.Now().UTC()
	r := auditlog.NewTimeRange(now.Add(-time.Minute), now)
	broken := func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) { return nil, false }
	require.Nil(t, replicas[0].End(context.Background(), r, time.Hour, broken))
	whole := func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) { return nil, true }
	require.NotNil(t, replicas[1].End(context.Background(), r, time.Hour, whole), "the claim was dropped")
	reads := 0
	again := func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) {
		reads++
		return nil, true
	}
	time.Sleep(5 * time.Millisecond)
	replicas[0].End(context.Background(), r, time.Millisecond, again)
	require.Equal(t, 1, reads)
	require.Nil(t, replicas[0].End(context.Background(), auditlog.NewTimeRange(now, now.Add(2*time.Hour)), time.Hour, again), "nobody has read the future")
}

// An end that is fresh, but ends too early for the caller, is read anew for all. It is not left to each replica.
func TestEndThatEndsTooEarlyIsReadForAll(t *testing.T) {
	replicas := sharing(t, pgtest.New(t), 2)
	now := time.Now().UTC()
	reads := 0
	read := func(context.Context, auditlog.TimeRange) ([]auditlog.Event, bool) {
		reads++
		return nil, true
	}
	require.NotNil(t, replicas[0].End(context.Background(), auditlog.NewTimeRange(now.Add(-time.Minute), now), time.Hour, read))
	later := now.Add(90 * time.Minute)
	for _, a := range replicas {
		a.config.Now = func() time.Time { return later }
		require.NotNil(t, a.End(context.Background(), auditlog.NewTimeRange(now.Add(-time.Minute), later), time.Hour, read))
	}
	require.Equal(t, 2, reads)
}
