package bench

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/export"
)

const (
	exportEvents      = 1_050_000 // about as many: the generated history is no exact number
	exportDays        = 30
	exportRuns        = 21
	maxExportRatio    = 1.5 // of a bare download's time
	maxExportGrownMiB = 32
)

// exportWay is a way to download a file through the plugin, and what it cost.
type exportWay struct {
	name   string
	kind   string
	format string
	safe   bool

	bytes      int64 // of the file as the plugin hands it on
	took, bare []time.Duration
	grown      int64 // by how much the plugin's process grew at most, 0 where the system does not tell
}

func exportWays() []*exportWay {
	return []*exportWay{
		{name: "CSV byte for byte", kind: export.KindJob, format: "csv"},
		{name: "CSV with formula cells made safe", kind: export.KindJob, format: "csv", safe: true},
		{name: "JSON byte for byte", kind: export.KindJob, format: "json"},
		{name: "CSV by searches", kind: export.KindSearch, format: "csv", safe: true},
		{name: "JSON by searches", kind: export.KindSearch, format: "json"},
	}
}

// hasBare reports whether the cloud itself has the file. What is made by searches is measured once, and has no bound in time.
func (w *exportWay) hasBare() bool { return w.kind == export.KindJob }

// against returns the median of the rounds' ratios of the way's time to that of a bare download.
func (w *exportWay) against() float64 {
	ratios := make([]float64, len(w.took))
	for i, took := range w.took {
		ratios[i] = took.Seconds() / w.bare[i].Seconds()
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// memory returns by how many MiB the plugin's process grew at most, NaN where that was not measured.
func (w *exportWay) memory() float64 {
	if w.grown == 0 {
		return math.NaN()
	}
	return mib(w.grown)
}

// exportFigures compare the download of export jobs by several ways.
type exportFigures struct {
	rows int64
	ways []*exportWay
}

// export measures the download of jobs of a million rows: straight from the cloud, and through the plugin to whoever called it by
// gRPC, as Grafana does. The ways take turns, so that a busy moment of the machine is shared.
func (l *lab) export(ctx context.Context) (f exportFigures, err error) {
	c, err := startCloud(ctx, l.config.Simulator, simulator.Generate{Days: exportDays, PerDay: exportEvents / exportDays, LivePerDay: -1})
	if err != nil {
		return f, err
	}
	defer func() { _ = c.stop() }() // the figures are complete by then
	x, err := l.startExports(ctx, c)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, x.bench.Close()) }()
	f.ways = exportWays()
	for round := range exportRuns {
		for _, way := range f.ways {
			if last := round == exportRuns-1; !way.hasBare() && !last {
				continue
			}
			if err := x.measure(ctx, way, round); err != nil {
				return f, fmt.Errorf("%s: %w", way.name, err)
			}
		}
	}
	for i, way := range f.ways {
		rows, err := x.rows(ctx, x.files[way.kind+way.format])
		if err != nil {
			return f, err
		}
		if i > 0 && rows != f.rows {
			return f, fmt.Errorf("%s: the file has %d rows, and another way %d", way.name, rows, f.rows)
		}
		f.rows = rows
	}
	return f, nil
}

// measure takes the file of a way twice: bare, if it can be had so, and through the plugin. Which is first changes from round to
// round.
func (x *exporting) measure(ctx context.Context, way *exportWay, round int) error {
	file := x.files[way.kind+way.format]
	var sums [2]uint32
	bare := func() (err error) {
		var took time.Duration
		took, way.bytes, sums[0], err = timed(ctx, func(ctx context.Context, to io.Writer) error { return x.bare(ctx, file, to) })
		way.bare = append(way.bare, took)
		return err
	}
	through := func() (err error) {
		var took time.Duration
		forgetPeak(x.bench.PID())
		took, way.bytes, sums[1], err = timed(ctx, func(ctx context.Context, to io.Writer) error { return x.throughPlugin(ctx, file, way.safe, to) })
		way.grown, way.took = max(way.grown, peakBytes(x.bench.PID())-x.resting), append(way.took, took)
		return err
	}
	if !way.hasBare() {
		return through()
	}
	order := [2]func() error{bare, through}
	for i := range order {
		if err := order[(i+round)%2](); err != nil {
			return err
		}
	}
	if !way.safe && sums[0] != sums[1] {
		return errors.New("the file differs from the bare download")
	}
	return nil
}

// timed downloads a file and forgets it, but for its size and a checksum, which costs next to nothing.
func timed(ctx context.Context, download func(context.Context, io.Writer) error) (took time.Duration, size int64, sum uint32, err error) {
	file := measuredFile{Hash32: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	start := time.Now()
	err = download(ctx, &file)
	return time.Since(start), file.size, file.Sum32(), err
}

// measuredFile takes a file in, and keeps its measures.
type measuredFile struct {
	hash.Hash32
	size int64
}

func (f *measuredFile) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	return f.Hash32.Write(p)
}

func (f exportFigures) bounds() []bound {
	var all []bound
	for _, way := range f.ways {
		name := fmt.Sprintf("an export of %s rows as %s", grouped(f.rows), way.name)
		if way.hasBare() {
			all = append(all, bound{name: "time, " + name + ", against a bare download", got: way.against(), max: maxExportRatio, unit: " x", timed: true})
		}
		all = append(all, bound{name: "memory, " + name, got: way.memory(), max: maxExportGrownMiB, unit: " MiB"})
	}
	return all
}

func (f exportFigures) table() table {
	t := table{
		title: fmt.Sprintf("An export of %s rows", grouped(f.rows)),
		text: fmt.Sprintf("*Bare* is the download of the job straight from the cloud. The other goes through the plugin's own process and gRPC to the caller,\n"+
			"which in Grafana is its server. Medians of %d rounds, in which the ways take turns; *against bare* is the median of the rounds' ratios.\n"+
			"The cloud's latency of %d ms is in both times. All processes have the same priority and share this machine's %d processors. *Memory* is\n"+
			"the largest growth of the plugin's process since before its first file, as the system counts it. *By searches* is what an API key gets\n"+
			"that may not fetch the files of jobs. It is measured once, and takes as many requests as pages.",
			exportRuns, latency.Milliseconds(), runtime.NumCPU()),
		header: []string{"", "KiB", "Bare seconds", "Seconds", "MiB a second", "Against bare", "Memory"},
	}
	for _, way := range f.ways {
		took, bare, against := median(way.took), "—", "—"
		if way.hasBare() {
			bare, against = seconds(median(way.bare)), short(way.against())
		}
		t.rows = append(t.rows, []string{
			way.name, grouped(way.bytes >> 10), bare, seconds(took), short(mib(way.bytes) / took.Seconds()), against, short(way.memory()) + " MiB",
		})
	}
	return t
}
