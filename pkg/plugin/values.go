package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const (
	maxValues     = 1000           // that one answer lists
	valuesRange   = 24 * time.Hour // the time range of a request that names none
	valuesTimeout = 30 * time.Second
	maxPrefix     = 500 // characters
)

// getValues lists the values of a field, for variables and suggestions. It never reads the queue.
func (d *Instance) getValues(w http.ResponseWriter, r *http.Request) {
	request, err := parseValues(r.URL.Query(), time.Now())
	d.sendValues(w, r, request, err)
}

// postValues lists the values of a field among the events that match a filter, so that suggestions respect the other filters of a
// query.
func (d *Instance) postValues(w http.ResponseWriter, r *http.Request) {
	request, err := d.readValues(w, r, time.Now())
	d.sendValues(w, r, request, err)
}

// sendValues answers a request for values. It ends when the caller leaves.
func (d *Instance) sendValues(w http.ResponseWriter, r *http.Request, request answer.ValuesRequest, err error) {
	if err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ratelimit.WithLane(r.Context(), ratelimit.LanePanel), valuesTimeout)
	defer cancel()
	values, complete, err := d.answerer.Values(ctx, request)
	if err != nil {
		status, _ := classify(err)
		sendError(w, int(status), err.Error())
		return
	}
	sendJSON(w, http.StatusOK, struct {
		Values   []answer.Value `json:"values"`
		Complete bool           `json:"complete"`
	}{values, complete})
}

// valuesParameters are the parameters of GET values.
var valuesParameters = []string{"field", "from", "prefix", "to"}

// parseValues reads the parameters of GET values.
func parseValues(q url.Values, now time.Time) (answer.ValuesRequest, error) {
	for name, values := range q {
		if !slices.Contains(valuesParameters, name) {
			return answer.ValuesRequest{}, fmt.Errorf("unknown parameter %.60q: allowed are %s", name, strings.Join(valuesParameters, ", "))
		}
		if len(values) > 1 {
			return answer.ValuesRequest{}, fmt.Errorf("%s is given twice", name)
		}
	}
	return valuesRequest(q.Get("field"), q.Get("prefix"), q.Get("from"), q.Get("to"), now)
}

// valuesBody is the body of POST values. Times are milliseconds since 1970.
type valuesBody struct {
	Field      string          `json:"field"`
	From       json.Number     `json:"from"`
	To         json.Number     `json:"to"`
	Prefix     string          `json:"prefix"`
	Query      json.RawMessage `json:"query,omitempty"`
	Criteria   json.RawMessage `json:"criteria,omitempty"`
	Exclusions json.RawMessage `json:"exclusions,omitempty"`
}

// readValues reads the body of POST values. Its filter has the rules of a query's filter.
func (d *Instance) readValues(w http.ResponseWriter, r *http.Request, now time.Time) (answer.ValuesRequest, error) {
	var body valuesBody
	if err := readBody(w, r, maxRequest, &body); err != nil {
		return answer.ValuesRequest{}, fmt.Errorf(`the body is malformed, expected {"field":"…","from":ms,"to":ms,"prefix":"…","query":"…","criteria":{…},"exclusions":{…}}: %w`, err)
	}
	request, err := valuesRequest(body.Field, body.Prefix, body.From.String(), body.To.String(), now)
	if err != nil {
		return request, err
	}
	filter, err := json.Marshal(map[string]json.RawMessage{"query": body.Query, "criteria": body.Criteria, "exclusions": body.Exclusions})
	if err != nil {
		return request, err
	}
	parsed, err := query.Parse(filter, d.catalog, d.settings.maxEvents)
	request.Filter = parsed.Filter
	return request, err
}

// valuesRequest checks what both routes take.
func valuesRequest(field, prefix, fromText, toText string, now time.Time) (answer.ValuesRequest, error) {
	request := answer.ValuesRequest{Key: auditlog.Key(field), Prefix: prefix, Max: maxValues}
	if !request.Key.Known() {
		return request, fmt.Errorf("field has an unknown value %.60q: allowed are %s", field, auditlog.KeyList())
	}
	if len([]rune(prefix)) > maxPrefix {
		return request, fmt.Errorf("prefix is too long: at most %d characters", maxPrefix)
	}
	to, err := parseTime("to", toText, now.UnixMilli())
	if err != nil {
		return request, err
	}
	from, err := parseTime("from", fromText, to-valuesRange.Milliseconds())
	if err != nil {
		return request, err
	}
	request.Range = auditlog.TimeRange{From: from, To: to}
	if err := request.Range.Validate(); err != nil {
		return request, fmt.Errorf("from must be less than to: %w", err)
	}
	return request, nil
}

// The earliest and the latest time that Carbon Black Cloud can be asked for have years of four digits.
var (
	minTime = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// parseTime parses a time in milliseconds since 1970.
func parseTime(name, text string, byDefault int64) (int64, error) {
	if text == "" {
		return byDefault, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < minTime || ms > maxTime {
		return 0, fmt.Errorf("%s must be a time in milliseconds since 1970, such as %d, not %.40q", name, byDefault, text)
	}
	return ms, nil
}

// readBody decodes a JSON body of at most limit bytes. Unknown keys are errors.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	if r.Body == nil {
		return errors.New("it is empty") // the SDK passes an empty body as nil
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%.200s", err) // it may quote all of the body
	}
	return nil
}
