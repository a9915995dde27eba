package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// A job's file that cannot stand for the search is replaced, before anybody has got a part of it.
func TestFilesThatCannotBeUsed(t *testing.T) {
	for words, sw := range map[string]simulator.Switches{
		"not those of an audit log":          {CSVHeader: "none"},
		"fewer events than":                  {ExportRowCap: 10},
		" not those of an audit log":         {CSVColumns: []string{"actor", "description"}},
		"fewer events than Carbon Black":     {ExportRowCap: 299, BoundPrecision: "s", ExclusiveEnd: true},
		"fewer events than Carbon Black ":    {ExportRowCap: 299, CapNumFound: true},
		"fewer events than Carbon Black Clo": {ExportRowCap: 1, TimeDigits: "0"},
	} {
		w := newWorld(t, sample(300), sw)
		x := w.complete(t, order(cbc.ExportCSV))
		d := fetch(t, w.Service, x.ID, false)
		require.Len(t, parsed(t, d), 300)
		x, err := w.Get(context.Background(), x.ID)
		require.NoError(t, err)
		require.Equal(t, KindSearch, x.Kind)
		require.Contains(t, x.Reason, strings.TrimSpace(words))
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.Equal(t, KindSearch, m.Kind)
		require.True(t, m.Complete, m.Note)
	}
}

// A CSV without one of the columns of an audit log says less than the search, however many rows it has.
func TestColumnThatIsMissing(t *testing.T) {
	for lacking, kind := range map[string]string{
		"": KindJob, "org_key": KindJob, "actor_ip": KindJob, "request_url": KindJob, "flagged": KindJob, "verbose": KindJob,
		"create_time": KindSearch, "actor": KindSearch, "description": KindSearch,
	} {
		have := slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return name == lacking })
		w := newWorld(t, sample(60), simulator.Switches{CSVColumns: have})
		x := w.complete(t, order(cbc.ExportCSV))
		require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 60)
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.Equal(t, kind, m.Kind, lacking)
		told := kind == KindJob && lacking != "" && lacking != "org_key"
		require.Equal(t, !told, m.Complete, "%s: %s", lacking, m.Note)
		if told {
			require.Contains(t, m.Note, "no column "+lacking)
		}
	}
}

// A job may write times coarser than a search does, or in another zone: no event is lost at the edges of the window, or added.
func TestCoarseTimes(t *testing.T) {
	for words, layout := range map[string]string{"whole seconds": "2006-01-02 15:04:05", "fewer events": "2006-01-02 15:04:05.000"} {
		zone := time.UTC
		if words == "fewer events" {
			zone = time.FixedZone("", -36*3600)
		}
		events := sample(300)
		w := serveFile(t, events, func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, "create_time,actor,description\r\n")
			for _, e := range events {
				_, _ = io.WriteString(rw, e.CreateTime.In(zone).Format(layout)+",x,y\r\n")
			}
		})
		r := order(cbc.ExportCSV)
		r.Window.From += 2 // behind the first second's first events
		x := w.complete(t, r)
		same(t, w.records(auditlog.Filter{}, r.Window, time.Millisecond), parsed(t, fetch(t, w.Service, x.ID, false)))
		x, err := w.Get(context.Background(), x.ID)
		require.NoError(t, err)
		require.Contains(t, x.Reason, words)
	}
}

// Once a part of a file was handed on, it cannot be replaced any more: the download fails, and the next one is whole.
func TestShortFileIsNeverPassedOff(t *testing.T) {
	events := sample(9000)
	w := newWorld(t, events, simulator.Switches{ExportRowCap: 8000})
	x := w.complete(t, order(cbc.ExportJSON))
	m, err := w.service(t, 0).Manifest(context.Background(), x.ID, "mary", Choice{})
	require.NoError(t, err, "of what was read for its facts alone, nothing was handed on")
	require.Equal(t, KindSearch, m.Kind)
	require.True(t, m.Complete, m.Note)
	part := &download{}
	err = w.Download(context.Background(), x.ID, "mary", DefaultOptions, part)
	require.Equal(t, Broken, kindOf(t, err))
	require.Equal(t, 1, part.begun)
	whole := fetch(t, w.Service, x.ID, true)
	require.Len(t, parsed(t, whole), 9000)
	require.Equal(t, m.SHA256, fmt.Sprintf("%x", sha256.Sum256(whole.Bytes())))
	require.EqualValues(t, m.Bytes, whole.Len())
}

func TestConnectionCutHalfWay(t *testing.T) {
	for _, gzip := range []string{"off", "always"} {
		for _, format := range []cbc.ExportFormat{cbc.ExportCSV, cbc.ExportJSON} {
			w := newWorld(t, sample(9000), simulator.Switches{Gzip: gzip})
			w.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "truncate", Endpoint: "download"}}})
			x := w.complete(t, order(format))
			part := &download{}
			err := w.Download(context.Background(), x.ID, "mary", Options{}, part)
			require.Equal(t, Broken, kindOf(t, err))
			require.Contains(t, err.Error(), "broke off")
			_, err = w.Manifest(context.Background(), x.ID, "mary", Choice{})
			require.Error(t, err, "a broken file has no manifest")
			w.sim.SetFaults(simulator.Faults{})
			require.Len(t, parsed(t, fetch(t, w.Service, x.ID, false)), 9000, "and a new try is whole")
		}
	}
}

// What was handed on of a file that breaks off ends with a whole row, so that a mark behind it is in no cell.
func TestAPartEndsWithARow(t *testing.T) {
	w := serveFile(t, nil, func(_ http.Handler, rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "create_time,actor,description\r\n")
		row := "2026-03-10T00:00:00.000Z,mary@example.org,\"=" + strings.Repeat("a text of some words\n", 100) + "\"\r\n"
		for range 3 * maxChunk / len(row) {
			_, _ = io.WriteString(rw, row)
		}
		panic(http.ErrAbortHandler)
	})
	x := w.complete(t, order(cbc.ExportCSV))
	part := &download{}
	require.Equal(t, Broken, kindOf(t, w.Download(context.Background(), x.ID, "mary", DefaultOptions, part)))
	require.Equal(t, 1, part.begun)
	require.True(t, strings.HasSuffix(part.String(), "\"\r\n"), "it ends with %q", part.String()[part.Len()-20:])
	require.Zero(t, bytes.Count(part.Bytes(), []byte(`"`))%2)
}

// Every chunk but the last is large enough for few messages, and far under what one may have.
func TestChunks(t *testing.T) {
	w := newWorld(t, sample(30_000), simulator.Switches{})
	x := w.complete(t, order(cbc.ExportJSON))
	d := fetch(t, w.Service, x.ID, true)
	require.Greater(t, len(d.chunks), 2)
	for i, n := range d.chunks {
		require.LessOrEqual(t, n, maxChunk)
		require.True(t, n >= minChunk || i == len(d.chunks)-1)
	}
}

// What follows the list of events is a part of the file like any other.
func TestChunksOfALongTail(t *testing.T) {
	file := `{"results":[{"create_time":"` + at + `"}],"facets":"` + strings.Repeat("x", 5*maxChunk) + `"}`
	to := &download{}
	out := newChunkWriter(to, File{}, time.Now)
	_, err := copyJSON(newRowBuffer(strings.NewReader(file), out), (&Service{}).newRowFilter(year(cbc.ExportJSON)))
	require.NoError(t, err)
	require.NoError(t, out.end())
	require.Equal(t, file, to.String())
	require.LessOrEqual(t, slices.Max(to.chunks), maxChunk)
}

// Nothing is handed on before there is enough for a chunk: a file that is no larger can still be found unusable.
func TestTheFirstChunkIsWaitedFor(t *testing.T) {
	to := &download{}
	out := newChunkWriter(to, File{}, time.Now)
	require.NoError(t, out.add([]byte("[")))
	require.NoError(t, out.add(make([]byte, maxChunk-2)))
	require.Empty(t, to.chunks)
	require.NoError(t, out.add([]byte("]")))
	require.Equal(t, []int{maxChunk}, to.chunks)
}

// A long row is not looked at anew for each piece of it that arrives.
func TestLongRow(t *testing.T) {
	event := `{"create_time":"` + at + `","description":"` + strings.Repeat("x", 7<<20) + `"}`
	in := newRowBuffer(&stepReader{strings.NewReader("[" + event + "]"), minRead}, newChunkWriter(&download{}, File{}, time.Now))
	looks := 0
	for ; !in.end; looks++ {
		require.NoError(t, in.fill())
	}
	require.Less(t, looks, 40, "of %d pieces", len(event)/minRead)
}

// Chunks become smaller on a slow way, and grow again when they follow one another quickly. What they hold is the file.
func TestChunksFollowTheSpeed(t *testing.T) {
	var sizes []int
	var file bytes.Buffer
	clock := time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC)
	out := newChunkWriter(&download{}, File{}, func() time.Time { return clock })
	row := bytes.Repeat([]byte("x"), 1000)
	fill := func(chunks int, took time.Duration) {
		for range chunks {
			clock = clock.Add(took)
			for n := len(out.sink.(*download).chunks); len(out.sink.(*download).chunks) == n; {
				file.Write(row)
				require.NoError(t, out.add(row))
			}
			sizes = append(sizes, out.sink.(*download).chunks[len(out.sink.(*download).chunks)-1])
		}
	}
	const most = maxChunk
	for _, stretch := range []struct {
		chunks int
		took   time.Duration
		want   []int
	}{
		{2, 10 * time.Millisecond, []int{most, most}},
		{6, 2 * time.Second, []int{most, most / 2, most / 4, most / 8, most / 16, most / 16}},
		{2, 500 * time.Millisecond, []int{most / 16, most / 16}},
		{6, 10 * time.Millisecond, []int{most / 16, most / 8, most / 4, most / 2, most, most}},
	} {
		sizes = nil
		fill(stretch.chunks, stretch.took)
		require.Equal(t, stretch.want, sizes)
	}
	require.NoError(t, out.end())
	require.Equal(t, file.Bytes(), out.sink.(*download).Bytes())
	require.EqualValues(t, file.Len(), out.bytes)
}

// gate lets a body through until somebody closes it.
type gate struct {
	open   chan struct{}
	closed atomic.Bool
}

// Somebody who leaves takes the download from Carbon Black Cloud along.
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

// The token reaches no host but the configured one, and nothing goes on in the clear.
func TestRedirects(t *testing.T) {
	var tokens atomic.Int32
	storage := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Auth-Token") != "" || strings.Contains(fmt.Sprint(r.Header, r.URL), "SECRET") {
			tokens.Add(1)
		}
		_, _ = io.WriteString(rw, "create_time,actor,description\r\n")
	}))
	defer storage.Close()
	location := ""
	w := serveFile(t, nil, func(_ http.Handler, rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, location, http.StatusFound)
	})
	x := w.complete(t, order(cbc.ExportCSV))
	location = storage.URL + "/signed?x=1"
	require.Equal(t, "create_time,actor,description\r\n", fetch(t, w.Service, x.ID, true).String())
	for words, where := range map[string]string{
		"not https": "http://storage.example.org/x", "Location": "http://[::1", "again and again": w.url + "/jobs/v1/orgs/ABCD1234/jobs/1/download",
		"not https ": "ftp://127.0.0.1/x", "not https  ": "file:///etc/passwd",
	} {
		location = where
		err := w.Download(context.Background(), x.ID, "mary", DefaultOptions, &download{})
		require.ErrorContains(t, err, strings.TrimSpace(words))
	}
	require.Zero(t, tokens.Load())
}

// Two million rows pass through a bounded piece of memory, and are known to be all.
func TestManyRows(t *testing.T) {
	const rows, mostHeap = 2_000_000, 32 << 20
	const created, counted = "2026-03-10T00:00:00.000Z", "2000000"
	event := `{"create_time":"` + created + `","description":"=1+1"}`
	for _, c := range []struct {
		format          cbc.ExportFormat
		head, row, tail string
	}{
		{cbc.ExportCSV, strings.Join(columns, ",") + "\r\n", created + ",mary@example.org,,=1+1,,false,false,ABCD1234\r\n", ""},
		{cbc.ExportJSON, `{"num_found":` + counted + `,"results":[`, event + ",", event + "]}"},
	} {
		k := &clock{at: origin}
		one := simulator.Event{CreateTime: time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC), Description: "=1+1"}
		sim := simulator.New(simulator.Config{Now: k.now, Events: []simulator.Event{one}})
		block := strings.Repeat(c.row, 1000)
		w := serve(t, sim, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/download") {
				answer := httptest.NewRecorder()
				sim.ServeHTTP(answer, r)
				rw.WriteHeader(answer.Code)
				_, _ = rw.Write(regexp.MustCompile(`("num_(found|available)"): ?1\b`).ReplaceAll(answer.Body.Bytes(), []byte("$1:"+counted)))
				return
			}
			_, _ = io.WriteString(rw, c.head)
			left := rows
			if c.format == cbc.ExportJSON {
				left-- // the tail has one
			}
			for ; left >= 1000; left -= 1000 {
				_, _ = io.WriteString(rw, block)
			}
			_, _ = io.WriteString(rw, strings.Repeat(c.row, left)+c.tail)
		}), k)
		x := w.complete(t, order(c.format))
		watch := &heapWatch{before: liveHeap()}
		require.NoError(t, w.Download(context.Background(), x.ID, "mary", DefaultOptions, watch))
		require.Less(t, watch.most-watch.before, int64(mostHeap))
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.Equal(t, KindJob, m.Kind)
		require.Equal(t, rows, m.Rows)
		require.Equal(t, watch.bytes, m.Bytes)
		require.True(t, m.Complete, m.Note)
	}
}

// heapWatch looks at the heap while a file passes.
type heapWatch struct{ before, most, bytes int64 }

func (h *heapWatch) Begin(File) error { return nil }

func (h *heapWatch) Write(chunk []byte) error {
	h.bytes += int64(len(chunk))
	h.most = max(h.most, heapNow())
	return nil
}

func liveHeap() int64 {
	runtime.GC()
	return heapNow()
}

func heapNow() int64 {
	read := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(read)
	return int64(read[0].Value.Uint64())
}

// So many files may be on their way at a time, and no more: of a user, and of a data source.
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

// waiter stays in a download until it may leave.
type waiter struct{ inside, leave chan struct{} }

func (w *waiter) Begin(File) error {
	w.inside <- struct{}{}
	<-w.leave
	return nil
}

func (w *waiter) Write([]byte) error { return nil }

// Whoever takes nothing of a file for a minute loses the download and its place; whoever takes a little now and then does not.
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

// A file that breaks off while nobody takes it has stalled: nothing more may be sent.
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

// stuckSink takes some messages and then nothing any more.
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

// slowSink takes a message just before it would be too late.
type slowSink struct {
	download
	clock *clock
}

func (s *slowSink) Write(chunk []byte) error {
	s.clock.turn(stallTimeout - time.Second)
	return s.download.Write(chunk)
}

// A file that merely ends with its connection may have been cut within its last cell, which no count of rows shows.
func TestCutWithinTheLastCell(t *testing.T) {
	for cut, kind := range map[int]string{0: KindJob, 2: KindSearch, 10: KindSearch} {
		w := serveFile(t, sample(300), func(sim http.Handler, rw http.ResponseWriter, r *http.Request) {
			whole := httptest.NewRecorder()
			sim.ServeHTTP(whole, r)
			connection, to, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = to.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole.Body.String()[:whole.Body.Len()-cut])
			_ = to.Flush()
			_ = connection.Close()
		})
		x := w.complete(t, order(cbc.ExportCSV))
		same(t, w.records(auditlog.Filter{}, order(cbc.ExportCSV).Window, time.Millisecond), parsed(t, fetch(t, w.Service, x.ID, false)))
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.True(t, m.Complete)
		require.Equal(t, kind, m.Kind, cut)
	}
}
