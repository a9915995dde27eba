package plugin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/panel"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

const (
	maxValues    = 1000           // that one answer lists
	valuesWindow = 24 * time.Hour // what is looked at when the request does not say
	valuesTime   = 30 * time.Second
	maxPrefix    = 500 // characters
)

// getValues lists the values of a key, for variables and for suggestions. It never reads the queue.
func (d *Instance) getValues(w http.ResponseWriter, r *http.Request) {
	wanted, err := parseValues(r.URL.Query(), time.Now())
	if err != nil {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(ratelimit.WithLane(r.Context(), ratelimit.LanePanel), valuesTime)
	defer cancel()
	values, complete, err := d.panel.Values(ctx, wanted)
	if err != nil {
		status, _ := classify(err)
		sendJSON(w, int(status), map[string]string{"error": err.Error()})
		return
	}
	sendJSON(w, http.StatusOK, struct {
		Values   []panel.Value `json:"values"`
		Complete bool          `json:"complete"`
	}{values, complete})
}

// valuesParameters are what the route takes.
var valuesParameters = []string{"field", "from", "prefix", "to"}

// parseValues reads the parameters of a request for values.
func parseValues(q url.Values, now time.Time) (panel.ValuesRequest, error) {
	out := panel.ValuesRequest{Key: auditlog.Key(q.Get("field")), Prefix: q.Get("prefix"), Most: maxValues}
	for name, values := range q {
		if !slices.Contains(valuesParameters, name) {
			return out, fmt.Errorf("unknown parameter %q: allowed are %s", name, strings.Join(valuesParameters, ", "))
		}
		if len(values) > 1 {
			return out, fmt.Errorf("%s is given twice", name)
		}
	}
	if !slices.Contains(auditlog.Keys(), out.Key) {
		return out, fmt.Errorf("field has an unknown value %q: allowed are %s", string(out.Key), keyList())
	}
	if len([]rune(out.Prefix)) > maxPrefix {
		return out, fmt.Errorf("prefix is too long: at most %d characters", maxPrefix)
	}
	to, err := instant(q, "to", now.UnixMilli())
	if err != nil {
		return out, err
	}
	from, err := instant(q, "from", to-valuesWindow.Milliseconds())
	if err != nil {
		return out, err
	}
	out.Window = auditlog.TimeRange{From: from, To: to}
	if err := out.Window.Validate(); err != nil {
		return out, fmt.Errorf("from must be less than to: %w", err)
	}
	return out, nil
}

// Instants that the cloud can be asked for have years of four digits.
var (
	firstInstant = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastInstant  = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// instant reads a time in milliseconds since the Unix epoch.
func instant(q url.Values, name string, otherwise int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < firstInstant || ms > lastInstant {
		return 0, fmt.Errorf("%s must be a time in milliseconds since 1970, such as %d, not %q", name, otherwise, text[:min(len(text), 40)])
	}
	return ms, nil
}

func keyList() string {
	names := make([]string, 0, len(auditlog.Keys()))
	for _, k := range auditlog.Keys() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
