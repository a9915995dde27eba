package plugin

import (
	"errors"
	"math"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// The plugin's own metrics; Grafana serves them with the SDK's.
var (
	apiCalls = promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "cbc_audit_api_calls_total",
		Help: "Requests sent to Carbon Black Cloud, by endpoint and outcome: ok, or the part that failed.",
	}, []string{"endpoint", "outcome"})
	apiWaits = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "cbc_audit_api_wait_seconds",
		Help:    "How long requests to Carbon Black Cloud waited for their start, because of the limits.",
		Buckets: []float64{0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 60, 300},
	}, []string{"endpoint"})
)

// eventsRead counts the events that answers were made of.
var eventsRead = promauto.NewCounterVec(prometheus.CounterOpts{
	Name: "cbc_audit_events_read_total",
	Help: "Audit events that answers were made of, by where they came from: the cache or Carbon Black Cloud.",
}, []string{"from"})

// countEventsRead counts the events that an answer was made of.
func countEventsRead(s frame.Stats) {
	cached := math.Round(s.CacheShare * float64(s.Read))
	eventsRead.WithLabelValues("cache").Add(cached)
	eventsRead.WithLabelValues("cloud").Add(float64(s.Read) - cached)
}

// budgetLeft returns how many requests the data source may still send in the current five minutes.
func (d *Instance) budgetLeft() int {
	return min(d.limiter.Budget().Left, d.settings.requestsPerFiveMinutes)
}

// observe counts a request that has ended.
func observe(c cbc.Call) {
	outcome := "ok"
	if failed, ok := errors.AsType[*cbc.Error](c.Err); ok {
		outcome = strings.ReplaceAll(strings.ToLower(string(failed.Kind)), " ", "_")
	}
	apiCalls.WithLabelValues(c.Endpoint, outcome).Inc()
	apiWaits.WithLabelValues(c.Endpoint).Observe(c.Waited.Seconds())
}

func init() { prometheus.MustRegister(budgets{}) }

// budgets reports what is left at each host. It reads the limiters when the metrics are read, since a budget also grows while nothing is
// sent.
type budgets struct{}

var budgetLeft = prometheus.NewDesc("cbc_audit_api_budget_left",
	"Requests to Carbon Black Cloud that may still start in the present window of five minutes.", []string{"host"}, nil)

// Describe names the metric.
func (budgets) Describe(out chan<- *prometheus.Desc) { out <- budgetLeft }

// Collect reports every host.
func (budgets) Collect(out chan<- prometheus.Metric) {
	ratelimit.EachBudget(func(host string, b ratelimit.Budget) {
		out <- prometheus.MustNewConstMetric(budgetLeft, prometheus.GaugeValue, float64(b.Left), host)
	})
}
