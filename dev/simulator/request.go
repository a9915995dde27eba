package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fieldNames are the fields of an event, in the order of an export.
var fieldNames = []string{"actor", "actor_ip", "create_time", "description", "flagged", "org_key", "request_url", "verbose"}

// criteriaNames are the keys of criteria and exclusions.
var criteriaNames = []string{"actor", "actor_ip", "create_time", "description", "flagged", "request_url", "verbose"}

// searchRequest is the validated body of _search or _export.
type searchRequest struct {
	criteria, exclusions criteria
	query                string
	rows, start          int
	sort                 []sortKey
	format               string // exports only
}

type sortKey struct {
	field      string
	descending bool
}

// criteria combines keys with AND, and the values of a key with OR.
type criteria struct {
	lists map[string][]string
	flags map[string]bool
	time  *window
}

// window bounds create_time; a nil bound is open.
type window struct{ start, end *time.Time }

// object is a JSON object that is read strictly: an unknown key or a wrong type is an error.
type object map[string]json.RawMessage

func readObject(raw []byte, path string, allowed []string) (object, *apiError) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	var o object
	if err := decoder.Decode(&o); err != nil || o == nil {
		return nil, badRequest("Malformed JSON input: "+path, path)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, badRequest("Malformed JSON input: text after the object", path)
	}
	for key := range o {
		if !slices.Contains(allowed, key) {
			e := badRequest("Unrecognized field: "+join(path, key), join(path, key))
			e.code, e.known = "UNRECOGNIZED_FIELD", allowed
			return nil, e
		}
	}
	return o, nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// read decodes a key of an object. A missing key leaves into unchanged; null is a wrong type.
func read[T any](o object, path, key string, into *T) *apiError {
	raw, ok := o[key]
	if !ok {
		return nil
	}
	if string(raw) == "null" || json.Unmarshal(raw, into) != nil {
		e := badRequest("Malformed JSON input: "+join(path, key), join(path, key))
		e.invalid = raw
		return e
	}
	return nil
}

func parseSearch(body []byte, sw *Switches, now time.Time) (*searchRequest, *apiError) {
	o, failed := readObject(body, "", []string{"criteria", "exclusions", "query", "rows", "sort", "start"})
	if failed != nil {
		return nil, failed
	}
	q := &searchRequest{rows: sw.DefaultRows}
	for _, failed := range []*apiError{
		q.parseCommon(o, sw, now), read(o, "", "rows", &q.rows), read(o, "", "start", &q.start), q.checkPage(sw),
	} {
		if failed != nil {
			return nil, failed
		}
	}
	return q, nil
}

func parseExport(body []byte, sw *Switches, now time.Time) (*searchRequest, *apiError) {
	o, failed := readObject(body, "", []string{"criteria", "exclusions", "format", "query", "sort"})
	if failed != nil {
		return nil, failed
	}
	q := &searchRequest{}
	if failed := q.parseCommon(o, sw, now); failed != nil {
		return nil, failed
	}
	if failed := read(o, "", "format", &q.format); failed != nil {
		return nil, failed
	}
	if q.format != "csv" && q.format != "json" {
		return nil, badValue("format", q.format, "csv", "json")
	}
	return q, nil
}

func (q *searchRequest) parseCommon(o object, sw *Switches, now time.Time) *apiError {
	var failed *apiError
	if raw, ok := o["criteria"]; ok {
		if q.criteria, failed = parseCriteria(raw, "criteria", sw, now); failed != nil {
			return failed
		}
	}
	if raw, ok := o["exclusions"]; ok {
		if q.exclusions, failed = parseCriteria(raw, "exclusions", sw, now); failed != nil {
			return failed
		}
	}
	if failed := read(o, "", "query", &q.query); failed != nil {
		return failed
	}
	return q.parseSort(o)
}

func (q *searchRequest) parseSort(o object) *apiError {
	var elements []json.RawMessage
	if failed := read(o, "", "sort", &elements); failed != nil {
		return failed
	}
	for i, raw := range elements {
		path := fmt.Sprintf("sort[%d]", i)
		element, failed := readObject(raw, path, []string{"field", "order"})
		if failed != nil {
			return failed
		}
		field, order := "", "ASC"
		if failed := read(element, path, "field", &field); failed != nil {
			return failed
		}
		if failed := read(element, path, "order", &order); failed != nil {
			return failed
		}
		if !slices.Contains(fieldNames, field) {
			return badValue(path+".field", field, fieldNames...)
		}
		upper := strings.ToUpper(order)
		if upper != "ASC" && upper != "DESC" {
			return badValue(path+".order", order, "ASC", "DESC")
		}
		q.sort = append(q.sort, sortKey{field, upper == "DESC"})
	}
	return nil
}

// checkPage checks the bounds of rows and start.
func (q *searchRequest) checkPage(sw *Switches) *apiError {
	if q.rows < 1 || (q.rows > sw.MaxRows && sw.OverMaxRows == "error") {
		e := badRequest(fmt.Sprintf("rows must be between 1 and %d", sw.MaxRows), "rows")
		e.invalid = q.rows
		return e
	}
	q.rows = min(q.rows, sw.MaxRows)
	if q.start < 0 {
		e := badRequest("start must not be negative", "start")
		e.invalid = q.start
		return e
	}
	if q.start+q.rows > sw.Reach && sw.OverReach == "error" {
		e := badRequest(fmt.Sprintf("start + rows must not exceed %d", sw.Reach), "start")
		e.invalid = q.start
		return e
	}
	return nil
}

func parseCriteria(raw json.RawMessage, path string, sw *Switches, now time.Time) (criteria, *apiError) {
	c := criteria{lists: map[string][]string{}, flags: map[string]bool{}}
	o, failed := readObject(raw, path, criteriaNames)
	if failed != nil {
		return c, failed
	}
	for key, value := range o {
		switch key {
		case "flagged", "verbose":
			var flag bool
			failed = read(o, path, key, &flag)
			c.flags[key] = flag
		case "create_time":
			c.time, failed = parseWindow(value, join(path, key), sw, now)
		default:
			c.lists[key], failed = readStrings(o, path, key)
		}
		if failed != nil {
			return c, failed
		}
	}
	return c, nil
}

// readStrings reads a list of strings; null is not a string.
func readStrings(o object, path, key string) ([]string, *apiError) {
	var pointers []*string
	if failed := read(o, path, key, &pointers); failed != nil {
		return nil, failed
	}
	list := make([]string, len(pointers))
	for i, p := range pointers {
		if p == nil {
			return nil, badRequest("Malformed JSON input: "+join(path, key), join(path, key))
		}
		list[i] = *p
	}
	return list, nil
}

func parseWindow(raw json.RawMessage, path string, sw *Switches, now time.Time) (*window, *apiError) {
	o, failed := readObject(raw, path, []string{"end", "range", "start"})
	if failed != nil {
		return nil, failed
	}
	if _, relative := o["range"]; relative {
		return parseRange(o, path, now)
	}
	w := &window{}
	if w.start, failed = readTime(o, path, "start"); failed != nil {
		return nil, failed
	}
	if w.end, failed = readTime(o, path, "end"); failed != nil {
		return nil, failed
	}
	if (w.start == nil || w.end == nil) && (sw.OneSidedTime == "error" || len(o) == 0) {
		return nil, badRequest(path+" needs start and end, or range", path)
	}
	if w.start != nil && w.end != nil && w.end.Before(*w.start) {
		return nil, badRequest(path+": end is before start", path)
	}
	return w.truncate(sw.BoundPrecision), nil
}

func (w *window) truncate(precision string) *window {
	unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second}[precision]
	for _, bound := range []*time.Time{w.start, w.end} {
		if bound != nil {
			*bound = bound.Truncate(unit)
		}
	}
	return w
}

var (
	timePattern  = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$`)
	rangePattern = regexp.MustCompile(`^-(\d{1,6})([ywdhms])$`)
)

func readTime(o object, path, key string) (*time.Time, *apiError) {
	text := ""
	if failed := read(o, path, key, &text); failed != nil {
		return nil, failed
	}
	if _, ok := o[key]; !ok {
		return nil, nil
	}
	t, err := parseTime(text)
	if err != nil {
		e := badRequest(join(path, key)+" is not an ISO 8601 time in UTC", join(path, key))
		e.invalid = text
		return nil, e
	}
	return &t, nil
}

func parseTime(text string) (time.Time, error) {
	if !timePattern.MatchString(text) {
		return time.Time{}, fmt.Errorf("invalid time: %q", text)
	}
	return time.Parse(time.RFC3339Nano, text)
}

// parseRange parses {"range":"-5d"}: the time from five days ago until now.
func parseRange(o object, path string, now time.Time) (*window, *apiError) {
	text := ""
	if failed := read(o, path, "range", &text); failed != nil {
		return nil, failed
	}
	parts := rangePattern.FindStringSubmatch(text)
	if parts == nil || len(o) != 1 {
		e := badRequest(path+": range stands alone and looks like -5d", path)
		e.invalid = text
		return nil, e
	}
	n, _ := strconv.Atoi(parts[1]) // six digits always fit
	start := now
	switch parts[2] {
	case "y":
		start = now.AddDate(-n, 0, 0)
	case "w":
		start = now.AddDate(0, 0, -7*n)
	case "d":
		start = now.AddDate(0, 0, -n)
	default:
		unit := map[string]time.Duration{"h": time.Hour, "m": time.Minute, "s": time.Second}[parts[2]]
		start = now.Add(-time.Duration(n) * unit)
	}
	return &window{start: &start, end: &now}, nil
}
