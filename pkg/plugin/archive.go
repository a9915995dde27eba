package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/archive"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
	"carbonblack-auditlog-datasource/pkg/store"
)

// archiveShare is the part of the budget that filling the archive may use.
const archiveShare = 5

// maxArchiveDays is the longest time for which the settings let an archive keep events.
const maxArchiveDays = 3660

// openArchive opens the archive of the data source's credential. It sends nothing: the archive is filled once Carbon Black Cloud has
// accepted the credential.
func openArchive(s settings, id cbc.Identity, secret string, client *cbc.Client, classifier *catalog.Catalog) (*archive.Archive, error) {
	if s.storeDSN == "" {
		return nil, errors.New("storeDsn is missing: archiveDays needs the address of a database, such as postgres://user:password@host/name")
	}
	kept, err := store.NewArchive(s.storeDSN, id.APIKey)
	if err != nil {
		return nil, err
	}
	return archive.Open(archive.Config{
		Store:    kept,
		Searcher: background{client, ratelimit.Origin{Tenant: ratelimit.Tenant{Identity: id}}},
		Prover:   client,
		Secret:   store.Secret{Fingerprint: id.Fingerprint, Derive: verifierOf(secret)},
		Days:     s.archiveDays,
		Settle:   s.settle,
		Calls:    max(s.requestsPerFiveMinutes/archiveShare, 1),
		Catalog:  classifier.Fingerprint(),
		Class:    classifier.ClassifyEvent,
	}), nil
}

// archiveStatus is what GET status says of the archive. Times are milliseconds since 1970.
type archiveStatus struct {
	From             *int64  `json:"from"` // of the newest part that is held without a hole; null: nothing is held
	To               *int64  `json:"to"`
	Events           int64   `json:"events"`
	Complete         bool    `json:"complete"`
	RatePerSecond    float64 `json:"ratePerSecond"`
	RemainingSeconds *int64  `json:"remainingSeconds"` // about how long filling takes yet; null where that is not known
	Error            *string `json:"error"`            // why nothing is added now
}

// archiveStatus describes the archive; nil when it is off.
func (d *Instance) archiveStatus(ctx context.Context) *archiveStatus {
	if d.archive == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	state, err := d.archive.State(ctx)
	if err != nil {
		return &archiveStatus{Error: new(d.redact(err.Error()))}
	}
	state.Fill.Error = d.redact(state.Fill.Error)
	return describeArchive(state, d.settings.archiveDays)
}

func describeArchive(s store.ArchiveState, days int) *archiveStatus {
	out := &archiveStatus{Events: s.Events, RatePerSecond: s.Fill.RatePerSecond}
	if s.Fill.Error != "" {
		out.Error = new(s.Fill.Error)
	}
	n := len(s.Covered)
	if n == 0 {
		return out
	}
	newest := s.Covered[n-1]
	out.From, out.To = new(newest.From), new(newest.To)
	floor := time.UnixMilli(s.Now).AddDate(0, 0, -days).UnixMilli()
	missing := int64(0)
	for _, gap := range store.Outside(s.Covered, auditlog.TimeRange{From: floor, To: newest.To}) {
		missing += gap.To - gap.From
	}
	out.Complete = missing == 0
	if held := newest.To - newest.From; out.RatePerSecond > 0 && held > 0 {
		perMillisecond := float64(s.Events) / float64(held)
		out.RemainingSeconds = new(int64(float64(missing) * perMillisecond / out.RatePerSecond))
	}
	return out
}

// checkArchive reports what the archive holds.
func (d *Instance) checkArchive(ctx context.Context, accepted bool) step {
	switch {
	case d.archive == nil:
		return skip("archive", "Not needed, because the archive is off.")
	case !accepted:
		return skip("archive", "Not checked, because an earlier step failed.")
	}
	s := d.archiveStatus(ctx)
	switch {
	case s.Error != nil && *s.Error == store.ErrUnproved.Error():
		return passed("archive", "Filling begins within a minute.")
	case s.Error != nil:
		return warned("archive", "Filling has stopped: "+*s.Error+".", "It goes on by itself once the cause is gone.")
	case s.From == nil:
		return passed("archive", "Nothing is archived yet: filling begins within a minute.")
	case s.Complete:
		return passed("archive", fmt.Sprintf("Complete for %d days: %d events.", d.settings.archiveDays, s.Events))
	}
	return passed("archive", fmt.Sprintf("Holds %d events since %s. Filling goes on.", s.Events, time.UnixMilli(*s.From).UTC().Format(time.RFC3339)))
}

// archiveEstimate is the estimated size and cost of an archive.
type archiveEstimate struct {
	Events  int64 `json:"events"`
	Calls   int64 `json:"calls"`
	Seconds int64 `json:"seconds"` // to fill it
	Bytes   int64 `json:"bytes"`   // on the disk of the database
}

// bytesPerEvent is what an archived event takes on the disk, indexes included.
const bytesPerEvent = 250

// postArchiveEstimate estimates an archive from the number of events of the last day, which takes a request or two. It changes nothing.
func (d *Instance) postArchiveEstimate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Days int64 `json:"days"`
	}
	if !mayChange(r) {
		sendError(w, http.StatusForbidden, "this requires the role Editor or Admin")
		return
	}
	if err := readBody(w, r, maxRequest, &body); err != nil || body.Days < 1 || body.Days > maxArchiveDays {
		sendError(w, http.StatusBadRequest, fmt.Sprintf(`the body must be {"days":n} with n from 1 to %d`, maxArchiveDays))
		return
	}
	end := time.Now().Add(-d.settings.settle).Truncate(time.Minute)
	perDay, err := d.history.Count(r.Context(), auditlog.Filter{}, auditlog.NewTimeRange(end.AddDate(0, 0, -1), end), &history.Cost{})
	if err != nil {
		status, _ := classify(err)
		sendError(w, int(status), err.Error())
		return
	}
	sendJSON(w, http.StatusOK, estimateArchive(int64(perDay)*body.Days, int64(d.settings.requestsPerFiveMinutes)))
}

func estimateArchive(events, requestsPerFiveMinutes int64) archiveEstimate {
	calls := (events + cbc.MaxRows - 1) / cbc.MaxRows
	share := max(requestsPerFiveMinutes/archiveShare, 1)
	windows := max(calls-1, 0) / share // the first ones start at once
	return archiveEstimate{Events: events, Calls: calls, Seconds: windows*300 + min(calls, share), Bytes: events * bytesPerEvent}
}
