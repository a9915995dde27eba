package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// healthSpan is the time range of the health check's search.
const healthSpan = 24 * time.Hour

// CheckHealth asks for one event by the way every query goes, so that a green light means that queries work. It names the part
// that is wrong. The queue is left alone: reading it would consume it.
func (d *Instance) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	ctx = d.withTenant(ctx, backend.PluginConfigFromContext(ctx).OrgID)
	now := time.Now()
	page, err := d.client.Search(ctx, cbc.SearchRequest{Start: now.Add(-healthSpan), End: now, Order: cbc.NewestFirst, Rows: 1})
	if err != nil {
		return unhealthy(err), nil
	}
	message := fmt.Sprintf("Carbon Black Cloud answers: %d audit events in the last 24 hours.", page.Found)
	if page.Found == cbc.MaxRows {
		message = fmt.Sprintf("Carbon Black Cloud answers: at least %d audit events in the last 24 hours.", page.Found)
	}
	if d.queue != nil {
		message += " The queue of the API key is enabled: no other consumer should use this key."
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: message}, nil
}

func unhealthy(err error) *backend.CheckHealthResult {
	details := map[string]any{"verboseMessage": err.Error()}
	var failed *cbc.Error
	if errors.As(err, &failed) {
		details["part"] = failed.Kind
		details["status"] = failed.Status
	}
	raw, marshalErr := json.Marshal(details)
	if marshalErr != nil {
		raw = nil
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: err.Error(), JSONDetails: raw}
}
