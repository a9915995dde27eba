package workbench

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// Metrics returns the plugin's metrics in the text format of Prometheus, as Grafana serves them at /metrics/plugins.
func (w *Workbench) Metrics(ctx context.Context) ([]byte, error) {
	conn, err := w.process.connect()
	if err != nil {
		return nil, err
	}
	response, err := conn.diagnostics.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{})
	if err != nil {
		return nil, err
	}
	return response.Metrics.Prometheus, nil
}
