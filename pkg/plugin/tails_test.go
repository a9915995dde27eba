package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// rawPackets keeps what a stream sends.
type rawPackets struct {
	awaited []byte        // text of a packet to wait for
	came    chan struct{} // receives when it came
	mu      sync.Mutex
	sent    []json.RawMessage
}

func (p *rawPackets) Send(packet *backend.StreamPacket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, packet.Data)
	if p.came != nil && bytes.Contains(packet.Data, p.awaited) {
		select {
		case p.came <- struct{}{}:
		default:
		}
	}
	return nil
}

func (p *rawPackets) all() []json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]json.RawMessage(nil), p.sent...)
}

// openTail opens a live tail of a user and returns what its viewer is told of its end; "" while it runs.
func openTail(t *testing.T, d *Instance, user, query string) (told func() string, stop func()) {
	t.Helper()
	path, data := channelOf(t, query)
	pc := backend.PluginContext{OrgID: 1, User: &backend.User{Login: user}}
	joined, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{PluginContext: pc, Path: path, Data: data})
	require.NoError(t, err)
	require.Equal(t, backend.SubscribeStreamStatusOK, joined.Status)
	tailPlaces.mu.Lock()
	before := len(tailPlaces.running)
	tailPlaces.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	var sent rawPackets
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.RunStream(ctx, &backend.RunStreamRequest{PluginContext: pc, Path: path, Data: data}, backend.NewStreamSender(&sent))
	}()
	running := func() bool {
		tailPlaces.mu.Lock()
		defer tailPlaces.mu.Unlock()
		return len(tailPlaces.running) > before
	}
	for stopped := false; !stopped && !running(); {
		select {
		case <-ended:
			stopped = true
		case <-time.After(time.Millisecond):
		}
	}
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return func() string {
		select {
		case <-ended:
			notice := readPacket(t, sent.all()[0]).Schema.Meta.Notices[0].Text
			require.Equal(t, notice, readPacket(t, joined.InitialData.Data()).Schema.Meta.Notices[0].Text, "it is said at once")
			return notice
		default:
			require.Empty(t, readPacket(t, joined.InitialData.Data()).Schema.Meta.Notices)
			return ""
		}
	}, stop
}

func TestOpenTailsAreBounded(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	d.owner = "1/bounded"
	queries, opened := 0, 0
	fresh := func() string {
		queries++
		return fmt.Sprintf(`{"query":"number%d"}`, queries)
	}
	var stopOne func()
	for viewer := range maxTailsOfDataSource / maxTailsOfViewer {
		for range maxTailsOfViewer {
			told, stop := openTail(t, d, fmt.Sprint("viewer", viewer), fresh())
			require.Empty(t, told())
			opened, stopOne = opened+1, stop
		}
		if opened < maxTailsOfDataSource {
			told, _ := openTail(t, d, fmt.Sprint("viewer", viewer), fresh())
			require.Contains(t, told(), "10 live tails are open already, the most that one user may have")
		}
	}
	told, _ := openTail(t, d, "another", fresh())
	require.Contains(t, told(), "50 live tails of this data source are open already")
	require.Greater(t, d.tailPace(), freshFor, "many tails ask more seldom")

	path, data := channelOf(t, `{"query":"number1"}`)
	joined, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{Path: path, Data: data})
	require.NoError(t, err)
	require.Empty(t, readPacket(t, joined.InitialData.Data()).Schema.Meta.Notices, "whoever joins a tail that runs takes no place")

	other := newInstance(t, settingsOf(sim, url, 0, nil))
	other.owner = "1/other"
	told, _ = openTail(t, other, "viewer0", fresh())
	require.Empty(t, told(), "another data source has places of its own")

	stopOne()
	told, _ = openTail(t, d, "another", fresh())
	require.Empty(t, told(), "a place that is left can be taken")
}

// Three hundred live tails with different Lucene texts, as many viewers as may be, and a rule on a queue that nobody has read yet: it
// gets its answer in time, from a small rate limit too.
func TestLiveTailsDoNotStarveARule(t *testing.T) {
	for _, limit := range []int{60, 600} {
		sim := simulator.New(simulator.Config{Generate: simulator.Generate{Days: 4, PerDay: 100, LivePerDay: -1}})
		server := serve(sim)
		t.Cleanup(server.Close)
		d := newInstance(t, settingsOf(sim, server.URL, 0, map[string]any{"queueEnabled": true, "requestsPerFiveMinutes": limit}))
		d.owner = fmt.Sprint("1/starve", limit)
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for i := range 300 {
			path, data := channelOf(t, fmt.Sprintf(`{"query":"description:word%d"}`, i))
			running.Go(func() {
				req := &backend.RunStreamRequest{PluginContext: backend.PluginContext{OrgID: 1, User: &backend.User{Login: fmt.Sprint("viewer", i)}}, Path: path, Data: data}
				_ = d.RunStream(ctx, req, backend.NewStreamSender(&rawPackets{}))
			})
		}
		for sim.State().Endpoints["search"].Calls < min(limit/2, maxTailsOfDataSource) {
			time.Sleep(time.Millisecond)
		}
		rule := func() error {
			return askQueue(t, d, map[string]string{"FromAlert": "true"}, 10*time.Minute, `{"source":"queue","queryType":"count"}`).Error
		}
		err := rule()
		for try := 0; err != nil && try < 4; try++ { // a slow machine gets more time, but less than the rate limit of the tails takes
			err = rule()
		}
		require.NoError(t, err)
		cancel()
		running.Wait()
		require.LessOrEqual(t, sim.State().Endpoints["search"].Calls, limit)
	}
}

// A burst of events goes to the viewers in pieces that Grafana's channels bear, and the rest is counted.
func TestBurstInALiveTail(t *testing.T) {
	for _, letter := range []string{"x", "<", "\x01", "ü", "\u2028", `"`} {
		sim, url := cloud(t, simulator.Config{})
		d := newInstance(t, settingsOf(sim, url, 0, nil))
		path, data := channelOf(t, `{"refId":"T"}`)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		sent := rawPackets{awaited: []byte("are not shown here"), came: make(chan struct{}, 1)}
		burst(sim, letter)
		go func() {
			ended <- d.RunStream(ctx, &backend.RunStreamRequest{Path: path, Data: data}, backend.NewStreamSender(&sent))
		}()
		for told := false; !told; {
			select {
			case <-sent.came:
				told = true
			case <-time.After(20 * time.Second): // on a machine so slow that the burst was too old when it was read
				burst(sim, letter)
			}
		}
		cancel()
		require.NoError(t, <-ended)
		for _, raw := range sent.all() {
			require.Less(t, len(raw), 600<<10, "%q", letter)
		}
	}
}

// burst makes more events happen at once than a live tail shows.
func burst(sim *simulator.Server, letter string) {
	at := time.Now().UTC().Truncate(time.Millisecond)
	events := make([]simulator.Event, 3000)
	for i := range events {
		events[i] = simulator.Event{CreateTime: at.Add(-time.Duration(i/10) * time.Millisecond), Actor: fmt.Sprint(i), Description: strings.Repeat(letter, 500)}
	}
	sim.Add(events...)
}
