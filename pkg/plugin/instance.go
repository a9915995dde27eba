// Package plugin implements the plugin: one file per capability that Grafana calls.
package plugin

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/build/buildinfo"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/archive"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/export"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/queue"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// ID is the plugin's id.
const ID = "carbonblack-auditlog-datasource"

var (
	_ backend.QueryDataHandler      = (*Instance)(nil)
	_ backend.CheckHealthHandler    = (*Instance)(nil)
	_ backend.CallResourceHandler   = (*Instance)(nil)
	_ instancemgmt.InstanceDisposer = (*Instance)(nil)
)

// freshFor is how long an answer about the end of the log, which has not settled, is reused for everybody.
const freshFor = 5 * time.Second

// Instance is one configured data source. Grafana makes a new instance when the settings change and disposes the old one a little later,
// so two can run side by side.
type Instance struct {
	backend.CallResourceHandler

	settings settings
	identity cbc.Identity
	owner    string // names the data source, independent of its settings
	http     *http.Client
	idle     func() // closes idle connections
	client   *cbc.Client
	limiter  *ratelimit.Limiter
	pool     *ratelimit.Pool // nil unless replicas share the budget
	detach   func()          // from the limiter of the host
	catalog  *catalog.Catalog
	history  *history.History
	queue    *queue.Queue     // nil unless the settings enable it
	archive  *archive.Archive // nil unless the settings enable it
	answerer *answer.Answerer
	streams  lifetime
	exports  *export.Service
	links    []frame.Link
}

// NewInstance makes an instance from settings. It sends nothing.
func NewInstance(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	parsed, err := parseSettings(s)
	if err != nil {
		return nil, settingsError(err)
	}
	clients, err := newHTTPClients(ctx, s)
	if err != nil {
		return nil, settingsError(err)
	}
	parsed.route = clients.route
	d, err := assemble(parsed, ownerOf(ctx, s), clients.api, clients.storage)
	if err != nil {
		return nil, settingsError(err)
	}
	d.idle = clients.closeIdle
	return d, nil
}

// ownerOf names a data source by its organization and its UID, which is unique only there.
func ownerOf(ctx context.Context, s backend.DataSourceInstanceSettings) string {
	return fmt.Sprintf("%d/%s", backend.PluginConfigFromContext(ctx).OrgID, s.UID)
}

// assemble makes an instance that sends its requests by httpClient, and follows redirects to other hosts by storage.
func assemble(parsed settings, owner string, httpClient, storage *http.Client) (*Instance, error) {
	id, secret, err := parsed.credential()
	if err != nil {
		return nil, err
	}
	identity, err := cbc.NewIdentity(parsed.url, parsed.orgKey, id, secret)
	if err != nil {
		return nil, err
	}
	classifier, err := catalogWith(rulesKey, parsed.rules)
	if err != nil {
		return nil, err
	}
	d := &Instance{
		settings: parsed, identity: identity.Via(parsed.route), owner: owner, catalog: classifier, streams: newLifetime(),
		http: httpClient, idle: httpClient.CloseIdleConnections,
	}
	if err := d.newClient(storage); err != nil {
		return nil, err
	}
	d.newAnswerer()
	if err := d.openStores(secret); err != nil {
		d.Dispose()
		return nil, err
	}
	if d.links, err = parsed.frameLinks(); err != nil {
		d.Dispose()
		return nil, err
	}
	d.exports = newExports(parsed, d.identity, secret, d.client, d.history, classifier)
	d.CallResourceHandler = d.routes()
	return d, nil
}

// newClient makes the client of Carbon Black Cloud, with the limiter of its host.
func (d *Instance) newClient(storage *http.Client) error {
	s := d.settings
	limiter, host, leaveHost := cbc.LimiterFor(s.url, s.route)
	pool, leavePool, err := sharedPool(limiter, host, s)
	if err != nil {
		leaveHost()
		return err
	}
	d.limiter, d.pool = limiter, pool
	d.detach = func() {
		leavePool()
		leaveHost()
	}
	d.client, err = cbc.New(cbc.Config{
		URL:                    s.url,
		OrgKey:                 s.orgKey,
		APIID:                  s.apiID,
		APISecret:              s.apiSecret,
		OAuth:                  s.oauth,
		Redact:                 s.secrets,
		UserAgent:              userAgent(),
		Limiter:                limiter,
		Pool:                   pool,
		Identity:               d.identity,
		RequestsPerFiveMinutes: s.requestsPerFiveMinutes,
		Observe:                observe,
		Storage:                storage,
	}, d.http)
	if err != nil {
		d.detach()
	}
	return err
}

// newAnswerer makes the history of searches, and what answers queries from it.
func (d *Instance) newAnswerer() {
	lookups := answer.NewMemory(0)
	d.history = history.New(history.Config{Searcher: d.client, Settle: d.settings.settle, Fresh: freshFor, OnSetBack: lookups.Forget})
	d.answerer = &answer.Answerer{
		History:    d.history,
		Classifier: d.catalog,
		SearchPath: d.client.SearchPath(),
		MaxEvents:  d.settings.maxEvents,
		MaxStale:   d.settings.settle,
		Settle:     d.settings.settle,
		Fresh:      freshFor,
		Memory:     lookups,
		Observe:    countEventsRead,
		BudgetLeft: d.budgetLeft,
	}
}

// openStores opens the queue and the archive, if the settings enable them.
func (d *Instance) openStores(secret string) error {
	if d.settings.queueEnabled {
		opened, err := openQueue(d.settings, d.identity, d.owner, secret, d.client)
		if err != nil {
			return err
		}
		d.queue, d.answerer.Queue = opened, opened
	}
	if d.settings.archiveDays > 0 {
		opened, err := openArchive(d.settings, d.identity, secret, d.client, d.catalog)
		if err != nil {
			return err
		}
		d.archive, d.answerer.Archive = opened, opened
	}
	return nil
}

// Dispose closes everything that the instance has open. Calling it again does nothing.
func (d *Instance) Dispose() {
	d.streams.end()
	d.client.Close()
	d.detach()
	if d.queue != nil {
		d.queue.Close()
	}
	if d.archive != nil {
		d.archive.Close()
	}
	d.idle()
}

// leave ends a call. If the instance was disposed during the call, it closes the connections that were opened since.
func (d *Instance) leave() {
	if d.streams.ctx.Err() != nil {
		d.idle()
	}
}

// userAgent returns the User-Agent header of all requests.
func userAgent() string {
	version := "dev"
	if info, err := buildinfo.GetBuildInfo.GetInfo(); err == nil && info.Version != "" {
		version = info.Version
	}
	return ID + "/" + version
}
