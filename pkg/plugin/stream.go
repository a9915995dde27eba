package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
	"carbonblack-auditlog-datasource/pkg/tail"
)

var _ backend.StreamHandler = (*Instance)(nil)

// tailPath is the channel of a live tail: it ends with the SHA-256 of the query in the subscription. Grafana runs a channel once, with the
// query of its first subscriber, so the path must depend on the query alone.
var tailPath = regexp.MustCompile(`^tail/([0-9a-f]{64})$`)

// errReplaced ends the streams of a disposed instance. Grafana runs them again on the new instance.
var errReplaced = errors.New("the data source's settings have changed")

// lifetime bounds the streams of an instance.
type lifetime struct {
	ctx context.Context
	end context.CancelFunc
}

func newLifetime() lifetime {
	ctx, end := context.WithCancel(context.Background())
	return lifetime{ctx, end}
}

// live is a live tail that a viewer has requested.
type live struct {
	query query.Query
	refID string
}

// SubscribeStream lets a viewer join a live tail. A path that is not a tail's, or a missing query, is not found. A path of another query
// is denied, because viewers would see that query's events. A query without a live tail is an error.
func (d *Instance) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	text, status := queryText(req.Path, req.Data)
	if status != backend.SubscribeStreamStatusOK {
		return &backend.SubscribeStreamResponse{Status: status}, nil
	}
	l, err := d.parseLive(text)
	if err != nil {
		return nil, backend.DownstreamError(err)
	}
	var notices []frame.Notice
	if err := tailPlaces.mayOpen(d.place(l, req.PluginContext.User, req.Path)); err != nil { // Grafana does not show the words of an error here
		notices = ended(err)
	}
	empty, err := backend.NewInitialFrame(frame.Live(l.refID, nil, l.meta(notices)), frame.Whole)
	if err != nil {
		return nil, err
	}
	return &backend.SubscribeStreamResponse{Status: status, InitialData: empty}, nil
}

// PublishStream is denied to everybody: events come from Carbon Black Cloud only.
func (*Instance) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends the events of a live tail as they happen, until nobody watches.
func (d *Instance) RunStream(ctx context.Context, req *backend.RunStreamRequest, sender *backend.StreamSender) error {
	text, status := queryText(req.Path, req.Data)
	if status != backend.SubscribeStreamStatusOK {
		return nil // to run it again would be in vain
	}
	l, err := d.parseLive(text)
	if err != nil { // the settings have changed since it was subscribed to
		return l.end(sender, err)
	}
	leave, err := tailPlaces.enter(d.place(l, req.PluginContext.User, req.Path))
	if err != nil { // others were opened since
		return l.end(sender, err)
	}
	defer leave()
	ctx, cancel := context.WithCancel(d.withTenant(ctx, req.PluginContext.OrgID))
	defer cancel()
	defer context.AfterFunc(d.streams.ctx, cancel)()
	key := d.checkpointKey(req.Path)
	checkpoint, err := d.run(ctx, l, checkpoints.take(key, time.Now()), l.show(sender))
	switch {
	case d.streams.ctx.Err() != nil:
		checkpoints.put(key, checkpoint, time.Now())
		return errReplaced
	case errors.Is(err, context.Canceled):
		return nil
	}
	return err
}

// run runs the tail for the query's source.
func (d *Instance) run(ctx context.Context, l live, from tail.Checkpoint, deliver tail.Deliver) (tail.Checkpoint, error) {
	if l.query.Source == query.SourceQueue {
		return d.storeTail(l).Run(ctx, from, deliver)
	}
	search := tail.Search{
		History: d.history, Classifier: d.catalog, Filter: l.query.Filter,
		Settle: d.settings.settle, Poll: freshFor, Max: d.settings.maxEvents,
	}
	if l.query.Filter.Query != "" {
		search.Pace = d.tailPace
	}
	return search.Run(ctx, from, deliver)
}

// storeTail returns a tail of the store. Events of the queue may be as old as the poll interval and still be shown.
func (d *Instance) storeTail(l live) tail.Store {
	return tail.Store{Queue: d.queue, Classifier: d.catalog, Filter: l.query.Filter, Settle: d.settings.settle + d.settings.queuePoll}
}

// queryText returns the query of a subscription, if it belongs to the path.
func queryText(path string, data json.RawMessage) (string, backend.SubscribeStreamStatus) {
	match := tailPath.FindStringSubmatch(path)
	var brought struct {
		Query *string `json:"query"`
	}
	if match == nil || json.Unmarshal(data, &brought) != nil || brought.Query == nil {
		return "", backend.SubscribeStreamStatusNotFound
	}
	sum := sha256.Sum256([]byte(*brought.Query))
	if hex.EncodeToString(sum[:]) != match[1] {
		return "", backend.SubscribeStreamStatusPermissionDenied
	}
	return *brought.Query, backend.SubscribeStreamStatusOK
}

// parseLive parses the query of a live tail.
func (d *Instance) parseLive(text string) (live, error) {
	named := struct {
		RefID string `json:"refId"`
	}{RefID: "A"}
	_ = json.Unmarshal([]byte(text), &named) // what is wrong with it is said below
	l := live{refID: named.RefID}
	parsed, err := query.Parse([]byte(text), d.catalog, d.settings.maxEvents)
	switch {
	case err != nil:
		return l, err
	case parsed.Type != query.TypeEvents:
		return l, fmt.Errorf(`"queryType":"%s" has no live tail: only "events" has`, parsed.Type)
	case parsed.After != nil:
		return l, errors.New(`"after" has no live tail: leave it out to tail the events themselves`)
	case parsed.Source == query.SourceQueue && d.queue == nil:
		return l, errors.New(`"source":"queue" is off: set queueEnabled in the data source's settings, or tail "source":"search"`)
	}
	l.query = parsed
	return l, nil
}

// show sends new rows in the form that a panel with the same query shows.
func (l live) show(sender *backend.StreamSender) tail.Deliver {
	return func(rows []frame.Row, notices []frame.Notice) error {
		return sender.SendFrame(frame.Live(l.refID, rows, l.meta(notices)), frame.Whole)
	}
}

func (l live) meta(notices []frame.Notice) frame.Meta {
	executed := "live tail by searches of Carbon Black Cloud"
	if l.query.Source == query.SourceQueue {
		executed = "live tail of the store of the API key's queue"
	}
	if l.query.Fold {
		notices = append(notices, frame.Notice{Text: "A live tail shows each entry of a policy edit on its own"})
	}
	return frame.Meta{Executed: executed, Notices: notices, SearchWords: l.query.SearchWords(), DescriptionOnly: l.query.DescriptionOnly}
}

// end tells the viewers of a tail why it has ended.
func (l live) end(sender *backend.StreamSender, why error) error {
	return l.show(sender)(nil, ended(why))
}

func ended(why error) []frame.Notice {
	return []frame.Notice{{Warning: true, Text: "The live tail has ended: " + why.Error()}}
}

// SubscribeStream says what is wrong with the settings.
func (m *misconfigured) SubscribeStream(context.Context, *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	return nil, backend.DownstreamError(m.err)
}

// PublishStream is denied to everybody.
func (*misconfigured) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream ends a tail that was subscribed to before the settings became wrong, and tells its viewers.
func (m *misconfigured) RunStream(_ context.Context, _ *backend.RunStreamRequest, sender *backend.StreamSender) error {
	return live{refID: "A"}.end(sender, m.err)
}
