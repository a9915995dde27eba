package export

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
)

// countPatience is how long counting may hold up a start: a server that caps its numbers takes many requests.
const countPatience = 20 * time.Second

// Start starts an export.
func (s *Service) Start(ctx context.Context, r Request) (Export, error) {
	if err := r.Window.Validate(); err != nil {
		return Export{}, fail(Bad, "%v", err)
	}
	if r.Format != cbc.ExportCSV && r.Format != cbc.ExportJSON {
		return Export{}, fail(Bad, "format has an unknown value %q: allowed are csv, json", r.Format)
	}
	t := token{
		Query: r.Query, Filter: &r.Filter, From: r.Window.From, To: r.Window.To, Format: r.Format, Who: r.Who,
		Created: s.config.Now().UnixMilli(), Nonce: make([]byte, 9), Reason: whyNoJob(r.Filter),
	}
	if _, err := io.ReadFull(s.config.Random, t.Nonce); err != nil {
		return Export{}, err
	}
	if id, err := s.seal(t); err != nil || len(id) > maxID-spareID {
		return Export{}, errTooLong // before anything is started that discard could fetch
	}
	var err error
	if t.Expected, err = s.count(ctx, r.Filter.Cloud(), r.Window); err != nil {
		return Export{}, err
	}
	if t.Job, err = s.startJob(ctx, &t); err != nil {
		return Export{}, err
	}
	if t.Job != "" {
		s.config.Registry.recordStart(s.config.Owner, t.Job)
	}
	return s.describe(s.config.Registry.store(s.config.Owner).begin(t))
}

// startJob starts a job, unless the file has to be made by searches: then the token says why and there is no job.
func (s *Service) startJob(ctx context.Context, t *token) (string, error) {
	if t.Reason != "" {
		return "", nil
	}
	// A job that discard can fetch is started in vain, so the Job service is asked first.
	if _, err := s.config.Cloud.Jobs(ctx); err != nil {
		if t.Reason = whyNoJobService(err); t.Reason != "" {
			return "", nil
		}
		return "", err
	}
	start, end := t.Expected.Bounds.of(t.timeRange())
	id, err := s.config.Cloud.Export(ctx, cbc.ExportRequest{Filter: t.Filter.Cloud(), Start: start, End: end, Format: t.Format})
	var failed *cbc.Error
	if errors.As(err, &failed) && failed.Status >= 400 && failed.Status < 500 && failed.Kind != cbc.KindThrottled {
		// The search for the same was answered, so this is about exports alone.
		t.Reason = shortened("Carbon Black Cloud does not start the export: " + err.Error())
		return "", nil
	}
	if errors.As(err, &failed) && failed.Lost {
		return "", fail(Broken, "whether the export was started is not known: look for it in the list before starting it again. %v", err)
	}
	return id, err
}

// shortened keeps a text from making an id too long.
func shortened(text string) string {
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return text
}

// closed says why the Job service cannot be used, "" if it can or if that may pass.
func whyNoJobService(err error) string {
	switch {
	case forbidden(err):
		return "the API key lacks the permission " + cbc.PermissionJobs + ", which is needed to fetch the file of an export job: give its access level that permission, or use this file"
	case status(err) == 404 || status(err) == 405 || status(err) == 501:
		return "this Carbon Black Cloud has no Job service, which is needed to fetch the file of an export job"
	}
	return ""
}

// whyNoJob says why a filter cannot be decided over the rows of a job's file, "" if it can.
func whyNoJob(f auditlog.Filter) string {
	if f.Derived() {
		return "category, action and outcome are derived from the description by this plugin, and Carbon Black Cloud cannot filter by them"
	}
	for _, key := range keysMatchedHere(f) {
		if slices.Contains(f.Criteria[key], "") || slices.Contains(f.Exclusions[key], "") {
			return "the filter looks for an empty " + string(key) + ", and how a job writes empty values is not documented"
		}
	}
	return ""
}

// keysMatchedHere are the keys that the plugin decides about on each event.
func keysMatchedHere(f auditlog.Filter) (keys []auditlog.Key) {
	for _, key := range auditlog.Keys() {
		for _, terms := range []auditlog.Terms{f.Criteria, f.Exclusions} {
			if values := terms[key]; len(values) > 0 && (!key.MatchedByCloud() || slices.Contains(values, "")) {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}

// expectedCounts is what was counted at the start, and the bounds that suit the server.
type expectedCounts struct {
	Bounds bounds `json:"b,omitempty"`
	Count  int    `json:"n"` // events of the window that Carbon Black Cloud finds, -1 if it does not tell for certain
	Sent   int    `json:"s"` // events that it finds within the very bounds that are sent, -1 if it does not tell for certain
}

// bounds are the instants that are sent for a window, as history has them.
type bounds string

const (
	// wide bounds hold the whole window whatever the server makes of them; what is too much is left out of the file.
	wide bounds = ""
	// narrow bounds select exactly the window, where the server is known to take them to the microsecond.
	narrow bounds = "n"
	// trusted bounds are narrow ones on a server that writes times without a fraction of a second: nothing can be left out.
	trusted bounds = "t"
)

func (b bounds) of(w auditlog.TimeRange) (start, end time.Time) {
	if b == wide {
		return history.Wide(w)
	}
	return history.Narrow(w)
}

// count counts what is about to be exported, and chooses the bounds.
func (s *Service) count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange) (expectedCounts, error) {
	n, err := s.countWindow(ctx, f, w)
	if err != nil {
		return expectedCounts{}, err
	}
	start, end := history.Wide(w)
	page, err := s.config.Cloud.Search(ctx, cbc.SearchRequest{Filter: f, Start: start, End: end, Order: cbc.OldestFirst, Rows: sampleRows})
	if err != nil {
		return expectedCounts{}, err
	}
	c := expectedCounts{Count: n, Sent: max(page.Found, len(page.Events))}
	if c.Sent == s.config.Past.PageSize() {
		c.Sent = -1 // it may be capped
	}
	switch {
	case len(page.Events) > 0 && page.Digits == 0:
		c.Bounds, c.Sent = trusted, n
	case len(page.Events) > 0 && page.Digits <= 3 && s.config.Past.BoundsTaken():
		c.Bounds, c.Sent = narrow, n
	case !s.config.Past.BoundsTaken():
		c.Count, err = s.countRead(ctx, f, w, c.Sent)
	}
	return c, err
}

// sampleRows are looked at to see how finely the server writes times.
const sampleRows = 50

// countWindow asks for the number of events of a window, -1 if that takes too long.
func (s *Service) countWindow(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange) (int, error) {
	patient, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	var cost history.Cost
	n, err := s.config.Past.Count(patient, f, w, &cost)
	if errors.Is(err, history.ErrUncountable) || err != nil && ctx.Err() == nil && patient.Err() != nil && cost.Calls > 0 {
		return -1, nil
	}
	return n, err
}

// countRead counts by reading, where a server blurs its numbers at the edges of a window and there is no more than a page.
func (s *Service) countRead(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, about int) (int, error) {
	if about < 0 || about > s.config.Past.PageSize() {
		return -1, nil
	}
	n := 0
	var cost history.Cost
	coverage, err := s.config.OwnPast().Scan(ctx, question(f, w), &cost, func(b history.Batch) bool {
		n += b.Len()
		return true
	})
	if err == nil && !coverage.Complete {
		return -1, nil
	}
	return n, err
}
