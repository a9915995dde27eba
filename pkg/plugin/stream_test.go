package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/tail"
)

// channelOf is the path and the data of a query's live tail, as the browser makes them.
func channelOf(t testing.TB, query string) (path string, data json.RawMessage) {
	t.Helper()
	data, err := json.Marshal(map[string]string{"query": query})
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(query))
	return "tail/" + hex.EncodeToString(sum[:]), data
}

// packet is a frame as a viewer gets it.
type packet struct {
	came   time.Time
	Schema struct {
		RefID string `json:"refId"`
		Meta  struct {
			Type          string                  `json:"type"`
			Visualization string                  `json:"preferredVisualisationType"`
			Notices       []struct{ Text string } `json:"notices"`
		} `json:"meta"`
		Fields []struct{ Name string } `json:"fields"`
	} `json:"schema"`
	Data struct {
		Values [][]any `json:"values"`
	} `json:"data"`
}

// column returns the values of a field.
func (p packet) column(name string) (texts []string) {
	for i, f := range p.Schema.Fields {
		if f.Name == name && i < len(p.Data.Values) {
			for _, v := range p.Data.Values[i] {
				texts = append(texts, v.(string))
			}
		}
	}
	return texts
}

func readPacket(t testing.TB, raw []byte) packet {
	t.Helper()
	p := packet{came: time.Now()}
	require.NoError(t, json.Unmarshal(raw, &p))
	require.Equal(t, "log-lines", p.Schema.Meta.Type)
	require.Equal(t, "logs", p.Schema.Meta.Visualization)
	return p
}

// viewers are what a stream is sent to.
type viewers struct {
	t       testing.TB
	packets chan packet
}

func (v viewers) Send(p *backend.StreamPacket) error {
	v.packets <- readPacket(v.t, p.Data)
	return nil
}

// next is the next packet with rows.
func (v viewers) next() packet {
	v.t.Helper()
	for {
		select {
		case p := <-v.packets:
			if len(p.column("id")) > 0 {
				return p
			}
		case <-time.After(15 * time.Second):
			require.Fail(v.t, "nothing came")
		}
	}
}

// watch subscribes to a query and runs its stream; ended tells with what it ended.
func watch(t testing.TB, d *Instance, query string) (v viewers, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	path, data := channelOf(t, query)
	joined, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{Path: path, Data: data})
	require.NoError(t, err)
	require.Equal(t, backend.SubscribeStreamStatusOK, joined.Status)
	require.Empty(t, readPacket(t, joined.InitialData.Data()).column("id"))
	v = viewers{t, make(chan packet, 1000)}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	done := make(chan error, 1)
	go func() {
		done <- d.RunStream(ctx, &backend.RunStreamRequest{Path: path, Data: data}, backend.NewStreamSender(v))
	}()
	return v, stop, done
}

func TestWhoMayWatch(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	good, data := channelOf(t, `{"refId":"A"}`)
	other, _ := channelOf(t, `{"refId":"B"}`)
	for name, c := range map[string]struct {
		path string
		data json.RawMessage
		want backend.SubscribeStreamStatus
	}{
		"a tail":               {good, data, backend.SubscribeStreamStatusOK},
		"another query's path": {other, data, backend.SubscribeStreamStatusPermissionDenied},
		"no data":              {good, nil, backend.SubscribeStreamStatusNotFound},
		"other data":           {good, json.RawMessage(`{"query":5}`), backend.SubscribeStreamStatusNotFound},
		"no query":             {good, json.RawMessage(`{}`), backend.SubscribeStreamStatusNotFound},
		"another channel":      {"metrics/" + good[5:], data, backend.SubscribeStreamStatusNotFound},
		"a longer path":        {good + "/x", data, backend.SubscribeStreamStatusNotFound},
		"capitals":             {"tail/" + "ABCDEF" + good[11:], data, backend.SubscribeStreamStatusNotFound},
		"nothing":              {"", nil, backend.SubscribeStreamStatusNotFound},
	} {
		got, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{Path: c.path, Data: c.data})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got.Status, name)
		require.Equal(t, c.want == backend.SubscribeStreamStatusOK, got.InitialData != nil, name)
	}
	published, err := d.PublishStream(context.Background(), &backend.PublishStreamRequest{Path: good, Data: data})
	require.NoError(t, err)
	require.Equal(t, backend.PublishStreamStatusPermissionDenied, published.Status)
	require.Empty(t, sim.Requests(), "to join asks nothing")
}

// A query without a live tail is refused in words; one whose settings have changed meanwhile tells its viewers and ends.
func TestWhatCannotBeWatched(t *testing.T) {
	sim, url := cloud(t, simulator.Config{})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	for query, words := range map[string]string{
		`{"refId":"Q","queryType":"count"}`:        `"count" has no live tail`,
		`{"refId":"Q","source":"queue"}`:           "queueEnabled",
		`{"refId":"Q","colour":"red"}`:             `unknown key "colour"`,
		`{"refId":"Q","criteria":{"outcome":[5]}}`: "criteria.outcome",
		`[`: "not a JSON object",
	} {
		path, data := channelOf(t, query)
		_, err := d.SubscribeStream(context.Background(), &backend.SubscribeStreamRequest{Path: path, Data: data})
		require.ErrorContains(t, err, words)
		require.True(t, backend.IsDownstreamError(err), query)

		v := viewers{t, make(chan packet, 1)}
		require.NoError(t, d.RunStream(context.Background(), &backend.RunStreamRequest{Path: path, Data: data}, backend.NewStreamSender(v)))
		told := <-v.packets
		require.Contains(t, told.Schema.Meta.Notices[0].Text, words)
		require.Contains(t, []string{"Q", "A"}, told.Schema.RefID)
	}
	path, _ := channelOf(t, `{}`)
	require.NoError(t, d.RunStream(context.Background(), &backend.RunStreamRequest{Path: path}, nil))
	require.Empty(t, sim.Requests())

	wrong := newMisconfigured(errReplaced)
	_, err := wrong.SubscribeStream(context.Background(), nil)
	require.ErrorIs(t, err, errReplaced)
	v := viewers{t, make(chan packet, 1)}
	require.NoError(t, wrong.RunStream(context.Background(), nil, backend.NewStreamSender(v)))
	require.Contains(t, (<-v.packets).Schema.Meta.Notices[0].Text, "settings have changed")
	published, err := wrong.PublishStream(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, backend.PublishStreamStatusPermissionDenied, published.Status)
}

// The rows of a tail have the ids that a panel gives them, and pass the whole filter, the derived part too.
func TestTailShowsWhatAPanelShows(t *testing.T) {
	sim, url := liveCloud(t)
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-10 * time.Second)
	failed := simulator.Event{CreateTime: at, Actor: "tail@example.org", Description: "User tail@example.org failed to log in"}
	sim.Add(failed, failed, simulator.Event{CreateTime: at, Actor: "tail@example.org", Description: "Logged in successfully"})
	v, stop, ended := watch(t, d, `{"refId":"T","criteria":{"actor":["tail@example.org"]}}`)
	got := v.next()
	panel := askQueue(t, d, nil, time.Minute, `{"criteria":{"actor":["tail@example.org"]},"sort":"asc"}`)
	require.NoError(t, panel.Error)
	ids, _ := panel.Frames[0].FieldByName("id")
	want := make([]string, ids.Len())
	for i := range want {
		want[i] = ids.At(i).(string)
	}
	require.Len(t, want, 3)
	require.Equal(t, want, got.column("id"))
	require.Equal(t, "T", got.Schema.RefID)
	stop()
	require.NoError(t, <-ended)
}

// hasty is an instance that reads the queue oftener than settings may say.
func hasty(t testing.TB, sim *simulator.Server, url string, poll time.Duration) *Instance {
	t.Helper()
	parsed, err := parseSettings(settingsOf(sim, url, 0, map[string]any{"queueEnabled": true}))
	require.NoError(t, err)
	parsed.queuePoll = poll
	parsed.requestsPerFiveMinutes = 100_000
	client := &http.Client{Transport: &http.Transport{}}
	d, err := assemble(parsed, "1/test", client, client)
	require.NoError(t, err)
	t.Cleanup(d.Dispose)
	return d
}

// A disposed instance ends its streams with an error, so that Grafana runs them on the one in its place, where they go on.
func TestStreamsOutliveTheirInstance(t *testing.T) {
	sim, url := liveCloud(t)
	for _, query := range []string{`{"criteria":{"actor":["move@example.org"]}}`, `{"source":"queue","criteria":{"actor":["move@example.org"]}}`} {
		old := hasty(t, sim, url, 100*time.Millisecond)
		before := time.Now().UTC().Truncate(time.Millisecond).Add(-3 * time.Second)
		sim.Add(simulator.Event{CreateTime: before, Actor: "move@example.org", Description: "User logged in " + query})
		v, _, ended := watch(t, old, query)
		first := v.next().column("body")
		require.Contains(t, first, "move@example.org: User logged in "+query)

		replacement := hasty(t, sim, url, 100*time.Millisecond)
		old.Dispose()
		require.ErrorIs(t, <-ended, errReplaced)
		sim.Add(simulator.Event{CreateTime: before.Add(time.Second), Actor: "move@example.org", Description: "Later " + query})
		v, stop, ended := watch(t, replacement, query)
		require.Equal(t, []string{"move@example.org: Later " + query}, v.next().column("body"), "nothing twice")
		stop()
		require.NoError(t, <-ended)
	}
}

// With a poll interval of hours, what a poll brings is old and news all the same.
func TestTailOfASeldomReadQueue(t *testing.T) {
	sim, url := liveCloud(t)
	d := newInstance(t, settingsOf(sim, url, 0, map[string]any{"queueEnabled": true, "queuePollSeconds": 7200}))
	require.GreaterOrEqual(t, d.storeTail(live{}).Settle, 2*time.Hour)
}

func TestCheckpointsAreDropped(t *testing.T) {
	var s checkpointStore
	now := time.Now()
	for i := range 100 {
		s.put(checkpointKey{path: strconv.Itoa(i)}, tail.Checkpoint{}, now.Add(time.Duration(i)*10*time.Second))
	}
	require.LessOrEqual(t, len(s.byKey), 7)
	s.take(checkpointKey{path: "99"}, now)
	require.NotContains(t, s.byKey, checkpointKey{path: "99"})
}
