package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// reach is the maximum number of events that one search can return, page by page.
const reach = 10_000

// naive queries like a simple data source: each panel on its own, newest events first, in pages of 10,000 by offset as far
// as a search reaches, decoded with encoding/json and not cached.
type naive struct {
	http  *http.Client
	cloud *cloud
}

func newNaive(c *cloud) naive {
	return naive{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}, cloud: c}
}

// naiveEvent is an event for encoding/json.
type naiveEvent struct {
	CreateTime  time.Time `json:"create_time"`
	OrgKey      string    `json:"org_key"`
	Actor       string    `json:"actor"`
	ActorIP     string    `json:"actor_ip"`
	RequestURL  string    `json:"request_url"`
	Description string    `json:"description"`
	Flagged     bool      `json:"flagged"`
	Verbose     bool      `json:"verbose"`
}

type naivePage struct {
	Found   int          `json:"num_found"`
	Results []naiveEvent `json:"results"`
}

// read returns the reachable events of a window, and the number of its events.
func (n naive) read(ctx context.Context, w window) (events []naiveEvent, found int, err error) {
	for start := 0; start < reach; start += reach {
		var page naivePage
		if err := n.page(ctx, w, start, &page); err != nil {
			return nil, 0, err
		}
		events, found = append(events, page.Results...), page.Found
		if len(page.Results) == 0 || len(events) >= found {
			break
		}
	}
	return events, found, nil
}

func (n naive) page(ctx context.Context, w window, start int, into *naivePage) error {
	resp, err := n.send(ctx, w, start)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.NewDecoder(resp.Body).Decode(into)
}

// send requests a page.
func (n naive) send(ctx context.Context, w window, start int) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{
		"criteria": map[string]any{"create_time": map[string]any{"start": w.from.UTC(), "end": w.to.UTC()}},
		"rows":     reach, "start": start, "sort": []any{map[string]any{"field": "create_time", "order": "DESC"}},
	})
	if err != nil {
		return nil, err
	}
	url := n.cloud.relay.url + "/audit_log/v1/orgs/" + n.cloud.OrgKey + "/logs/_search"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Auth-Token", n.cloud.Keys[0].Token())
	req.Header.Set("Content-Type", "application/json")
	resp, err := n.http.Do(req)
	if err == nil && resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the naive client was answered %s", resp.Status)
	}
	return resp, err
}

// panel reads and groups events, as every panel does.
func (n naive) panel(ctx context.Context, w window) (counted int, err error) {
	events, _, err := n.read(ctx, w)
	if err != nil {
		return 0, err
	}
	groups := map[string]map[time.Time]int{}
	for _, e := range events {
		if groups[e.Actor] == nil {
			groups[e.Actor] = map[time.Time]int{}
		}
		groups[e.Actor][e.CreateTime.Truncate(time.Hour)]++
		counted++
	}
	return counted, nil
}
