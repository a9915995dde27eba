package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/gtime"
	"golang.org/x/sync/errgroup"

	"carbonblack-auditlog-datasource/dev/simulator"
)

const (
	boardEvents = 9_500 // per day: nearly a full page
	boardSpan   = 24 * time.Hour
	viewers     = 5
	apart       = 40 * time.Millisecond // between the first requests of two concurrent viewers
	refresh     = 6 * time.Second       // one second longer than the end of the log is cached
)

// loadBoard returns the queries of the bundled dashboard, one per panel.
func loadBoard(root string) ([]json.RawMessage, error) {
	raw, err := os.ReadFile(filepath.Join(root, "provisioning", "dashboards", "audit-overview.json"))
	if err != nil {
		return nil, err
	}
	var board struct {
		Panels []struct {
			Targets []json.RawMessage `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	var queries []json.RawMessage
	for _, p := range board.Panels {
		queries = append(queries, p.Targets...)
	}
	return queries, nil
}

// boardFigures holds the cost of the dashboard in each situation.
type boardFigures struct {
	panels                                        int
	page                                          sample // a full page without the plugin
	cold, warm, coldCrowd, warmCrowd              sample
	naiveOne, naiveCrowd                          sample
	alertCold, alertAgain, alertLater, alertNaive sample
}

// board measures the bundled dashboard over a day.
func (l *lab) board(ctx context.Context) (boardFigures, error) {
	queries, err := loadBoard(l.config.Root)
	if err != nil {
		return boardFigures{}, err
	}
	rate := rateFor(boardEvents, last(boardSpan), 2)
	c, err := startCloud(ctx, l.config.Simulator, simulator.Generate{Days: 2, PerDay: rate, LivePerDay: boardEvents})
	if err != nil {
		return boardFigures{}, err
	}
	defer func() { _ = c.stop() }() // the figures are complete by then
	b := &boardRun{cloud: c, queries: queries, naive: newNaive(c)}
	figures := boardFigures{panels: len(queries)}
	for _, part := range []struct {
		into *sample
		run  func(context.Context) (sample, error)
	}{
		{&figures.page, b.page},
		{&figures.cold, func(ctx context.Context) (sample, error) { return b.cold(ctx, 1) }},
		{&figures.warm, func(ctx context.Context) (sample, error) { return b.warm(ctx, 1) }},
		{&figures.coldCrowd, func(ctx context.Context) (sample, error) { return b.cold(ctx, viewers) }},
		{&figures.warmCrowd, func(ctx context.Context) (sample, error) { return b.warm(ctx, viewers) }},
		{&figures.naiveOne, func(ctx context.Context) (sample, error) { return b.naively(ctx, 1) }},
		{&figures.naiveCrowd, func(ctx context.Context) (sample, error) { return b.naively(ctx, viewers) }},
		{&figures.alertCold, func(ctx context.Context) (sample, error) { return b.alert(ctx, -1) }},
		{&figures.alertAgain, func(ctx context.Context) (sample, error) { return b.alert(ctx, 0) }},
		{&figures.alertLater, func(ctx context.Context) (sample, error) { return b.alert(ctx, refresh) }},
		{&figures.alertNaive, b.naiveAlert},
	} {
		if *part.into, err = part.run(ctx); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// boardRun is the dashboard on a simulated cloud.
type boardRun struct {
	cloud   *cloud
	queries []json.RawMessage
	naive   naive
}

// page fetches a full page and discards it.
func (b *boardRun) page(ctx context.Context) (sample, error) {
	return repeat(ctx, b.cloud, func() (func() error, error) {
		return func() error {
			resp, err := b.naive.send(ctx, last(boardSpan), 0)
			if err != nil {
				return err
			}
			defer func() { _ = resp.Body.Close() }()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}, nil
	})
}

// look lets viewers open or refresh the dashboard, all panels at once, and each viewer at a different time.
func (b *boardRun) look(ctx context.Context, viewers int, panel func(context.Context, json.RawMessage, window) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for viewer := range viewers {
		group.Go(func() error {
			time.Sleep(time.Duration(viewer) * apart)
			w := last(boardSpan)
			panels, ctx := errgroup.WithContext(ctx)
			for _, query := range b.queries {
				panels.Go(func() error { return panel(ctx, query, w) })
			}
			return panels.Wait()
		})
	}
	return group.Wait()
}

// by returns a viewer that queries the subject. A warning is an error, because it means that something is missing.
func by(s *subject) func(context.Context, json.RawMessage, window) error {
	interval := gtime.RoundInterval(boardSpan / points)
	return func(ctx context.Context, query json.RawMessage, w window) error {
		frames, err := s.ask(ctx, question{query: query, window: w, interval: interval})
		if err != nil {
			return err
		}
		if texts := warnings(frames); len(texts) > 0 {
			return fmt.Errorf("%s: %s", query, texts[0])
		}
		return nil
	}
}

func (b *boardRun) cold(ctx context.Context, viewers int) (sample, error) {
	return repeat(ctx, b.cloud, func() (func() error, error) {
		s, err := newSubject(ctx, b.cloud, defaultMaxEvents)
		return func() error { return b.look(ctx, viewers, by(s)) }, err
	})
}

func (b *boardRun) warm(ctx context.Context, viewers int) (sample, error) {
	s, err := newSubject(ctx, b.cloud, defaultMaxEvents)
	if err != nil {
		return sample{}, err
	}
	if err := b.look(ctx, 1, by(s)); err != nil {
		return sample{}, err
	}
	return repeat(ctx, b.cloud, func() (func() error, error) {
		time.Sleep(refresh)
		return func() error { return b.look(ctx, viewers, by(s)) }, nil
	})
}

func (b *boardRun) naively(ctx context.Context, viewers int) (sample, error) {
	return repeat(ctx, b.cloud, func() (func() error, error) {
		return func() error {
			return b.look(ctx, viewers, func(ctx context.Context, _ json.RawMessage, w window) error {
				_, err := b.naive.panel(ctx, w)
				return err
			})
		}, nil
	})
}

// The measured alert rule: failed logins of the last hour.
const (
	alertSpan  = time.Hour
	alertQuery = `{"queryType":"count","criteria":{"category":["authentication"],"outcome":["failure"]}}`
)

// alert evaluates a rule with an empty cache (later < 0), or again after some time.
func (b *boardRun) alert(ctx context.Context, later time.Duration) (sample, error) {
	return repeat(ctx, b.cloud, func() (func() error, error) {
		s, err := newSubject(ctx, b.cloud, defaultMaxEvents)
		if err != nil {
			return nil, err
		}
		evaluate := func() error {
			_, err := s.ask(ctx, question{query: json.RawMessage(alertQuery), window: last(alertSpan), alert: true})
			return err
		}
		if later < 0 {
			return evaluate, nil
		}
		err = evaluate()
		time.Sleep(later)
		return evaluate, err
	})
}

func (b *boardRun) naiveAlert(ctx context.Context) (sample, error) {
	return repeat(ctx, b.cloud, func() (func() error, error) {
		return func() error {
			_, err := b.naive.panel(ctx, last(alertSpan))
			return err
		}, nil
	})
}
