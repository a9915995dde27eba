package export

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// A job's file that cannot be used is replaced by searches before anything was sent.
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

// A job may write coarser times than a search, or another zone: at the edges of the time range no event is lost or added.
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
		r.TimeRange.From += 2 // behind the first second's first events
		x := w.complete(t, r)
		same(t, w.records(auditlog.Filter{}, r.TimeRange, time.Millisecond), parsed(t, fetch(t, w.Service, x.ID, false)))
		x, err := w.Get(context.Background(), x.ID)
		require.NoError(t, err)
		require.Contains(t, x.Reason, words)
	}
}

// Once a part of a file was sent, it cannot be replaced: the download fails, and the next one is complete.
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

// What was sent of a file that breaks off ends with a whole row, so that a mark behind it is outside of cells.
// Every chunk but the last has a size between the bounds.
// What follows the list of events is sent in chunks, too.
// Nothing is sent before there is enough for a chunk: until then a file can be replaced.
// A long row is not parsed again for each piece of it that arrives.
// Chunks become smaller on a slow connection, and grow again on a fast one. Together they are the file.
// gate records that a body was closed.
// When a client leaves, the download from Carbon Black Cloud ends.
// The token is sent to the configured host only, and nothing is fetched without TLS.
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
		"without https": "http://storage.example.org/x", "Location": "http://[::1", "too many redirects": w.url + "/jobs/v1/orgs/ABCD1234/jobs/1/download",
		"without https ": "ftp://127.0.0.1/x", "without https  ": "file:///etc/passwd",
	} {
		location = where
		err := w.Download(context.Background(), x.ID, "mary", DefaultOptions, &download{})
		require.ErrorContains(t, err, strings.TrimSpace(words))
	}
	require.Zero(t, tokens.Load())
}

// Two million rows take a bounded amount of memory, and are known to be complete.
// heapWatch measures the heap while a file is sent.
// Downloads at a time are bounded for each user and each data source.
// waiter blocks a download until it may end.
// A download of which nothing is taken for a minute ends and frees its place. A slow one goes on.
// A file that breaks off while the client is stalled has stalled: nothing more may be sent.
// stuckSink takes some messages and then blocks.
// slowSink takes a message just before it would be too late.
// A file that ends with its connection may have been cut within its last cell, which no count of rows shows.
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
		same(t, w.records(auditlog.Filter{}, order(cbc.ExportCSV).TimeRange, time.Millisecond), parsed(t, fetch(t, w.Service, x.ID, false)))
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.True(t, m.Complete)
		require.Equal(t, kind, m.Kind, cut)
	}
}
