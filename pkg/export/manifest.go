package export

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Manifest describes a finished export, so that a reader can prove that a file is that file, and complete.
type Manifest struct {
	ID            string          `json:"id"`
	Kind          string          `json:"kind"` // job or search
	Reason        string          `json:"reason,omitempty"`
	Query         json.RawMessage `json:"query"`         // as it was sent to this data source
	Sent          json.RawMessage `json:"sent"`          // as it was sent to Carbon Black Cloud
	From          *int64          `json:"from"`          // milliseconds; the time range is half-open
	To            *int64          `json:"to"`            //
	Window        string          `json:"window"`        // From and To in words
	OrgKey        string          `json:"orgKey"`        //
	Who           string          `json:"who"`           //
	CreatedAt     *time.Time      `json:"createdAt"`     //
	Job           string          `json:"job,omitempty"` // in Carbon Black Cloud
	Format        string          `json:"format"`        //
	Safe          bool            `json:"safe"`          // cells that look like formulas were written as text
	ByteOrderMark bool            `json:"byteOrderMark"` // the file begins with one
	File          string          `json:"file"`          // its name
	Rows          int             `json:"rows"`          // events in the file
	Bytes         int64           `json:"bytes"`         //
	SHA256        string          `json:"sha256"`        // of the file as it is downloaded with the same switch
	ReadAt        time.Time       `json:"readAt"`        // when the file was read
	Received      int             `json:"received"`      // events of the time range, before this plugin's part of the filter
	Count         *int            `json:"count"`         // events of the time range at the start; null if Carbon Black Cloud does not count them reliably
	Skipped       int             `json:"skipped"`       // rows that could not be read, and were left out
	Complete      bool            `json:"complete"`
	Note          string          `json:"note"` // describes how complete the file is
}

// maxReading bounds how long reading a file for its facts may take.
const maxReading = 5 * time.Minute

// Manifest returns the manifest of an export. If no download of this process has read the file, it is read once. Options that are not
// chosen are those of the last download.
func (s *Service) Manifest(ctx context.Context, id, login string, choice Choice) (Manifest, error) {
	e, err := s.ready(ctx, id)
	if err != nil {
		return Manifest{}, err
	}
	options := choice.Or(e.lastOptions())
	made, err := s.read(ctx, e, login, options)
	if err != nil {
		return Manifest{}, err
	}
	return s.manifest(e, made, options)
}

// lastOptions returns the options of the last download.
func (e *trackedExport) lastOptions() Options {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

func (e *trackedExport) fact(options Options) (facts, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, known := e.facts[options]
	return f, known
}

// read returns the facts of a file, which it reads if necessary: once for concurrent calls.
func (s *Service) read(ctx context.Context, e *trackedExport, login string, options Options) (facts, error) {
	if made, known := e.fact(options); known {
		return made, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxReading)
	defer cancel()
	select {
	case e.reading <- struct{}{}:
		defer func() { <-e.reading }()
	case <-ctx.Done():
		return facts{}, ctx.Err()
	}
	if made, known := e.fact(options); known {
		return made, nil
	}
	made, err := s.writeFile(ctx, e, login, options, discard{})
	if err != nil {
		return facts{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.facts[options] = made
	return made, nil
}

// discard is a Sink for a file that is read for its facts only.
type discard struct{}

func (discard) Begin(File) error   { return nil }
func (discard) Write([]byte) error { return nil }

func (s *Service) manifest(e *trackedExport, made facts, options Options) (Manifest, error) {
	x, err := s.describe(e)
	if err != nil {
		return Manifest{}, err
	}
	t, _, _ := e.now()
	m := Manifest{
		ID: x.ID, Kind: made.Kind, Reason: made.Reason, Query: x.Query, From: x.From, To: x.To, OrgKey: s.config.Owner.OrgKey, Who: x.Who, CreatedAt: x.CreatedAt,
		Job: t.Job, Format: string(made.Format), Safe: options.Safe && made.Format == cbc.ExportCSV, File: s.announce(t, made.Format).Name,
		Rows: made.Rows, Bytes: made.Bytes, SHA256: made.SHA256, ReadAt: made.At, Received: made.Received,
		ByteOrderMark: made.Marked, Skipped: made.Skipped,
	}
	if t.known() {
		m.Window = t.timeRange().String()
		start, end := t.Expected.Bounds.of(t.timeRange())
		m.Sent = cbc.ExportRequest{Filter: t.Filter.Cloud(), Start: start, End: end, Format: t.Format}.Body()
	}
	m.Count, m.Complete, m.Note = s.verdict(t, made)
	return m, nil
}

// verdict compares a file with what was counted at the start.
func (s *Service) verdict(t token, made facts) (count *int, complete bool, note string) {
	if !t.known() {
		return nil, false, "the query of this job is not known, so the file cannot be checked" + made.remarks()
	}
	c := t.Expected
	if c.Count < 0 && c.Sent >= 0 && made.Raw == c.Sent {
		// The server blurs numbers at the edges of a time range, but the file holds as many rows as it counted for the very request.
		c.Count = made.Received
	}
	if c.Count < 0 {
		note = "Carbon Black Cloud does not count the events of this time range for certain"
		if made.Kind == KindSearch {
			return nil, made.Skipped == 0, note + "; every part of it was read whole" + made.remarks()
		}
		return nil, false, note + made.remarks()
	}
	settling := t.To > t.Created-s.config.Settle.Milliseconds()
	note = fmt.Sprintf("Carbon Black Cloud counted %d events at the start", c.Count)
	switch more := made.Received - c.Count; {
	case more == 0:
		complete = true
		note += " and gave as many"
	case more > 0 && settling:
		complete = true
		note += fmt.Sprintf("; the time range had not settled, and %d more have arrived", more)
	default:
		note += fmt.Sprintf(" and gave %d", made.Received)
	}
	return &c.Count, complete && len(made.Missing) == 0 && made.Skipped == 0, note + made.remarks()
}

// remarks returns further facts about a file, for the manifest's note.
func (f facts) remarks() (text string) {
	if f.Skipped > 0 {
		text += "; " + f.SkippedNote
	}
	if len(f.Missing) > 0 {
		text += fmt.Sprintf("; the job's file has no column %s, and so says less than a search answers: export as JSON", strings.Join(f.Missing, ", "))
	}
	if f.Rows != f.Received {
		text += fmt.Sprintf("; %d of them pass the part of the filter that this plugin decides", f.Rows)
	}
	if f.Unwrapped {
		text += "; the members around the list of events were left out, since they count events outside the time range, too"
	}
	return text
}
