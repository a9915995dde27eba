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

// Options say how a CSV is written.
type Options struct {
	Safe  bool // cells that a spreadsheet would take for formulas are made texts
	Excel bool // it begins with a byte order mark, without which Excel garbles what is not ASCII
}

// DefaultOptions are those of somebody who says nothing.
var DefaultOptions = Options{Safe: true}

// Choice is what somebody says about options; nil is nothing.
type Choice struct{ Safe, Excel *bool }

// Or returns the options of a choice; what it does not say is taken from others.
func (c Choice) Or(o Options) Options {
	if c.Safe != nil {
		o.Safe = *c.Safe
	}
	if c.Excel != nil {
		o.Excel = *c.Excel
	}
	return o
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
	maxChunk  = 1<<20 - 1<<10
	minChunk  = maxChunk / 16
	slowChunk = time.Second
)

// Download streams the file of an export to a user. With an error the sink has got a part of the file, which must not pass for the whole, or nothing, if it was not begun. After
// ErrStalled, or when ctx has ended, the sink may still be in use.
func (s *Service) Download(ctx context.Context, id, login string, options Options, sink Sink) error {
	e, err := s.ready(ctx, id)
	if err != nil {
		return err
	}
	guard := newStallGuard(ctx, sink, s.config.After)
	defer guard.close()
	made, err := s.writeFile(ctx, e, login, options, guard)
	if err != nil {
		return err
	}
	e.recordFacts(options, made)
	return nil
}

// recordFacts notes what a whole file was found to be, and with which options it was downloaded last.
func (e *trackedExport) recordFacts(options Options, made facts) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.facts[options], e.last = made, options
	if made.Format == cbc.ExportJSON { // which has no options
		for _, safe := range []bool{false, true} {
			for _, excel := range []bool{false, true} {
				e.facts[Options{safe, excel}] = made
			}
		}
	}
}

// ready returns the export of an id when its file can be had.
func (s *Service) ready(ctx context.Context, id string) (*trackedExport, error) {
	e, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if err := s.refresh(ctx, e, true); err != nil {
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
	Kind          string
	Format        cbc.ExportFormat
	Reason        string   // why it was made by searches
	Rows          int      // in the file as it was handed out
	Received      int      // events of the time range that Carbon Black Cloud gave, before this plugin's part of the filter
	Raw           int      // rows of the job's file, before anything was left out; -1 for a file made by searches
	Skipped       int      // rows that could not be read
	SkippedReason string   // why the first of them could not
	Missing       []string // columns of an audit log that the job's CSV does not have
	Unwrapped     bool     // the members around the list of events were left out
	Marked        bool     // it begins with a byte order mark
	Bytes         int64
	SHA256        string
	At            time.Time // when it was complete
}

// writeFile writes the file of an export, beside a few others at most.
func (s *Service) writeFile(ctx context.Context, e *trackedExport, login string, options Options, sink Sink) (made facts, err error) {
	release, err := s.config.Registry.places.take(s.config.Owner.DataSource, login)
	if err != nil {
		return made, err
	}
	defer release()
	err = history.Guard(func() (err error) {
		made, err = s.writeJobOrSearch(ctx, e, options, sink)
		return err
	})
	return made, err
}

// writeJobOrSearch writes the file of a job. One that cannot be used is replaced by one made of searches, as long as nothing was handed
// on; afterwards only the next download can be.
func (s *Service) writeJobOrSearch(ctx context.Context, e *trackedExport, options Options, sink Sink) (made facts, err error) {
	t, st, bySearch := e.now()
	out := newChunkWriter(sink, s.announce(t, t.Format), s.config.Now)
	if t.Job != "" && bySearch == "" {
		made, err = s.copyJobFile(ctx, t, st.done, options, out)
		var unusable *unusable
		if !errors.As(err, &unusable) {
			err = s.finish(out, &made, err)
			return made, err
		}
		if !t.known() {
			return made, fail(Missing, "the job's file holds no audit log: it belongs to another product, or its form is not known")
		}
		e.useSearches(unusable.reason)
		if out.sentAny() {
			out.endPart()
			return made, fail(Broken, "the file of Carbon Black Cloud's job cannot be used, as %s: download it again, and it is made by searches", unusable.reason)
		}
		out.reset(s.announce(t, t.Format))
		bySearch = unusable.reason
	}
	made, err = s.searchWhole(ctx, e, options, out)
	made.Reason = firstOf(bySearch, t.Reason)
	err = s.finish(out, &made, err)
	return made, err
}

// searchWhole makes a file by searches, and begins anew with more columns when an event turns out to need them.
func (s *Service) searchWhole(ctx context.Context, e *trackedExport, options Options, out *chunkWriter) (facts, error) {
	for {
		t, _, _ := e.now()
		made, err := s.search(ctx, t, e.columns(), options, out)
		var late *missingColumns
		switch {
		case !errors.As(err, &late):
			return made, err
		case len(late.columns) > maxExtras:
			return made, fail(Broken, "%v: export as JSON, which needs no columns", err)
		}
		e.addColumns(late.columns)
		if out.sentAny() {
			return made, fail(Broken, "%v: download it again, and it has a column", err)
		}
		out.reset(out.file)
	}
}

// finish hands on what is left and sums up.
func (s *Service) finish(out *chunkWriter, made *facts, err error) error {
	if err != nil {
		out.endPart()
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

// chunkWriter collects a file into chunks, and takes its measure.
type chunkWriter struct {
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

func newChunkWriter(sink Sink, f File, now func() time.Time) *chunkWriter {
	return &chunkWriter{sink: sink, file: f, now: now, digest: sha256.New(), size: maxChunk, last: now()}
}

// add takes a part of the file. A large one goes on as it is, without being collected, but not before there is enough for a chunk:
// the end of a file that is no larger is waited for.
func (c *chunkWriter) add(part []byte) error {
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
		c.adaptSize()
	}
	c.buf = append(c.buf, part...)
	return c.full()
}

// full hands on what has been collected, if that is enough for a chunk.
func (c *chunkWriter) full() error {
	for len(c.buf) >= c.size {
		chunk := c.buf[:c.size]
		if err := c.send(chunk); err != nil {
			return err
		}
		c.buf = c.buf[:copy(c.buf, c.buf[len(chunk):])]
		c.adaptSize()
	}
	return nil
}

// pace chooses the size of the next chunk by how long this one took.
func (c *chunkWriter) adaptSize() {
	now := c.now()
	switch took := now.Sub(c.last); {
	case took > slowChunk:
		c.size = max(c.size/2, minChunk)
	case took < slowChunk/4:
		c.size = min(c.size*2, maxChunk)
	}
	c.last = now
}

// end hands on what is left, which is more than a chunk where much follows the last row.
func (c *chunkWriter) end() error {
	if err := c.full(); err != nil {
		return err
	}
	return c.send(c.buf)
}

// breakOff ends what was handed on of a file that cannot be whole with a whole row, as all that is added is made of whole rows: a
// mark behind it then stands outside of quotes.
func (c *chunkWriter) endPart() {
	if c.begun && c.failed == nil {
		_ = c.end() // whoever has gone needs no end
	}
}

func (c *chunkWriter) send(chunk []byte) error {
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

// sentAny tells whether somebody has got a part of the file.
func (c *chunkWriter) sentAny() bool { return c.begun && c.sink != discard{} }

// reset starts another file in place of one of which nothing was handed on.
func (c *chunkWriter) reset(f File) { *c = *newChunkWriter(c.sink, f, c.now) }

// contains tells whether a row of a time belongs to the window. Where times are written without a fraction of a second, the
// server's own choice is trusted within a second.
func (t *token) contains(ms int64) bool {
	unit := int64(1)
	if t.Expected.Bounds == trusted {
		unit = 1000
	}
	return ms < t.To && ms+unit > t.From
}

// torn tells whether an edge of the window lies within the second that begins at ms. Of an event whose time is written without a
// fraction it cannot be told then whether it belongs to the window.
func (t *token) torn(ms int64) bool {
	within := func(edge int64) bool { return ms < edge && edge < ms+1000 }
	return ms%1000 == 0 && t.Expected.Bounds != trusted && (within(t.From) || within(t.To))
}

var errCoarse = &unusable{"it writes times in whole seconds, so that what belongs to the time range cannot be told"}

// question asks for every event of a window, oldest first.
func question(f auditlog.Filter, w auditlog.TimeRange) history.Question {
	return history.Question{Filter: f, Window: w, Order: cbc.OldestFirst, Max: math.MaxInt, Own: true}
}
