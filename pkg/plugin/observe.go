package plugin

import (
	"context"
	"errors"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// querySeconds has bounded labels: nothing that a caller can choose freely becomes a series.
var querySeconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "cbc_audit_query_seconds",
	Help:    "How long answers took, by who asked (panel, rule) and outcome (ok, throttled, query, failed).",
	Buckets: []float64{0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60},
}, []string{"caller", "outcome"})

// observeQuery logs an answered query at debug level, with its origin, and counts it.
func observeQuery(ctx context.Context, q backend.DataQuery, resp backend.DataResponse, err error, took time.Duration) {
	caller := "panel"
	if ratelimit.LaneOf(ctx) == ratelimit.LaneAlert {
		caller = "rule"
	}
	querySeconds.WithLabelValues(caller, outcomeOf(err)).Observe(took.Seconds())
	origin := ratelimit.OriginOf(ctx)
	args := []any{"refId", q.RefID, "dashboard", origin.Dashboard, "panel", origin.Panel, "rule", origin.Rule, "duration", took.String(), "calls", callsOf(resp)}
	if err != nil {
		args = append(args, "error", err.Error())
	}
	backend.Logger.FromContext(ctx).Debug("query answered", args...)
}

// outcomeOf sorts errors into a few kinds.
func outcomeOf(err error) string {
	var refused *query.Error
	var failed *cbc.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return "query"
	case errors.As(err, &failed) && failed.Kind == cbc.KindThrottled:
		return "throttled"
	}
	return "failed"
}

// callsOf returns how many requests an answer took, from its statistics.
func callsOf(resp backend.DataResponse) (calls int) {
	for _, f := range resp.Frames {
		if f.Meta == nil {
			continue
		}
		for _, s := range f.Meta.Stats {
			if s.DisplayName == "API calls" {
				calls = max(calls, int(s.Value))
			}
		}
	}
	return calls
}
