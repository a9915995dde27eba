package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

const (
	minPoll = 500 * time.Millisecond
	maxPoll = 10 * time.Second
	// jobVisibilityDelay is how long a job that was just started may be unknown to the Job service.
	jobVisibilityDelay = 2 * time.Minute
)

// Get returns an export. However many viewers call it, it polls Carbon Black Cloud at growing intervals.
func (s *Service) Get(ctx context.Context, id string) (Export, error) {
	e, err := s.find(id)
	if err != nil {
		return Export{}, err
	}
	if err := s.refresh(ctx, e, false); err != nil {
		return Export{}, err
	}
	return s.describe(e)
}

// Forget removes an export from the list. Carbon Black Cloud cannot delete a job: it keeps the file for 30 days.
func (s *Service) Forget(id string) error {
	e, err := s.find(id)
	if err == nil {
		e.forget()
	}
	return err
}

// find returns the export of an id. The id of a job with an unknown query is no longer valid once another data source turns out to
// have started the job.
func (s *Service) find(id string) (*trackedExport, error) {
	t, err := s.open(id)
	if err != nil {
		return nil, err
	}
	registry, owner := s.config.Registry, s.config.Owner
	switch {
	case t.Job == "":
	case t.known():
		if s.accepted() {
			registry.recordStarter(owner, t.Job)
		}
	case registry.startedByAnother(owner, t.Job):
		return nil, errNoExport
	}
	e := s.config.unproved.enter(t)
	if !s.accepted() && registry.known(owner).removed(t) {
		e.forget()
	}
	if removed := e.gone(); s.accepted() {
		e = registry.store(owner).enter(t)
		if removed {
			e.forget()
		}
	}
	if e.gone() {
		return nil, fail(Missing, "the export was removed from the list")
	}
	return e, nil
}

// refresh polls the state of an export if the next poll is due, or at once if now is set.
func (s *Service) refresh(ctx context.Context, e *trackedExport, now bool) error {
	if !s.needsRefresh(e, now) {
		return nil
	}
	select {
	case e.polling <- struct{}{}:
		defer func() { <-e.polling }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.needsRefresh(e, now) {
		return nil // another call has polled meanwhile
	}
	t, before, _ := e.now()
	job, err := s.config.Cloud.Job(ctx, t.Job)
	if err != nil {
		return s.handleJobError(e, err)
	}
	if job.Status != before.status {
		before.delay = 0
	}
	e.set(func(st *state) {
		st.replaceWith(stateOf(job), s.config.Now())
		st.delay = min(max(2*before.delay, minPoll), maxPoll)
		st.next = s.config.Now().Add(st.delay)
	})
	return nil
}

// needsRefresh reports whether a poll is due.
func (s *Service) needsRefresh(e *trackedExport, now bool) bool {
	t, st, bySearch := e.now()
	if t.Job == "" || bySearch != "" || st.final() {
		return false
	}
	return now || !s.config.Now().Before(st.next)
}

// stateOf returns the state of an export from that of its job.
func stateOf(j cbc.Job) state {
	st := state{status: j.Status, total: j.Total, completed: j.Completed}
	switch j.Status {
	case StatusCreated, StatusCompleted:
	case StatusFailed:
		st.failure = "Carbon Black Cloud could not make the file"
		if j.Failure != "" {
			st.failure += ": " + j.Failure
		}
	default:
		st.status = StatusInProgress
	}
	return st
}

// handleJobError decides what a failed poll means for an export.
func (s *Service) handleJobError(e *trackedExport, err error) error {
	t, st, _ := e.now()
	age := s.config.Now().Sub(t.created())
	var failed *cbc.Error
	switch {
	case status(err) == 404 && s.startedRecently(t):
		// The job may not be visible yet.
	case status(err) == 404:
		e.set(func(st *state) { st.status, st.failure = StatusExpired, expired(t, age) })
	case forbidden(err) && t.known():
		e.useSearches(whyNoJobService(err))
		return nil
	case errors.As(err, &failed) && failed.Temporary():
		e.set(func(st *state) { st.message = "the state of the job cannot be read at the moment: " + err.Error() })
	default:
		return err
	}
	e.set(func(now *state) {
		now.delay = min(max(2*st.delay, minPoll), maxPoll)
		now.next = s.config.Now().Add(now.delay)
	})
	return nil
}

func expired(t token, age time.Duration) string {
	if t.Created > 0 && age > cbc.JobRetention {
		return "the export has expired: Carbon Black Cloud keeps files for 30 days"
	}
	return "Carbon Black Cloud no longer knows the job: it keeps files for 30 days, and shows a job only to the API key that started it"
}

// describe returns what is known of an export.
func (s *Service) describe(e *trackedExport) (Export, error) {
	t, st, bySearch := e.now()
	id, err := s.idOf(e)
	if err != nil {
		return Export{}, err
	}
	out := Export{
		ID: id, Status: st.status, Format: string(t.Format), Error: st.failure, Kind: KindJob, Query: t.Query, Who: t.Who,
		Reason: cmp.Or(bySearch, t.Reason), Message: st.message, Total: intOrNil(st.total), Completed: intOrNil(st.completed),
	}
	if t.Created > 0 {
		created := t.created()
		out.CreatedAt = &created
	}
	if !t.known() {
		out.Message = cmp.Or(st.message, "the query of this job is not known: it was not started here, or before a restart of the plugin")
		return out, nil
	}
	out.From, out.To, out.Count = &t.From, &t.To, intOrNil(t.Expected.Count)
	if t.Job == "" || bySearch != "" {
		out.Kind, out.Status, out.Total, out.Error = KindSearch, StatusCompleted, out.Count, ""
		out.Message = cmp.Or(st.message, "the file is made by searches while it is downloaded: "+out.Reason)
	}
	if out.Status == StatusCompleted {
		if out.Count != nil {
			out.Total = out.Count // the progress of a job is not reliable
		}
		out.Completed = out.Total
	}
	return out, nil
}

// idOf returns the id of an export, which it makes once.
func (s *Service) idOf(e *trackedExport) (id string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id == "" {
		e.id, err = s.seal(e.token)
	}
	return e.id, err
}

func intOrNil(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// List returns the remembered exports of this owner, and those jobs of the API key that may be exports and that no other data source
// is known to have started, newest first. complete is false when Carbon Black Cloud did not list all of its jobs; message says why.
func (s *Service) List(ctx context.Context) (exports []Export, complete bool, message string) {
	jobs, err := s.config.Cloud.Jobs(ctx)
	switch {
	case err != nil:
		message = "the jobs of Carbon Black Cloud cannot be listed: " + err.Error()
	case jobs.Missing > 0:
		message = fmt.Sprintf("Carbon Black Cloud listed %d jobs of the API key and left out %d: exports that were not started here may be missing", len(jobs.Jobs), jobs.Missing)
	}
	remembered, byJob := s.remembered()
	for _, job := range jobs.Jobs {
		e := byJob[job.ID]
		switch {
		case e != nil:
			e.update(job, s.config.Now())
		case !otherProduct(job) && !s.config.Registry.startedByAnother(s.config.Owner, job.ID):
			e := newTrackedExport(token{Job: job.ID, Created: max(job.CreateTime.UnixMilli(), 0)})
			e.update(job, time.Time{}) // when it was completed is not known
			remembered = append(remembered, e)
		}
	}
	for _, e := range remembered {
		if e.gone() {
			continue
		}
		if described, err := s.describe(e); err == nil {
			exports = append(exports, described)
		}
	}
	slices.SortStableFunc(exports, func(a, b Export) int { return b.age().Compare(a.age()) })
	return exports, message == "", message
}

// remembered returns the remembered exports of this owner, newest first, and those that are jobs by the job's id. Jobs with an unknown
// query are left out once another data source turns out to have started them.
func (s *Service) remembered() (all []*trackedExport, byJob map[string]*trackedExport) {
	store := s.config.Registry.known(s.config.Owner)
	if store == nil {
		return nil, nil
	}
	byJob = map[string]*trackedExport{}
	for _, e := range store.all() {
		t, _, _ := e.now()
		if !t.known() && s.config.Registry.startedByAnother(s.config.Owner, t.Job) {
			continue
		}
		all = append(all, e)
		if t.Job != "" {
			byJob[t.Job] = e
		}
	}
	return all, byJob
}

func (x Export) age() time.Time {
	if x.CreatedAt == nil {
		return time.Time{}
	}
	return *x.CreatedAt
}

// otherTypes are the job types of other products that appear in the vendor's SDK.
var otherTypes = []string{
	"event_export", "livequery_export", "endpoints", "usbdevice_export", "user_workflow_update", "alert_export", "device_export", "vulnerability_export",
}

// otherProduct reports whether a job certainly belongs to another product. For all other jobs the file decides when it is downloaded:
// a file of another product is refused.
func otherProduct(j cbc.Job) bool {
	if strings.Contains(strings.ToLower(j.Type+j.Parameters), "audit") {
		return false
	}
	return slices.Contains(otherTypes, strings.ToLower(j.Type))
}
