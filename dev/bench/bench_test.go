package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func TestSummary(t *testing.T) {
	got := summary([]sample{{1, 20, 3 * time.Second, 5}, {2, 10, time.Second, 9}, {1, 30, 2 * time.Second, 7}})
	require.Equal(t, sample{2, 30, 2 * time.Second, 9}, got)
}

func TestWatchHeap(t *testing.T) {
	peak := watchHeap()
	held := make([]byte, 32<<20)
	held[len(held)-1] = 1
	require.GreaterOrEqual(t, peak(), int64(len(held)))
}

func TestBoundsAndReport(t *testing.T) {
	r := report{
		bounds: []bound{{name: "kept", got: 2, max: 2}, {name: "missed", got: 3, max: 2, unit: " B"}, {name: "slow", got: 3, max: 2, timed: true}},
		tables: []table{{title: "First", text: "Meaning.", header: []string{"a", "b"}, rows: [][]string{{"1", "2"}}}},
	}
	require.Equal(t, []string{"PASS", "MISS", "SLOW"}, []string{r.bounds[0].verdict(), r.bounds[1].verdict(), r.bounds[2].verdict()})
	require.EqualError(t, r.missed(), "missed: missed: 3 B, at most 2 B")
	require.NoError(t, report{bounds: []bound{r.bounds[0], r.bounds[2]}}.missed())
	require.Contains(t, r.markdown(), "## First\n\nMeaning.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n")
	require.Equal(t, []float64{3, 3, 4, 138}, []float64{readBound(1), readBound(10_000), readBound(10_001), readBound(1_040_001)})
	require.Equal(t, []string{"7", "999", "1,000", "1,050,000"}, []string{grouped(7), grouped(999), grouped(1000), grouped(1_050_000)})
}

func TestParsingOfGoTest(t *testing.T) {
	out := "goos: linux\nBenchmarkPage/stream-2   \t 100\t 9000 ns/op\t 12.5 ns/event\t 0.25 allocs/event\nBenchmarkPage/encoding_json \t 5\t 1e+06 ns/op\nPASS\n"
	got := parseBenchmarks(out)
	require.Equal(t, []benchmark{
		{"Page/encoding_json", map[string]float64{"ns/op": 1e6}},
		{"Page/stream", map[string]float64{"ns/op": 9000, "ns/event": 12.5, "allocs/event": 0.25}},
	}, got)
	out = "=== RUN   TestA/b\n    limits_test.go:12: panels 1/2\n    --- PASS: TestA/b (0.1s)\nok\n"
	require.Equal(t, []crowdLine{{"TestA/b", "panels 1/2"}}, parseCrowd(out), "what was logged tells more than that it passed")
	require.Equal(t, []crowdLine{{"TestC", "pass"}}, parseCrowd("=== RUN   TestC\n--- PASS: TestC (0.1s)\n"))
}

func TestBoardOfTheProject(t *testing.T) {
	queries, err := loadBoard("../..")
	require.NoError(t, err)
	require.Len(t, queries, 12)
	for _, q := range queries {
		require.Contains(t, string(q), "queryType")
	}
}

// A series over the window has the maximum number of buckets that 60 widths can touch, at any hour, and its end
// has settled.
func TestScaleWindow(t *testing.T) {
	for hour := range 24 {
		now := noon.Add(time.Duration(hour) * time.Hour)
		w := scaleWindow(now)
		require.Equal(t, scaleSpan, w.to.Sub(w.from))
		require.Equal(t, 60*bucketWidth, w.to.Truncate(bucketWidth).Sub(w.from.Truncate(bucketWidth)))
		require.NotEqual(t, w.to, w.to.Truncate(bucketWidth))
		require.GreaterOrEqual(t, now.Sub(w.to), time.Hour)
		require.Less(t, now.Sub(w.from), scaleDays*24*time.Hour)
	}
}

// Wrong answers are found.
func TestJudges(t *testing.T) {
	actors := strings.Fields("a b a")
	var events []simulator.Event
	for i, actor := range actors {
		events = append(events, simulator.Event{CreateTime: noon.Add(time.Duration(i) * bucketWidth), Actor: actor})
	}
	truth := truthOf(events, window{noon, noon.Add(10 * bucketWidth)})
	require.EqualValues(t, 3, truth.total)
	starts := []time.Time{noon, noon.Add(bucketWidth), noon.Add(2 * bucketWidth)}
	series := func(actor string, counts ...int64) *data.Frame {
		return data.NewFrame("", data.NewField("time", nil, starts), data.NewField("count", data.Labels{"actor": actor}, counts))
	}
	top := func(a, b int64) *data.Frame {
		return data.NewFrame("", data.NewField("actor", nil, []string{"a", "b"}), data.NewField("count", nil, []int64{a, b}))
	}
	count := func(n int64) *data.Frame { return data.NewFrame("", data.NewField("count", nil, []int64{n})) }
	list := func(times ...time.Time) *data.Frame { return data.NewFrame("", data.NewField("timestamp", nil, times)) }
	warned := func(f *data.Frame) *data.Frame {
		f.Meta = &data.FrameMeta{Notices: []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "cut"}}}
		return f
	}
	for name, c := range map[string]struct {
		judge  judge
		frames data.Frames
		want   string // "" is an error
	}{
		"count":                {judgeCount, data.Frames{count(3)}, exact},
		"wrong count":          {judgeCount, data.Frames{count(2)}, ""},
		"warned wrong count":   {judgeCount, data.Frames{warned(count(2))}, ""},
		"series":               {judgeSeries, data.Frames{series("a", 1, 0, 1), series("b", 0, 1, 0)}, exact},
		"missing series":       {judgeSeries, data.Frames{series("a", 1, 0, 1)}, ""},
		"cut series":           {judgeSeries, data.Frames{warned(series("a", 0, 0, 1)), series("b", 0, 1, 0)}, cut},
		"series of too many":   {judgeSeries, data.Frames{warned(series("a", 2, 0, 1))}, ""},
		"series shifted":       {judgeSeries, data.Frames{series("a", 1, 1, 0), series("b", 0, 1, 0)}, ""},
		"top":                  {judgeTop, data.Frames{top(2, 1)}, exact},
		"warned top":           {judgeTop, data.Frames{warned(top(2, 1))}, exactNoted},
		"cut top":              {judgeTop, data.Frames{warned(top(1, 1))}, cut},
		"silently cut top":     {judgeTop, data.Frames{top(1, 1)}, ""},
		"top of too many":      {judgeTop, data.Frames{warned(top(3, 1))}, ""},
		"events":               {judgeEvents, data.Frames{list(starts[2], starts[1], starts[0])}, exact},
		"events out of order":  {judgeEvents, data.Frames{list(starts[0], starts[1], starts[2])}, ""},
		"events less than all": {judgeEvents, data.Frames{list(starts[2], starts[1])}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.judge(truth, c.frames)
			require.Equal(t, c.want == "", err != nil, "%v", err)
			require.Equal(t, c.want, got)
		})
	}
}

// The rounds of an export stay pairs, whatever was computed from its times before.
func TestRoundsStayPairs(t *testing.T) {
	way := &exportWay{took: []time.Duration{4, 1, 3}, bare: []time.Duration{1, 2, 4}}
	require.InDelta(t, 0.75, way.against(), 1e-9)
	require.EqualValues(t, 3, median(way.took))
	require.EqualValues(t, 2, median(way.bare))
	require.InDelta(t, 0.75, way.against(), 1e-9)
}
