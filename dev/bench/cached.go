package bench

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// cacheFigures holds the cost of a million cached events.
type cacheFigures struct {
	events        int64
	fill          time.Duration
	group         time.Duration // by actor and hour
	bytesAnEvent  float64       // heap that stays
	calls         int           // while grouping
	groupRepeated int
}

const (
	roomForAll  = 1 << 30 // bytes: an instance keeps 64 MiB
	groupedRuns = 15
)

// measureCache reads everything into a large cache and groups it by actor and hour.
func measureCache(ctx context.Context, c *cloud, t *truth) (cacheFigures, error) {
	client, err := cbc.New(cbc.Config{URL: c.relay.url, OrgKey: c.OrgKey, APIID: c.Keys[0].APIID, APISecret: c.Keys[0].APISecret}, http.DefaultClient)
	if err != nil {
		return cacheFigures{}, err
	}
	classifier := catalog.Default()
	query, err := query.Parse([]byte(readAll.query), classifier, raisedMaxEvents)
	if err != nil {
		return cacheFigures{}, err
	}
	before := liveHeap()
	p := &answer.Answerer{
		History:    history.New(history.Config{Searcher: client, Settle: time.Minute, CacheBytes: roomForAll}),
		Classifier: classifier, SearchPath: client.SearchPath(), MaxEvents: raisedMaxEvents,
	}
	group := func(width time.Duration) (data.Frames, error) {
		return p.Answer(ctx, answer.Request{
			Query: query, Range: auditlog.NewTimeRange(t.window.from, t.window.to), Interval: width, MaxDataPoints: 1000,
		})
	}
	start := time.Now()
	frames, err := group(bucketWidth)
	if err != nil {
		return cacheFigures{}, err
	}
	if _, err := judgeSeries(t, frames); err != nil {
		return cacheFigures{}, err
	}
	out := cacheFigures{events: t.total, fill: time.Since(start), groupRepeated: groupedRuns}
	out.bytesAnEvent = float64(liveHeap()-before) / float64(t.total)
	callsBefore, err := c.calls(ctx)
	if err != nil {
		return out, err
	}
	times := make([]time.Duration, groupedRuns)
	for i := range times {
		runtime.GC()
		start := time.Now()
		if _, err := group(time.Hour); err != nil {
			return out, err
		}
		times[i] = time.Since(start)
	}
	out.group = median(times)
	callsAfter, err := c.calls(ctx)
	out.calls = callsAfter - callsBefore
	return out, err
}
