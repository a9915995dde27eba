package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

const (
	// healthSpan is the time range of the health check's search.
	healthSpan = 24 * time.Hour
	// healthTimeout bounds a check without a deadline: Grafana's own requests wait for 30 seconds.
	healthTimeout = 25 * time.Second
)

// healthDetails are the JSONDetails of a check. Grafana shows the verbose message, and the settings page the steps.
type healthDetails struct {
	VerboseMessage string   `json:"verboseMessage"`
	Steps          []step   `json:"steps"`
	Part           cbc.Kind `json:"part,omitempty"`
	Status         *int     `json:"status,omitempty"`
}

// CheckHealth checks, in order, everything that a data source needs. It searches for one event as every query does, so success means that
// queries work. It never reads the queue, because reading consumes it.
func (d *Instance) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx, cancel := healthDeadline(d.withTenant(ctx, backend.PluginConfigFromContext(ctx).OrgID))
	defer cancel()
	var stored step
	var checking sync.WaitGroup
	checking.Go(func() { stored = d.checkStore(ctx) }) // a cloud that does not answer must not hide a broken store
	found, cloud, err := d.checkCloud(ctx)
	checking.Wait()
	steps := append([]step{passed("settings", "Complete.")}, cloud...)
	steps = append(steps, stored, d.checkLease(ctx, err == nil), d.checkArchive(ctx, err == nil), d.checkBudget(ctx))
	return healthResult(steps, found, err), nil
}

// healthDeadline leaves time to return the answer before the caller's deadline.
func healthDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); !bounded {
		return context.WithTimeout(ctx, healthTimeout)
	}
	return cbc.WithMargin(ctx)
}

// checkCloud searches for one event and lists the jobs, and returns what the answers say about each step.
func (d *Instance) checkCloud(ctx context.Context) (message string, steps []step, err error) {
	now := time.Now()
	probed, probe := withProbe(ctx)
	page, err := d.client.Search(probed, cbc.SearchRequest{Start: now.Add(-healthSpan), End: now, Order: cbc.NewestFirst, Rows: 1})
	steps = cloudSteps(err, probe, d.settings.oauth != nil)
	if err != nil {
		return "", append(steps, skip("jobs.status", "Not checked, because the search failed.")), err
	}
	_, jobsErr := d.client.Jobs(ctx)
	message = fmt.Sprintf("Carbon Black Cloud answers: %d audit events in the last 24 hours.", page.Found)
	if page.Found == cbc.MaxRows {
		message = fmt.Sprintf("Carbon Black Cloud answers: at least %d audit events in the last 24 hours.", page.Found)
	}
	if d.queue != nil {
		message += " The queue of the API key is enabled: no other consumer should use this key."
	}
	return message, append(steps, jobsStep(jobsErr)), nil
}

// healthResult makes an answer of the steps: its message is that of the first step that failed.
func healthResult(steps []step, message string, err error) *backend.CheckHealthResult {
	details := healthDetails{VerboseMessage: describeSteps(steps), Steps: steps}
	if failed, ok := errors.AsType[*cbc.Error](err); ok {
		details.Part, details.Status = failed.Kind, &failed.Status
	}
	result := &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: message}
	if err != nil {
		result.Status, result.Message = backend.HealthStatusError, err.Error()
	}
	for _, s := range steps {
		if s.Status == stepFailed && err == nil {
			result.Status, result.Message = backend.HealthStatusError, s.sentence()
			break
		}
		if s.Status == stepWarning && result.Status == backend.HealthStatusOk {
			result.Message += " " + s.sentence()
		}
	}
	raw, marshalErr := json.Marshal(details)
	if marshalErr == nil {
		result.JSONDetails = raw
	}
	return result
}

// unhealthy is the answer for settings that cannot work.
func unhealthy(err error) *backend.CheckHealthResult {
	steps := []step{failed("settings", err.Error()+".", "Correct the setting, and save.")}
	for _, name := range stepOrder[1:] {
		steps = append(steps, skip(name, "Not checked, because the settings are wrong."))
	}
	return healthResult(steps, "", err)
}
