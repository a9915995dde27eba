package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"math"
	"regexp"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// File is how a download is announced.
type File struct {
	Name      string
	MediaType string
}

// Sink takes a file. Begin comes once, before the first chunk; a chunk is valid until Write returns.
type Sink interface {
	Begin(File) error
	Write(chunk []byte) error
}

// A file is handed on in chunks, each a message to Grafana, which may have 16 MiB. gRPC keeps buffers of up to 1 MiB, so that a
// little less costs both sides the least. Who waits for a slow file wants to see something of it: there chunks become smaller.
// The first is large enough for most files to be found unusable before anything of them was handed on.
const (
	mostChunk  = 1<<20 - 1<<10
	leastChunk = mostChunk / 16
	slowChunk  = time.Second
)

// Download streams the file of an export to a user. safe makes cells of a CSV that a spreadsheet would take for formulas into texts.
// With an error the sink has got a part of the file, which must not pass for the whole, or nothing, if it was not begun. After
// ErrStalled, or when ctx has ended, the sink may still be in use.
func (s *Service) Download(ctx context.Context, id, login string, safe bool, sink Sink) error {
	e, err := s.ready(ctx, id)
	if err != nil {
		return err
	}
	guard := newStallGuard(ctx, sink, s.config.After)
	defer guard.close()
	made, err := s.make(ctx, e, login, safe, guard)
	if err != nil {
		return err
	}
	e.learn(safe, made)
	return nil
}

// learn notes what a whole file was found to be.
func (e *trackedExport) learn(safe bool, made facts) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.facts[safe], e.last = made, safe; made.Format == cbc.ExportJSON {
		e.facts[!safe] = made // only a CSV has cells
	}
}

// ready returns the export of an id when its file can be had.
func (s *Service) ready(ctx context.Context, id string) (*trackedExport, error) {
	e, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if err := s.look(ctx, e, true); err != nil {
		return nil, err
	}
	t, st, bySearch := e.now()
	switch {
	case t.Job == "" || bySearch != "" || st.status == StatusCompleted:
		return e, nil
	case st.status == StatusExpired:
		return nil, fail(Missing, "%s", st.failure)
	case st.status == StatusFailed:
		return nil, fail(NotReady, "%s", st.failure)
	}
	return nil, fail(NotReady, "the export is not completed yet: %s", firstOf(st.message, "Carbon Black Cloud is still making the file"))
}

// facts are what a file turned out to be.
type facts struct {
	Kind     string
	Format   cbc.ExportFormat
	Reason   string   // why it was made by searches
	Rows     int      // in the file as it was handed out
	Received int      // events of the window that Carbon Black Cloud gave, before this plugin's part of the filter
	Raw      int      // rows of the job's file, before anything was left out; -1 for a file made by searches
	Lacks    []string // columns of an audit log that the job's CSV does not have
	Rewrap   bool     // the members around the list of events were left out
	Bytes    int64
	SHA256   string
	At       time.Time // when it was complete
}

// make produces the file of an export, beside a few others at most.
func (s *Service) make(ctx context.Context, e *trackedExport, login string, safe bool, sink Sink) (made facts, err error) {
	release, err := s.config.Registry.places.take(s.config.Owner.DataSource, login)
	if err != nil {
		return made, err
	}
	defer release()
	err = history.Guard(func() (err error) {
		made, err = s.produce(ctx, e, safe, sink)
		return err
	})
	return made, err
}

// produce hands on the file of a job. One that cannot be used is replaced by one made of searches, as long as nothing was handed
// on; afterwards only the next download can be.
func (s *Service) produce(ctx context.Context, e *trackedExport, safe bool, sink Sink) (made facts, err error) {
	t, st, bySearch := e.now()
	out := newChunker(sink, s.announce(t, t.Format), s.config.Now)
	if t.Job != "" && bySearch == "" {
		made, err = s.relay(ctx, t, st.done, safe, out)
		var unusable *unusable
		if !errors.As(err, &unusable) {
			err = s.finish(out, &made, err)
			return made, err
		}
		if !t.known() {
			return made, fail(Missing, "the job's file holds no audit log: it belongs to another product, or its form is not known")
		}
		e.useSearches(unusable.reason)
		if out.handedOn() {
			out.breakOff()
			return made, fail(Broken, "the file of Carbon Black Cloud's job cannot be used, as %s: download it again, and it is made by searches", unusable.reason)
		}
		out.reset(s.announce(t, t.Format))
		bySearch = unusable.reason
	}
	made, err = s.searchWhole(ctx, e, safe, out)
	made.Reason = firstOf(bySearch, t.Reason)
	err = s.finish(out, &made, err)
	return made, err
}

// searchWhole makes a file by searches, and begins anew with more columns when an event turns out to need them.
func (s *Service) searchWhole(ctx context.Context, e *trackedExport, safe bool, out *chunker) (facts, error) {
	for {
		t, _, _ := e.now()
		made, err := s.search(ctx, t, e.columns(), safe, out)
		var late *lateField
		switch {
		case !errors.As(err, &late):
			return made, err
		case len(late.columns) > mostExtras:
			return made, fail(Broken, "%v: export as JSON, which needs no columns", err)
		}
		e.widen(late.columns)
		if out.handedOn() {
			return made, fail(Broken, "%v: download it again, and it has a column", err)
		}
		out.reset(out.file)
	}
}

// finish hands on what is left and sums up.
func (s *Service) finish(out *chunker, made *facts, err error) error {
	if err != nil {
		out.breakOff()
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	made.Bytes, made.SHA256, made.At = out.bytes, hex.EncodeToString(out.digest.Sum(nil)), s.config.Now()
	return nil
}

// unusable says why a job's file cannot stand for the search.
type unusable struct{ reason string }

func (u *unusable) Error() string { return u.reason }

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// announce names the file of an export.
func (s *Service) announce(t token, format cbc.ExportFormat) File {
	name := "audit-log_" + unsafeName.ReplaceAllString(s.config.Owner.OrgKey, "-")
	if t.known() {
		name += "_" + stamp(t.From) + "_" + stamp(t.To)
	} else {
		name += "_job-" + t.Job
	}
	if format == cbc.ExportJSON {
		return File{Name: name + ".json", MediaType: "application/json"}
	}
	return File{Name: name + ".csv", MediaType: "text/csv; charset=utf-8"}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("20060102T150405Z") }

// chunker collects a file into chunks, and takes its measure.
type chunker struct {
	sink   Sink
	file   File
	now    func() time.Time
	digest hash.Hash
	buf    []byte // what is not handed on yet
	size   int    // of a chunk
	last   time.Time
	begun  bool
	failed error // of the sink: whoever downloads the file has gone
	bytes  int64
}

func newChunker(sink Sink, f File, now func() time.Time) *chunker {
	return &chunker{sink: sink, file: f, now: now, digest: sha256.New(), size: mostChunk, last: now()}
}

// add takes a part of the file. A large one goes on as it is, without being collected, but not before there is enough for a chunk:
// the end of a file that is no larger is waited for.
func (c *chunker) add(part []byte) error {
	for len(part) >= c.size/2 && (c.begun || len(c.buf)+len(part) >= c.size) {
		if err := c.send(c.buf); err != nil {
			return err
		}
		c.buf = c.buf[:0]
		piece := part[:min(len(part), c.size)]
		if err := c.send(piece); err != nil {
			return err
		}
		part = part[len(piece):]
		c.pace()
	}
	c.buf = append(c.buf, part...)
	return c.full()
}

// full hands on what has been collected, if that is enough for a chunk.
func (c *chunker) full() error {
	for len(c.buf) >= c.size {
		chunk := c.buf[:c.size]
		if err := c.send(chunk); err != nil {
			return err
		}
		c.buf = c.buf[:copy(c.buf, c.buf[len(chunk):])]
		c.pace()
	}
	return nil
}

// pace chooses the size of the next chunk by how long this one took.
func (c *chunker) pace() {
	now := c.now()
	switch took := now.Sub(c.last); {
	case took > slowChunk:
		c.size = max(c.size/2, leastChunk)
	case took < slowChunk/4:
		c.size = min(c.size*2, mostChunk)
	}
	c.last = now
}

// end hands on what is left, which is more than a chunk where much follows the last row.
func (c *chunker) end() error {
	if err := c.full(); err != nil {
		return err
	}
	return c.send(c.buf)
}

// breakOff ends what was handed on of a file that cannot be whole with a whole row, as all that is added is made of whole rows: a
// mark behind it then stands outside of quotes.
func (c *chunker) breakOff() {
	if c.begun && c.failed == nil {
		_ = c.end() // whoever has gone needs no end
	}
}

func (c *chunker) send(chunk []byte) error {
	if !c.begun {
		c.begun = true
		c.failed = c.sink.Begin(c.file)
	}
	if len(chunk) == 0 || c.failed != nil {
		return c.failed
	}
	_, _ = c.digest.Write(chunk) // a digest takes everything
	c.bytes += int64(len(chunk))
	c.failed = c.sink.Write(chunk)
	return c.failed
}

// handedOn tells whether somebody has got a part of the file.
func (c *chunker) handedOn() bool { return c.begun && c.sink != nobody{} }

// reset starts another file in place of one of which nothing was handed on.
func (c *chunker) reset(f File) { *c = *newChunker(c.sink, f, c.now) }

// contains tells whether a row of a time belongs to the window. Where times are written without a fraction of a second, the
// server's own choice is trusted within a second.
func (t *token) contains(ms int64) bool {
	unit := int64(1)
	if t.Census.Bounds == trusted {
		unit = 1000
	}
	return ms < t.To && ms+unit > t.From
}

// torn tells whether an edge of the window lies within the second that begins at ms. Of an event whose time is written without a
// fraction it cannot be told then whether it belongs to the window.
func (t *token) torn(ms int64) bool {
	within := func(edge int64) bool { return ms < edge && edge < ms+1000 }
	return ms%1000 == 0 && t.Census.Bounds != trusted && (within(t.From) || within(t.To))
}

var errCoarse = &unusable{"it writes times in whole seconds, so that what belongs to the time range cannot be told"}

// question asks for every event of a window, oldest first.
func question(f auditlog.Filter, w auditlog.TimeRange) history.Question {
	return history.Question{Filter: f, Window: w, Order: cbc.OldestFirst, Max: math.MaxInt, Own: true}
}
