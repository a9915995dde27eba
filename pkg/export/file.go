package export

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"math"
	"regexp"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// File is the name and the media type of a download.
type File struct {
	Name      string
	MediaType string
}

// Options are the options of a CSV file.
type Options struct {
	Safe  bool // cells that a spreadsheet would read as formulas are written as text
	Excel bool // the file begins with a byte order mark, because Excel garbles non-ASCII characters without one
}

// DefaultOptions are the options if none are chosen.
var DefaultOptions = Options{Safe: true}

// Choice is a user's choice of options; nil means no choice.
type Choice struct{ Safe, Excel *bool }

// Or returns the chosen options, and those of o where nothing is chosen.
func (c Choice) Or(o Options) Options {
	if c.Safe != nil {
		o.Safe = *c.Safe
	}
	if c.Excel != nil {
		o.Excel = *c.Excel
	}
	return o
}

// Sink receives a file. Begin is called once, before the first chunk. A chunk is valid until Write returns.
type Sink interface {
	Begin(File) error
	Write(chunk []byte) error
}

// Download streams the file of an export to a user. After an error the sink holds nothing, or a part of the file that must not pass
// for the whole file. After ErrStalled, or when ctx has ended, the sink may still be in use.
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

// recordFacts records the facts of a file that was downloaded.
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

// ready returns the export of an id if its file can be downloaded.
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
	return nil, fail(NotReady, "the export is not completed yet: %s", cmp.Or(st.message, "Carbon Black Cloud is still making the file"))
}

// facts describe a file that was read to its end.
type facts struct {
	Kind        string
	Format      cbc.ExportFormat
	Reason      string   // why it was made by searches
	Rows        int      // in the file
	Received    int      // events of the time range, before this plugin's part of the filter
	Raw         int      // rows of the job's file, including those that were left out; -1 for a file made by searches
	Skipped     int      // rows that could not be read
	SkippedNote string   // describes them, with the reason for the first one
	Missing     []string // columns of an audit log that the job's CSV does not have
	Unwrapped   bool     // the members around the list of events were left out
	Marked      bool     // it begins with a byte order mark
	Bytes       int64
	SHA256      string
	At          time.Time // when it was read
}

// writeFile writes the file of an export if there is a place for it.
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

// writeJobOrSearch writes the file of a job. A file that cannot be used is replaced by searches, as long as nothing was sent; later on
// only the next download can be made by searches.
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
			return made, fail(Missing, "the file of the job is not an audit log: it belongs to another product, or has an unknown format")
		}
		e.useSearches(unusable.reason)
		if out.sentAny() {
			err = fail(Broken, "the file of the job cannot be used, because %s: download it again, and it is made by searches", unusable.reason)
			return made, out.endPart(err)
		}
		out.reset(s.announce(t, t.Format))
		bySearch = unusable.reason
	}
	made, err = s.searchWhole(ctx, e, options, out)
	made.Reason = cmp.Or(bySearch, t.Reason)
	err = s.finish(out, &made, err)
	return made, err
}

// searchWhole makes a file by searches. It starts again with more columns when an event turns out to need them.
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

// finish sends the rest of the file and completes its facts.
func (s *Service) finish(out *chunkWriter, made *facts, err error) error {
	if err != nil {
		return out.endPart(err)
	}
	if err := out.end(); err != nil {
		return err
	}
	made.Bytes, made.SHA256, made.At = out.bytes, hex.EncodeToString(out.digest.Sum(nil)), s.config.Now()
	return nil
}

// unusable is the reason why the file of a job cannot be used.
type unusable struct{ reason string }

func (u *unusable) Error() string { return u.reason }

var unsafeName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// announce returns the name and the media type of a file.
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

// contains reports whether a row of a time belongs to the time range. Where times are written in whole seconds, the server's own choice
// is trusted within a second.
func (t *token) contains(ms int64) bool {
	unit := int64(1)
	if t.Expected.Bounds == trusted {
		unit = 1000
	}
	return ms < t.To && ms+unit > t.From
}

// torn reports whether an edge of the time range lies within the second that begins at ms. Then an event whose time is written in whole
// seconds may belong to the time range or not.
func (t *token) torn(ms int64) bool {
	within := func(edge int64) bool { return ms < edge && edge < ms+1000 }
	return ms%1000 == 0 && t.Expected.Bounds != trusted && (within(t.From) || within(t.To))
}

var errCoarse = &unusable{"it writes times in whole seconds, and the time range begins or ends within a second"}

// question asks for every event of a time range, oldest first.
func question(f auditlog.Filter, w auditlog.TimeRange) history.Question {
	return history.Question{Filter: f, Range: w, Order: cbc.OldestFirst, MaxEvents: math.MaxInt, Mode: history.ServerFiltered}
}
