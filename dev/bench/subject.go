package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"carbonblack-auditlog-datasource/pkg/plugin"
)

// window is the time range of a panel.
type window struct{ from, to time.Time }

func last(d time.Duration) window {
	now := time.Now()
	return window{now.Add(-d), now}
}

// subject is a plugin instance with an empty cache.
type subject struct{ instance *plugin.Instance }

// newSubject creates an instance without an effective rate limit, because the necessary calls are measured.
func newSubject(ctx context.Context, c *cloud, maxEvents int) (*subject, error) {
	settings, err := json.Marshal(map[string]any{
		"orgKey": c.OrgKey, "apiId": c.Keys[0].APIID, "requestsPerFiveMinutes": 1_000_000, "maxEvents": maxEvents,
	})
	if err != nil {
		return nil, err
	}
	made, err := plugin.NewInstance(ctx, backend.DataSourceInstanceSettings{
		Type: plugin.ID, URL: c.relay.url, JSONData: settings, DecryptedSecureJSONData: map[string]string{"apiSecret": c.Keys[0].APISecret},
	})
	if err != nil {
		return nil, err
	}
	instance, ok := made.(*plugin.Instance)
	if !ok {
		return nil, errors.New("the plugin's instance has an unexpected type")
	}
	return &subject{instance}, nil
}

// question is a query of a panel or an alert rule.
type question struct {
	query    json.RawMessage
	window   window
	interval time.Duration
	alert    bool
}

// points is Grafana's usual number of points for a panel of normal width.
const points = 500

func (s *subject) ask(ctx context.Context, q question) (data.Frames, error) {
	req := &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: q.query, Interval: q.interval, MaxDataPoints: points,
		TimeRange: backend.TimeRange{From: q.window.from, To: q.window.to},
	}}}
	if q.alert {
		req.Headers = map[string]string{"FromAlert": "true"}
	}
	resp, err := s.instance.QueryData(ctx, req)
	if err != nil {
		return nil, err
	}
	answer := resp.Responses["A"]
	if answer.Error != nil {
		return nil, fmt.Errorf("%s: %w", q.query, answer.Error)
	}
	return answer.Frames, nil
}

// warnings returns the notices that say that something is missing.
func warnings(frames data.Frames) (texts []string) {
	for _, f := range frames {
		if f.Meta == nil {
			continue
		}
		for _, n := range f.Meta.Notices {
			if n.Severity == data.NoticeSeverityWarning {
				texts = append(texts, n.Text)
			}
		}
	}
	return texts
}
