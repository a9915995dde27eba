// Package bench measures the API calls, bytes, time and memory of answers, next to a naive client, compares them
// with their bounds, and writes a report.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// Config configures a run.
type Config struct {
	Root      string // of the project
	Simulator string // the built simulator
	Out       io.Writer
	Save      func(page []byte) error // receives the report as Markdown
}

// Sizes of the windows on which every query is measured: one page, the default maxEvents, and far more.
var sizes = []int{9_500, 95_000, 1_050_000}

const largest = 1_000_000

// lab is a run.
type lab struct{ config Config }

// figures holds everything that was measured.
type figures struct {
	board boardFigures
	sizes []sizeFigures
	cache cacheFigures
	tests goFigures

	store  storeFigures
	export exportFigures
}

// Run measures, prints and saves the figures. It fails if an answer was wrong or exceeded a bound on counts or sizes. Bounds
// on time only warn, because machines differ.
func Run(ctx context.Context, c Config) error {
	log.DefaultLogger = log.NewNullLogger() // it logs every HTTP client
	l := &lab{config: c}
	f, err := l.measure(ctx)
	if err != nil {
		return err
	}
	r := newReport(f)
	if err := r.print(c.Out); err != nil {
		return err
	}
	return errors.Join(c.Save([]byte(r.markdown())), r.missed())
}

func (l *lab) measure(ctx context.Context) (f figures, err error) {
	fmt.Fprintln(l.config.Out, "Decoding, classifying and many viewers under a rate limit, by go test …")
	if f.tests, err = l.goTests(ctx); err != nil {
		return f, err
	}
	fmt.Fprintln(l.config.Out, "The queue's store, by go test …")
	if f.store, err = l.store(ctx); err != nil {
		return f, err
	}
	fmt.Fprintln(l.config.Out, "An export …")
	if f.export, err = l.export(ctx); err != nil {
		return f, err
	}
	fmt.Fprintln(l.config.Out, "The board …")
	if f.board, err = l.board(ctx); err != nil {
		return f, err
	}
	for _, events := range sizes {
		fmt.Fprintf(l.config.Out, "Windows of about %d events …\n", events)
		size, cache, err := l.scale(ctx, events)
		if err != nil {
			return f, err
		}
		f.sizes = append(f.sizes, size)
		if cache.events > 0 {
			f.cache = cache
		}
	}
	return f, nil
}
