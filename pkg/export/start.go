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

// countTimeout bounds how long counting may delay a start: a server that caps its numbers takes many requests.
const countTimeout = 20 * time.Second

// Start starts an export.
func (s *Service) Start(ctx context.Context, r Request) (Export, error) {
	if err := r.TimeRange.Validate(); err != nil {
		return Export{}, fail(Bad, "%v", err)
	}
	if r.Format != cbc.ExportCSV && r.Format != cbc.ExportJSON {
		return Export{}, fail(Bad, "format has an unknown value %q: allowed are csv, json", r.Format)
	}
	t := token{
		Query: r.Query, Filter: &r.Filter, From: r.TimeRange.From, To: r.TimeRange.To, Format: r.Format, Who: r.Who,
		Created: s.config.Now().UnixMilli(), Nonce: make([]byte, 9), Reason: whyNoJob(r.Filter),
	}
	if _, err := io.ReadFull(s.config.Random, t.Nonce); err != nil {
		return Export{}, err
	}
	if id, err := s.seal(t); err != nil || len(id) > maxID-spareID {
		return Export{}, errTooLong // a job whose id does not fit would be started in vain
	}
	var err error
	if t.Expected, err = s.count(ctx, r.Filter.Cloud(), r.TimeRange); err != nil {
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

// startJob starts a job and returns its id. It returns no id if the file has to be made by searches: then the token says why.
func (s *Service) startJob(ctx context.Context, t *token) (string, error) {
	if t.Reason != "" {
		return "", nil
	}
	// A job whose file cannot be downloaded would be started in vain, so this asks the Job service first.
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
		// A search with the same filter was answered, so only exports are refused.
		t.Reason = shortened("Carbon Black Cloud refused to start the export job: " + err.Error())
		return "", nil
	}
	if errors.As(err, &failed) && failed.Lost {
		return "", fail(Broken, "the export may have been started: look for it in the list before you start it again. %v", err)
	}
	return id, err
}

// shortened bounds the length of a reason, which becomes part of the id.
func shortened(text string) string {
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return text
}

// whyNoJobService says why the Job service cannot be used, "" if it can or if the error may pass.
func whyNoJobService(err error) string {
	switch {
	case forbidden(err):
		return "the API key lacks the permission " + cbc.PermissionJobs + ", which is needed to fetch the file of an export job: give its access level that permission, or use this file"
	case status(err) == 404 || status(err) == 405 || status(err) == 501:
		return "this Carbon Black Cloud has no Job service, which is needed to fetch the file of an export job"
	}
	return ""
}

// whyNoJob says why a filter cannot be evaluated on the rows of a job's file, "" if it can.
func whyNoJob(f auditlog.Filter) string {
	if f.NeedsClass() {
		return "the filter has a field that this plugin derives from the description, such as category, action or outcome, and Carbon Black Cloud cannot filter by it"
	}
	for _, key := range auditlog.Keys() {
		if slices.Contains(f.Criteria[key], "") || slices.Contains(f.Exclusions[key], "") {
			return "the filter selects an empty " + string(key) + ", and how a job writes empty values is not documented"
		}
	}
	return ""
}

// keysMatchedHere returns the fields of an event that the plugin needs to evaluate its part of the filter.
func keysMatchedHere(f auditlog.Filter) (keys []auditlog.Key) {
	for _, key := range auditlog.Keys() {
		for _, terms := range []auditlog.Terms{f.Criteria, f.Exclusions} {
			values := terms[key]
			if len(values) == 0 || key.MatchedByCloud() && !slices.Contains(values, "") {
				continue
			}
			if field := fieldOf(key); !slices.Contains(keys, field) {
				keys = append(keys, field)
			}
		}
	}
	return keys
}

// fieldOf returns the field of an event that a key's value comes from.
func fieldOf(key auditlog.Key) auditlog.Key {
	switch {
	case key == auditlog.KeyAccount:
		return auditlog.KeyActor
	case key == auditlog.KeyAddress:
		return auditlog.KeyActorIP
	case key.NeedsClass():
		return auditlog.KeyDescription
	}
	return key
}

// expectedCounts holds what was counted at the start, and the bounds of the request.
type expectedCounts struct {
	Bounds bounds `json:"b,omitempty"`
	Count  int    `json:"n"` // events of the time range, -1 if Carbon Black Cloud does not count them reliably
	Sent   int    `json:"s"` // events within the bounds that are sent, -1 if it does not count them reliably
}

// bounds name which instants are sent for a time range.
type bounds string

const (
	// wide bounds include the whole time range however the server reads them; other events are left out of the file.
	wide bounds = ""
	// narrow bounds select exactly the time range, if the server is known to take them to the microsecond.
	narrow bounds = "n"
	// trusted bounds are narrow bounds on a server that writes times in whole seconds: nothing can be left out.
	trusted bounds = "t"
)

func (b bounds) of(w auditlog.TimeRange) (start, end time.Time) {
	if b == wide {
		return history.Wide(w)
	}
	return history.Narrow(w)
}

// count counts the events of an export, and chooses its bounds.
func (s *Service) count(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange) (expectedCounts, error) {
	n, err := s.countRange(ctx, f, w)
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

// sampleRows is how many events are read to find the resolution of the server's times.
const sampleRows = 50

// countRange counts the events of a time range, -1 if that takes too long.
func (s *Service) countRange(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange) (int, error) {
	patient, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	var cost history.Cost
	n, err := s.config.Past.Count(patient, f, w, &cost)
	if errors.Is(err, history.ErrUncountable) || err != nil && ctx.Err() == nil && patient.Err() != nil && cost.Calls > 0 {
		return -1, nil
	}
	return n, err
}

// countRead counts by reading at most a page, for servers whose numbers are not exact at the edges of a time range.
func (s *Service) countRead(ctx context.Context, f auditlog.Filter, w auditlog.TimeRange, about int) (int, error) {
	if about < 0 || about > s.config.Past.PageSize() {
		return -1, nil
	}
	n := 0
	var coverage history.Coverage
	var cost history.Cost
	for batch, err := range s.config.OwnPast().Read(ctx, question(f, w), &coverage, &cost) {
		if err != nil {
			return n, err
		}
		for range batch {
			n++
		}
	}
	if !coverage.Complete || coverage.Bad != nil {
		return -1, nil
	}
	return n, nil
}
