package plugin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// maxUID bounds a UID in a header: Grafana's own UIDs have up to 40 characters.
const maxUID = 64

// withCaller marks the requests of a query with their origin and their priority.
func (d *Instance) withCaller(ctx context.Context, req *backend.QueryDataRequest) context.Context {
	lane := ratelimit.LanePanel
	if fromAlert(req) {
		lane = ratelimit.LaneAlert
	}
	origin := ratelimit.Origin{
		Tenant:    d.tenant(req.PluginContext.OrgID),
		Dashboard: uid(req, "X-Dashboard-Uid"),
		Panel:     uid(req, "X-Panel-Id"),
		Rule:      uid(req, "X-Rule-Uid"),
	}
	knownTitles.record(origin, req)
	return ratelimit.WithLane(ratelimit.WithOrigin(ctx, origin), lane)
}

// tenant returns the tenant of a Grafana organization's requests.
func (d *Instance) tenant(orgID int64) ratelimit.Tenant {
	return ratelimit.Tenant{Identity: d.identity, OrgID: orgID}
}

// withTenant marks requests that belong to a Grafana organization, but not to a dashboard or a rule.
func (d *Instance) withTenant(ctx context.Context, orgID int64) context.Context {
	return ratelimit.WithOrigin(ctx, ratelimit.Origin{Tenant: d.tenant(orgID)})
}

// limits returns the state of the host's rate limit, as far as the caller in ctx may see it.
func (d *Instance) limits(ctx context.Context) ratelimit.Status {
	viewer := ratelimit.Viewer{Tenant: ratelimit.OriginOf(ctx).Tenant, Accepted: d.client.Accepted(), Limit: d.settings.requestsPerFiveMinutes}
	if viewer.Tenant.Identity != d.identity {
		viewer.Tenant = d.tenant(0)
	}
	return d.limiter.Status(viewer)
}

// fromAlert reports whether the request comes from an alert rule. Alerting sends its mark as a plain key, not as a header.
func fromAlert(req *backend.QueryDataRequest) bool { return req.Headers["FromAlert"] == "true" }

// uid reads a header with a UID; alerting escapes it.
func uid(req *backend.QueryDataRequest, header string) string {
	value := req.GetHTTPHeader(header)
	if plain, err := url.PathUnescape(value); err == nil {
		value = plain
	}
	return value[:min(len(value), maxUID)]
}

// getStatus returns the requests that are left, waiting and spent, what is cached and archived, and the state of the queue.
func (d *Instance) getStatus(w http.ResponseWriter, r *http.Request) {
	sendJSON(w, http.StatusOK, struct {
		ratelimit.Status
		Shared *ratelimit.PoolStatus `json:"sharedBudget"`
		Cache  history.Status        `json:"cache"`
		Queue  *queueStatus          `json:"queue"`
		// Archive is null when it is off.
		Archive *archiveStatus `json:"archive"`
	}{d.limits(r.Context()), d.sharedStatus(), d.history.Status(), d.queueStatus(r.Context()), d.archiveStatus(r.Context())})
}

// sharedStatus describes the budget that replicas share; nil without one.
func (d *Instance) sharedStatus() *ratelimit.PoolStatus {
	if d.pool == nil {
		return nil
	}
	status := d.pool.Status()
	return &status
}
