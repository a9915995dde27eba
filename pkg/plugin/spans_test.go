package plugin

import (
	"context"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// TestSpansReachFromTheQueryToItsRequest: the request's span belongs to the span of the query that sent it.
func TestSpansReachFromTheQueryToItsRequest(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	before := tracing.DefaultTracer()
	tracing.InitDefaultTracer(provider.Tracer("test"))
	t.Cleanup(func() {
		tracing.InitDefaultTracer(before)
		require.NoError(t, provider.Shutdown(context.Background()))
	})
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	require.NoError(t, ask(t, d, nil, `{"queryType":"count"}`)["A"].Error)
	var query, request tracetest.SpanStub
	for _, s := range spans.GetSpans() {
		switch {
		case s.Name == "audit log query":
			query = s
		case strings.HasPrefix(s.Name, "HTTP"):
			request = s
		}
	}
	require.True(t, query.SpanContext.IsValid())
	require.True(t, request.SpanContext.IsValid(), "%v", spans.GetSpans())
	require.Equal(t, query.SpanContext.TraceID(), request.SpanContext.TraceID())
	require.Equal(t, query.SpanContext.SpanID(), request.Parent.SpanID())
}
