// Package plugin is what Grafana talks to: one file a capability.
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

// freshFor is how long the end of the log that has not settled is taken as read, by everybody together.
const freshFor = 5 * time.Second

// Instance is one configured data source. Grafana makes a new one whenever the settings change and disposes the old one a
// little later, so two can work side by side.
type Instance struct {
	backend.CallResourceHandler

	settings settings
	identity cbc.Identity
	owner    string // the data source, whatever its settings
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

// NewInstance makes an instance of its settings. It sends nothing.
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

// ownerOf names a data source of Grafana: by its organization, in which its UID is unique.
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
	identity = identity.Via(parsed.route)
	classifier, err := catalogWith(rulesKey, parsed.rules)
	if err != nil {
		return nil, err
	}
	limiter, host, leaveHost := cbc.LimiterFor(parsed.url, parsed.route)
	pool, leavePool, err := sharedPool(limiter, host, parsed)
	if err != nil {
		leaveHost()
		return nil, err
	}
	leave := func() {
		leavePool()
		leaveHost()
	}
	client, err := cbc.New(cbc.Config{
		URL:                    parsed.url,
		OrgKey:                 parsed.orgKey,
		APIID:                  parsed.apiID,
		APISecret:              parsed.apiSecret,
		OAuth:                  parsed.oauth,
		Redact:                 parsed.secrets,
		UserAgent:              userAgent(),
		Limiter:                limiter,
		Pool:                   pool,
		Identity:               identity,
		RequestsPerFiveMinutes: parsed.requestsPerFiveMinutes,
		Observe:                observe,
		Storage:                storage,
	}, httpClient)
	if err != nil {
		leave()
		return nil, err
	}
	lookups := answer.NewMemory(0)
	past := history.New(history.Config{Searcher: client, Settle: parsed.settle, Fresh: freshFor, OnSetBack: lookups.Forget})
	d := &Instance{
		settings: parsed,
		identity: identity,
		owner:    owner,
		http:     httpClient,
		idle:     httpClient.CloseIdleConnections,
		client:   client,
		limiter:  limiter,
		pool:     pool,
		detach:   leave,
		catalog:  classifier,
		history:  past,
		streams:  newLifetime(),
		answerer: &answer.Answerer{
			History:    past,
			Classifier: classifier,
			SearchPath: client.SearchPath(),
			MaxEvents:  parsed.maxEvents,
			MaxStale:   parsed.settle,
			Settle:     parsed.settle,
			Fresh:      freshFor,
			Memory:     lookups,
		},
	}
	if parsed.queueEnabled {
		opened, err := openQueue(parsed, identity, owner, secret, client)
		if err != nil {
			d.Dispose()
			return nil, err
		}
		d.queue, d.answerer.Queue = opened, opened
	}
	if parsed.archiveDays > 0 {
		opened, err := openArchive(parsed, identity, secret, client, classifier)
		if err != nil {
			d.Dispose()
			return nil, err
		}
		d.archive, d.answerer.Archive = opened, opened
	}
	d.answerer.Observe, d.answerer.BudgetLeft = countEventsRead, d.budgetLeft
	if d.links, err = parsed.frameLinks(); err != nil {
		d.Dispose()
		return nil, err
	}
	d.exports = newExports(parsed, identity, secret, client, past, classifier)
	d.CallResourceHandler = d.routes()
	return d, nil
}

// Dispose closes what the instance holds open. Calling it again does nothing.
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

// leave ends a call: one that outlives the instance takes along the connections that it has opened since.
func (d *Instance) leave() {
	if d.streams.ctx.Err() != nil {
		d.idle()
	}
}

// userAgent tells Carbon Black Cloud who asks.
func userAgent() string {
	version := "dev"
	if info, err := buildinfo.GetBuildInfo.GetInfo(); err == nil && info.Version != "" {
		version = info.Version
	}
	return ID + "/" + version
}
