package export

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

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

func TestTheFirstChunkIsWaitedFor(t *testing.T) {
	to := &download{}
	out := newChunkWriter(to, File{}, time.Now)
	require.NoError(t, out.add([]byte("[")))
	require.NoError(t, out.add(make([]byte, maxChunk-2)))
	require.Empty(t, to.chunks)
	require.NoError(t, out.add([]byte("]")))
	require.Equal(t, []int{maxChunk}, to.chunks)
}

func TestLongRow(t *testing.T) {
	event := `{"create_time":"` + at + `","description":"` + strings.Repeat("x", 7<<20) + `"}`
	in := newRowBuffer(&stepReader{strings.NewReader("[" + event + "]"), minRead}, newChunkWriter(&download{}, File{}, time.Now))
	looks := 0
	for ; !in.end; looks++ {
		require.NoError(t, in.fill())
	}
	require.Less(t, looks, 40, "of %d pieces", len(event)/minRead)
}

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

func TestManyRows(t *testing.T) {
	const rows, maxHeap = 2_000_000, 32 << 20
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
		require.Less(t, watch.most-watch.before, int64(maxHeap))
		m, err := w.Manifest(context.Background(), x.ID, "mary", Choice{})
		require.NoError(t, err)
		require.Equal(t, KindJob, m.Kind)
		require.Equal(t, rows, m.Rows)
		require.Equal(t, watch.bytes, m.Bytes)
		require.True(t, m.Complete, m.Note)
	}
}

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
