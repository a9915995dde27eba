package export

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Manifest says what a finished export is, so that a reader can prove that the file at hand is that file, and whole.
type Manifest struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"` // job or search
	Reason    string          `json:"reason,omitempty"`
	Query     json.RawMessage `json:"query"`         // as it was sent to this data source
	Sent      json.RawMessage `json:"sent"`          // as it was sent to Carbon Black Cloud
	From      *int64          `json:"from"`          // milliseconds; the window is half-open
	To        *int64          `json:"to"`            //
	Window    string          `json:"window"`        // the same in words
	OrgKey    string          `json:"orgKey"`        //
	Who       string          `json:"who"`           //
	CreatedAt *time.Time      `json:"createdAt"`     //
	Job       string          `json:"job,omitempty"` // in Carbon Black Cloud
	Format    string          `json:"format"`        //
	Safe      bool            `json:"safe"`          // cells that look like formulas were made texts
	File      string          `json:"file"`          // its name
	Rows      int             `json:"rows"`          // events in the file
	Bytes     int64           `json:"bytes"`         //
	SHA256    string          `json:"sha256"`        // of the file as it is downloaded with the same switch
	ReadAt    time.Time       `json:"readAt"`        // when the file was found to be so
	Received  int             `json:"received"`      // events of the window that Carbon Black Cloud gave, before this plugin's part of the filter
	Count     *int            `json:"count"`         // events of the window that it counted at the start; null when it does not tell for certain
	Complete  bool            `json:"complete"`
	Note      string          `json:"note"` // the verdict in words
}

// mostReading bounds how long a file is read for its facts.
const mostReading = 5 * time.Minute

// Manifest returns the manifest of an export for a user. Facts that no download of this process has brought are found by reading
// the file. Without safe it is that of the last download, or of safe cells.
func (s *Service) Manifest(ctx context.Context, id, login string, safe *bool) (Manifest, error) {
	e, err := s.ready(ctx, id)
	if err != nil {
		return Manifest{}, err
	}
	mode := e.mode(safe)
	made, err := s.read(ctx, e, login, mode)
	if err != nil {
		return Manifest{}, err
	}
	return s.manifest(e, made, mode)
}

// mode is the switch whose file is meant.
func (e *trackedExport) mode(asked *bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if asked != nil {
		return *asked
	}
	return e.last
}

func (e *trackedExport) fact(safe bool) (facts, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, known := e.facts[safe]
	return f, known
}

// read finds the facts of a file, by reading it if need be: once for all who ask.
func (s *Service) read(ctx context.Context, e *trackedExport, login string, safe bool) (facts, error) {
	if made, known := e.fact(safe); known {
		return made, nil
	}
	ctx, cancel := context.WithTimeout(ctx, mostReading)
	defer cancel()
	select {
	case e.file <- struct{}{}:
		defer func() { <-e.file }()
	case <-ctx.Done():
		return facts{}, ctx.Err()
	}
	if made, known := e.fact(safe); known {
		return made, nil
	}
	made, err := s.make(ctx, e, login, safe, nobody{})
	if err != nil {
		return facts{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.facts[safe] = made
	return made, nil
}

// nobody takes a file for the sake of its facts.
type nobody struct{}

func (nobody) Begin(File) error   { return nil }
func (nobody) Write([]byte) error { return nil }

func (s *Service) manifest(e *trackedExport, made facts, safe bool) (Manifest, error) {
	x, err := s.describe(e)
	if err != nil {
		return Manifest{}, err
	}
	t, _, _ := e.now()
	m := Manifest{
		ID: x.ID, Kind: made.Kind, Reason: made.Reason, Query: x.Query, From: x.From, To: x.To, OrgKey: s.config.Owner.OrgKey, Who: x.Who, CreatedAt: x.CreatedAt,
		Job: t.Job, Format: string(made.Format), Safe: safe && made.Format == cbc.ExportCSV, File: s.announce(t, made.Format).Name,
		Rows: made.Rows, Bytes: made.Bytes, SHA256: made.SHA256, ReadAt: made.At, Received: made.Received,
	}
	if t.known() {
		m.Window = t.window().String()
		start, end := t.Census.Bounds.of(t.window())
		m.Sent = cbc.ExportRequest{Filter: t.Filter.Cloud(), Start: start, End: end, Format: t.Format}.Body()
	}
	m.Count, m.Complete, m.Note = s.verdict(t, made)
	return m, nil
}

// verdict holds a file against what was counted at the start.
func (s *Service) verdict(t token, made facts) (count *int, complete bool, note string) {
	if !t.known() {
		return nil, false, "what was asked for is not known here, so whether the file is whole cannot be told"
	}
	c := t.Census
	if c.Count < 0 && c.Sent >= 0 && made.Raw == c.Sent {
		// The server blurs numbers at the edges of a window, but the file holds as many rows as it counted for the very request.
		c.Count = made.Received
	}
	settling := t.To > t.Created-s.config.Settle.Milliseconds()
	switch {
	case c.Count < 0:
		note = "Carbon Black Cloud does not count the events of this time range for certain"
		if made.Kind == KindSearch {
			return nil, true, note + "; every part of it was read whole"
		}
		return nil, false, note
	case made.Received == c.Count:
		complete, note = true, fmt.Sprintf("Carbon Black Cloud counted %d events at the start and gave as many", c.Count)
	case made.Received > c.Count && settling:
		complete, note = true, fmt.Sprintf("Carbon Black Cloud counted %d events at the start; the time range had not settled, and %d more have arrived", c.Count, made.Received-c.Count)
	default:
		note = fmt.Sprintf("Carbon Black Cloud counted %d events at the start and gave %d", c.Count, made.Received)
	}
	if len(made.Lacks) > 0 {
		complete = false
		note += fmt.Sprintf("; the job's file has no column %s, and so says less than a search answers: export as JSON", strings.Join(made.Lacks, ", "))
	}
	if made.Rows != made.Received {
		note += fmt.Sprintf("; %d of them pass the part of the filter that this plugin decides", made.Rows)
	}
	if made.Rewrap {
		note += "; the members around the list of events were left out, since they count events outside the time range, too"
	}
	return &c.Count, complete, note
}
