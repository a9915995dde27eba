package export

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

type gate struct {
	open   chan struct{}
	closed atomic.Bool
}

func TestClientGone(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w := serveFile(t, sample(60), func(_ http.Handler, rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, "create_time,actor,description\r\n")
		row := strings.Repeat("2026-03-10T00:00:00.000Z,mary@example.org,Logged in successfully\r\n", 1000)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(rw, row); err != nil {
				break
			}
		}
		g.closed.Store(true)
		close(g.open)
	})
	x := w.complete(t, order(cbc.ExportCSV))
	ctx, cancel := context.WithCancel(context.Background())
	err := w.Download(ctx, x.ID, "mary", DefaultOptions, leaver{cancel})
	require.Error(t, err)
	<-g.open
	require.True(t, g.closed.Load())

	x = w.complete(t, order(cbc.ExportCSV))
	g.open = make(chan struct{})
	require.ErrorIs(t, w.Download(context.Background(), x.ID, "mary", DefaultOptions, deaf{}), errDeaf)
	<-g.open
}

type leaver struct{ leave context.CancelFunc }

func (l leaver) Begin(File) error { return nil }
func (l leaver) Write([]byte) error {
	l.leave()
	return nil
}

var errDeaf = errors.New("nobody listens")

type deaf struct{}

func (deaf) Begin(File) error   { return nil }
func (deaf) Write([]byte) error { return errDeaf }

func TestPlaces(t *testing.T) {
	w := newWorld(t, sample(60), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportCSV))
	first := fetch(t, w.Service, x.ID, true)
	inside := make(chan struct{})
	leave := make(chan struct{})
	var group sync.WaitGroup
	start := func(login string) {
		group.Go(func() {
			assert.NoError(t, w.Download(context.Background(), x.ID, login, DefaultOptions, &waiter{inside, leave}))
		})
		<-inside
	}
	refused := func(login, words string) {
		err := w.Download(context.Background(), x.ID, login, DefaultOptions, &download{})
		require.Equal(t, Busy, kindOf(t, err))
		require.ErrorContains(t, err, words)
		unread := false
		_, err = w.Manifest(context.Background(), x.ID, login, Choice{Safe: &unread})
		require.Equal(t, Busy, kindOf(t, err), "reading a file for its manifest takes a place, too")
	}
	start("mary")
	start("mary")
	refused("mary", "you are downloading 2 files")
	for _, login := range []string{"john", "john", "", "", "ann"} {
		start(login)
	}
	start("bob")
	refused("bob", "this data source hands out 8 files")
	refused("ann", "this data source hands out 8 files")
	other := w.config
	other.Owner.UID = "other"
	elsewhere := New(other)
	y, err := elsewhere.Start(context.Background(), order(cbc.ExportJSON))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		w.clock.turn(maxPoll)
		y, err = elsewhere.Get(context.Background(), y.ID)
		return err == nil && y.Status == StatusCompleted
	}, time.Minute, time.Millisecond)
	require.NoError(t, elsewhere.Download(context.Background(), y.ID, "bob", DefaultOptions, &download{}), "another data source has places of its own")
	require.Equal(t, Busy, kindOf(t, elsewhere.Download(context.Background(), y.ID, "mary", DefaultOptions, &download{})), "but a user has none more")
	close(leave)
	group.Wait()
	require.Empty(t, w.config.Registry.places.users)
	require.Empty(t, w.config.Registry.places.sources)
	require.Equal(t, first.String(), fetch(t, w.Service, x.ID, true).String())
}

type waiter struct{ inside, leave chan struct{} }

func (w *waiter) Begin(File) error {
	w.inside <- struct{}{}
	<-w.leave
	return nil
}

func (w *waiter) Write([]byte) error { return nil }

func TestStalledDownload(t *testing.T) {
	const rows = 100_000
	row := "2026-03-10T00:00:00.000Z,mary@example.org,Logged in successfully\r\n"
	w := serveFile(t, nil, func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "create_time,actor,description\r\n"+strings.Repeat(row, rows))
	})
	x := w.complete(t, order(cbc.ExportCSV))
	for _, before := range []int{0, 1, 2} { // messages that are taken before
		s := &stuckSink{messages: before, stuck: make(chan struct{}), leave: make(chan struct{})}
		failed := make(chan error, 1)
		go func() { failed <- w.Download(context.Background(), x.ID, "mary", DefaultOptions, s) }()
		<-s.stuck
		w.clock.turn(stallTimeout - time.Second)
		select {
		case err := <-failed:
			t.Fatal(err)
		default:
		}
		w.clock.turn(time.Second)
		require.ErrorIs(t, <-failed, ErrStalled)
		require.Empty(t, w.config.Registry.places.users)
		close(s.leave)
	}
	slow := &slowSink{clock: w.clock}
	require.NoError(t, w.Download(context.Background(), x.ID, "mary", DefaultOptions, slow))
	require.Equal(t, len("create_time,actor,description\r\n")+rows*len(row), slow.Len())
}

func TestStallOfABrokenFile(t *testing.T) {
	w := serveFile(t, nil, func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "100000000")
		_, _ = io.WriteString(rw, "create_time,actor,description\r\n"+strings.Repeat("2026-03-10T00:00:00.000Z,=mary@example.org,Logged in successfully\r\n", 20_000))
	})
	x := w.complete(t, order(cbc.ExportCSV))
	s := &stuckSink{messages: 2, stuck: make(chan struct{}), leave: make(chan struct{})} // the beginning and a chunk
	failed := make(chan error, 1)
	go func() { failed <- w.Download(context.Background(), x.ID, "mary", DefaultOptions, s) }()
	<-s.stuck
	w.clock.turn(stallTimeout)
	require.ErrorIs(t, <-failed, ErrStalled)
	close(s.leave)
}

type stuckSink struct {
	messages     int
	stuck, leave chan struct{}
}

func (s *stuckSink) Begin(File) error { return s.Write(nil) }

func (s *stuckSink) Write([]byte) error {
	if s.messages--; s.messages < 0 {
		close(s.stuck)
		<-s.leave
	}
	return nil
}

type slowSink struct {
	download
	clock *clock
}

func (s *slowSink) Write(chunk []byte) error {
	s.clock.turn(stallTimeout - time.Second)
	return s.download.Write(chunk)
}
