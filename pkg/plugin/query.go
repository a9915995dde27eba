package plugin

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// concurrentQueries bounds how many queries of one request are answered at a time.
const concurrentQueries = 4

// QueryData answers the queries of a panel, an alert rule or Explore. A query that fails does not affect the others.
func (d *Instance) QueryData(request context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	ctx, cancel := inTime(d.withCaller(request, req))
	defer cancel()
	if len(req.Queries) > query.MaxQueriesPerRequest() {
		return tooManyQueries(req), nil
	}
	taken := newRoom(ratelimit.LaneOf(ctx))
	defer taken.releaseWhenSent(request)
	ctx = context.WithValue(ctx, roomKey{}, taken)
	answers := make([]backend.DataResponse, len(req.Queries))
	caller := callerKindOf(req)
	var group errgroup.Group
	group.SetLimit(concurrentQueries)
	for i, q := range req.Queries {
		group.Go(func() error {
			answers[i] = d.respond(ctx, q, caller)
			return nil
		})
	}
	_ = group.Wait() // a query's failure is in its answer
	resp := backend.NewQueryDataResponse()
	for i, q := range req.Queries {
		resp.Responses[q.RefID] = answers[i]
	}
	return resp, nil
}

func tooManyQueries(req *backend.QueryDataRequest) *backend.QueryDataResponse {
	resp := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		resp.Responses[q.RefID] = queryError(query.Errorf("the request has %d queries, more than the %d that are answered at a time: split the panel or the rule", len(req.Queries), query.MaxQueriesPerRequest()))
	}
	return resp
}

// alertTime bounds how long an alert rule waits for all its queries, so that it gets an answer or an error within 10 seconds.
const alertTime = 9 * time.Second

// inTime bounds how long a caller waits, so that it gets an answer or an error before its deadline.
func inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if ratelimit.LaneOf(ctx) != ratelimit.LaneAlert {
		return cbc.WithMargin(ctx)
	}
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < alertTime {
		return cbc.WithMargin(ctx)
	}
	return context.WithTimeout(ctx, alertTime)
}

// callerKind is the kind of caller, as far as the answer depends on it.
type callerKind struct{ alert, expression bool }

func callerKindOf(req *backend.QueryDataRequest) callerKind {
	return callerKind{alert: fromAlert(req), expression: req.GetHTTPHeader("X-Grafana-From-Expr") != ""}
}

// respond answers one query. A panic affects neither the process nor the other queries.
func (d *Instance) respond(ctx context.Context, q backend.DataQuery, from callerKind) (resp backend.DataResponse) {
	defer func() {
		if failure := recover(); failure != nil {
			backend.Logger.FromContext(ctx).Error("a query panicked", "error", failure, "stack", string(debug.Stack()))
			resp = queryError(fmt.Errorf("the plugin failed on this query: please report it"))
		}
	}()
	ctx, span := tracing.DefaultTracer().Start(ctx, "audit log query", trace.WithAttributes(attribute.String("refId", q.RefID)))
	defer span.End()
	started := time.Now()
	frames, err := d.answer(ctx, q, from)
	defer func() { observeQuery(ctx, q, resp, err, time.Since(started)) }()
	if err != nil {
		resp = queryError(tracing.Error(span, err))
		resp.Frames = frames
		return resp
	}
	for _, f := range frames {
		f.RefID = q.RefID
	}
	return backend.DataResponse{Status: backend.StatusOK, Frames: frames}
}

func (d *Instance) answer(ctx context.Context, q backend.DataQuery, from callerKind) (frame.Frames, error) {
	parsed, err := query.Parse(q.JSON, d.catalog, d.settings.maxEvents)
	if err != nil {
		return nil, err
	}
	if parsed.Type == query.TypeStatus || parsed.Type == query.TypeCallers {
		if from.alert {
			return nil, query.Errorf(`"queryType":"%s" is a table about the plugin, and an alert rule needs numbers: use "count", "series", "top", "firstSeen" or "events"`, parsed.Type)
		}
		return d.measure(ctx, parsed.Type), nil
	}
	frames, err := d.answerer.Answer(ctx, answer.Request{
		Query:         parsed,
		Range:         auditlog.NewTimeRange(q.TimeRange.From, q.TimeRange.To),
		Interval:      q.Interval,
		MaxDataPoints: q.MaxDataPoints,
		Numbers:       from.alert || from.expression,
		Alert:         from.alert,
		Now:           time.Now(),
		TakeRoom:      roomOf(ctx).take,
	})
	if !from.alert && !from.expression {
		frame.AddLinks(frames, d.links)
	}
	return frames, err
}
