package cbc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// MaxRows is the most events one search can reach; the vendor's products share this bound.
const MaxRows = 10_000

// Order is the direction of a search's time sort.
type Order string

// The orders in which events come.
const (
	NewestFirst Order = "DESC"
	OldestFirst Order = "ASC"
)

// SearchRequest asks for one page of events.
type SearchRequest struct {
	Filter     auditlog.Filter // must be a Filter.Cloud: derived keys are not the vendor's
	Start, End time.Time       // sent with microseconds; whether they are inclusive is not documented
	Order      Order
	Rows       int // 1 to MaxRows, always sent: the vendor's default page has 20 rows
	Offset     int // rows to skip, 0-based
}

// Page is what a search found. Found counts all hits; it may be capped at the reach, so a Found of MaxRows can mean more.
type Page struct {
	Found     int
	Available int
	Events    []auditlog.Event
	Bad       []BadRecord // records that are no usable events; Found counts them, too
	Digits    int         // the most fraction digits of a second in the events' times: how fine the times are written
	Bytes     int64
	Waited    time.Duration // for the rate limit
	Tries     int           // requests it took
}

// createTime is the one criterion that every search has.
type createTime struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type sortField struct {
	Field string `json:"field"`
	Order Order  `json:"order"`
}

// timeLayout is the format that the vendor's own client sends: UTC with six digits.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Body returns the JSON body that is sent, without any secret.
func (r SearchRequest) Body() []byte {
	body := searchBody(r.Filter, r.Start, r.End, r.Order)
	body["rows"], body["start"] = r.Rows, r.Offset
	return marshal(body)
}

// searchBody is what the bodies of a search and of an export share.
func searchBody(f auditlog.Filter, start, end time.Time, order Order) map[string]any {
	criteria := terms(f.Criteria)
	criteria["create_time"] = createTime{Start: start.UTC().Format(timeLayout), End: end.UTC().Format(timeLayout)}
	body := map[string]any{"criteria": criteria, "sort": []sortField{{Field: "create_time", Order: order}}}
	if exclusions := terms(f.Exclusions); len(exclusions) > 0 {
		body["exclusions"] = exclusions
	}
	if f.Query != "" {
		body["query"] = f.Query
	}
	return body
}

func marshal(body map[string]any) []byte {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings, numbers and maps of them always marshal
	}
	return raw
}

// terms writes lists of values as the vendor wants them: a flag is one boolean, everything else a list of strings.
func terms(t auditlog.Terms) map[string]any {
	out := make(map[string]any, len(t)+1)
	for key, values := range t {
		switch {
		case len(values) == 0:
		case !key.Boolean():
			out[string(key)] = values
		case len(values) == 1:
			out[string(key)] = values[0] == "true"
		}
	}
	return out
}

// SearchPath is the path of the search of an organization.
func (c *Client) SearchPath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_search"
}

// Search asks for one page. A failure is an *Error.
func (c *Client) Search(ctx context.Context, r SearchRequest) (Page, error) {
	var page Page
	call := request{
		endpoint: "search", method: http.MethodPost, path: c.SearchPath(), body: r.Body(), permission: PermissionAudits, repeatable: true,
	}
	spent, err := c.call(ctx, call, func(body io.Reader) error {
		page = Page{} // of an earlier try that broke off
		d := newDecoder(body)
		if err := d.page(&page, r.Rows); err != nil {
			return err
		}
		page.Bytes, page.Digits = d.read, d.digits
		c.redactReasons(page.Bad)
		return nil
	})
	if err != nil {
		return Page{Waited: spent.waited, Tries: spent.tries}, err
	}
	page.Waited, page.Tries = spent.waited, spent.tries
	return page, nil
}
