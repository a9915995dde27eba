package workbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// PanelResult is the answer to one panel of a dashboard.
type PanelResult struct {
	Title string
	Type  string
	// Rows is the number of rows in all frames.
	Rows int
	// Calls is the sum of the frames' statistic "API calls".
	Calls float64
	// Took is the time until the answer was read.
	Took time.Duration
	// Err is why the panel has no answer, or nil.
	Err error
}

// panelClient queries Grafana, or the workbench, which has the same routes.
type panelClient struct {
	base   *url.URL
	client *http.Client
	vars   map[string]variable
	board  dashboardJSON
}

// BoardName names a dashboard.
type BoardName struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

// ListDashboards lists the dashboards with a tag, in Grafana's order; a Workbench lists all of its own. For baseURL, see
// RunDashboard.
func ListDashboards(ctx context.Context, client *http.Client, baseURL, tag string) ([]BoardName, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	base.RawQuery = url.Values{"type": {"dash-db"}, "tag": {tag}}.Encode()
	c := &panelClient{base: base, client: client}
	var boards []BoardName
	if err := c.get(ctx, "api/search", &boards); err != nil {
		return nil, fmt.Errorf("list of dashboards: %w", err)
	}
	return boards, nil
}

// RunDashboard queries every panel of a dashboard once, in the dashboard's time range and with the saved values of
// its variables. baseURL is a Workbench's URL or Grafana's, and may contain a user and password. The error is about the
// dashboard; the error of a panel is in its result.
func RunDashboard(ctx context.Context, client *http.Client, baseURL, uid string) ([]PanelResult, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	c := &panelClient{base: base, client: client}
	var answer struct {
		Dashboard dashboardJSON `json:"dashboard"`
	}
	if err := c.get(ctx, "api/dashboards/uid/"+url.PathEscape(uid), &answer); err != nil {
		return nil, fmt.Errorf("dashboard %q: %w", uid, err)
	}
	c.board = answer.Dashboard
	if c.vars, err = c.variables(ctx); err != nil {
		return nil, fmt.Errorf("variables of dashboard %q: %w", uid, err)
	}
	var results []PanelResult
	for _, panel := range flattenPanels(c.board.Panels) {
		if len(panel.Targets) > 0 {
			results = append(results, c.run(ctx, panel))
		}
	}
	return results, nil
}

func (c *panelClient) run(ctx context.Context, panel panelJSON) PanelResult {
	result := PanelResult{Title: panel.Title, Type: panel.Type}
	body, err := c.queryBody(panel)
	if err != nil {
		result.Err = err
		return result
	}
	start := time.Now()
	answer, err := c.query(ctx, panel, body)
	result.Took = time.Since(start)
	if err != nil {
		result.Err = err
		return result
	}
	var failed []error
	for refID, response := range answer.Results {
		if response.Error != "" {
			failed = append(failed, fmt.Errorf("query %s: %s", refID, response.Error))
		}
		for _, frame := range response.Frames {
			result.Rows += frame.rows()
			result.Calls += frame.calls()
		}
	}
	result.Err = errors.Join(failed...)
	return result
}

func (c *panelClient) query(ctx context.Context, panel panelJSON, body []byte) (queryAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("api/ds/query").String(), bytes.NewReader(body))
	if err != nil {
		return queryAnswer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Dashboard-Uid", c.board.UID)
	req.Header.Set("X-Panel-Id", fmt.Sprint(panel.ID))
	var answer queryAnswer
	status, err := c.do(req, &answer)
	if err == nil && len(answer.Results) == 0 {
		err = fmt.Errorf("HTTP %d: %s", status, answer.Message)
	}
	return answer, err
}

func (c *panelClient) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	status, err := c.do(req, into)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP %d", status)
	}
	return err
}

// do also decodes the bodies of errors: Grafana answers failed queries with one.
func (c *panelClient) do(req *http.Request, into any) (int, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return resp.StatusCode, fmt.Errorf("HTTP %d, but not the expected JSON: %w", resp.StatusCode, err)
	}
	return resp.StatusCode, nil
}

// queryAnswer is the part of Grafana's answer that is used here.
type queryAnswer struct {
	Message string `json:"message"`
	Results map[string]struct {
		Error  string      `json:"error"`
		Frames []frameJSON `json:"frames"`
	} `json:"results"`
}

type frameJSON struct {
	Schema struct {
		Meta struct {
			Stats []struct {
				DisplayName string  `json:"displayName"`
				Value       float64 `json:"value"`
			} `json:"stats"`
		} `json:"meta"`
	} `json:"schema"`
	Data struct {
		Values []json.RawMessage `json:"values"`
	} `json:"data"`
}

func (f frameJSON) rows() int {
	if len(f.Data.Values) == 0 {
		return 0
	}
	var column []json.RawMessage
	if err := json.Unmarshal(f.Data.Values[0], &column); err != nil {
		return 0
	}
	return len(column)
}

func (f frameJSON) calls() float64 {
	total := 0.0
	for _, stat := range f.Schema.Meta.Stats {
		if strings.EqualFold(stat.DisplayName, "API calls") {
			total += stat.Value
		}
	}
	return total
}
