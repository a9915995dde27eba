package cbc

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// MaxRows is the number of events that a search can reach. All products of the vendor share this limit.
const MaxRows = 10_000

// Order is the order of a search's results by time.
type Order string

// The orders of a search.
const (
	NewestFirst Order = "DESC"
	OldestFirst Order = "ASC"
)

// SearchRequest asks for one page of events.
type SearchRequest struct {
	Filter     auditlog.Filter // must be a Filter.Cloud: the vendor does not know derived keys
	Start, End time.Time       // sent with microseconds; whether they are inclusive is not documented
	Order      Order
	Rows       int // 1 to MaxRows; always sent, because the vendor's default is not documented
	Offset     int // rows to skip
}

// Page is the result of a search. Found counts all matches. It may be capped, so a Found of MaxRows can mean more.
type Page struct {
	Found     int
	Available int
	Events    []auditlog.Event
	Bad       []BadRecord // records that are not usable events; Found includes them
	Digits    int         // the largest number of fraction digits in the events' times
	Bytes     int64
	Waited    time.Duration // for the rate limit
	Tries     int           // requests that were sent
}

// createTime is the criterion that every search has.
type createTime struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type sortField struct {
	Field string `json:"field"`
	Order Order  `json:"order"`
}

// timeLayout is the format of the vendor's SDK: UTC with six fraction digits.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Body returns the JSON body of the request. It contains no secret.
func (r SearchRequest) Body() []byte {
	body := searchBody(r.Filter, r.Start, r.End, r.Order)
	body["rows"], body["start"] = r.Rows, r.Offset
	return marshal(body)
}

// searchBody returns the members that the bodies of searches and exports share.
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
		panic(err) // strings, numbers and maps of them can always be marshaled
	}
	return raw
}

// terms converts criteria to the vendor's form: a flag is a boolean, everything else a list of strings.
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

// SearchPath returns the path of the organization's search.
func (c *Client) SearchPath() string {
	return "/audit_log/v1/orgs/" + c.config.OrgKey + "/logs/_search"
}

// Search reads one page of events. The error is an *Error.
func (c *Client) Search(ctx context.Context, r SearchRequest) (Page, error) {
	var page Page
	call := request{
		endpoint: "search", method: http.MethodPost, path: c.SearchPath(), body: r.Body(), permission: PermissionAudits, repeatable: true,
	}
	spent, err := c.call(ctx, call, func(body io.Reader) error {
		page = Page{} // discard an interrupted attempt
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
