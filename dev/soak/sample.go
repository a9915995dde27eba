package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sample is what the plugin's process holds at one moment.
type sample struct {
	at          time.Duration
	goroutines  float64
	heap        float64 // MiB in use
	sockets     float64
	descriptors float64 // sockets included
}

func (s sample) String() string {
	return fmt.Sprintf("%.0f goroutines, %.1f MiB heap, %.0f sockets, %.0f descriptors", s.goroutines, s.heap, s.sockets, s.descriptors)
}

func (s sample) min(o sample) sample {
	return sample{
		at: o.at, goroutines: min(s.goroutines, o.goroutines), heap: min(s.heap, o.heap),
		sockets: min(s.sockets, o.sockets), descriptors: min(s.descriptors, o.descriptors),
	}
}

// sample asks the plugin for its metrics, and the system for its descriptors.
func (r *run) sample(ctx context.Context) (sample, error) {
	raw, err := r.host.Metrics(ctx)
	if err != nil {
		return sample{}, err
	}
	values := gauges(raw)
	s := sample{goroutines: values["go_goroutines"], heap: values["go_memstats_heap_alloc_bytes"] / (1 << 20)}
	if s.goroutines == 0 {
		return sample{}, errors.New("the plugin reports no go_goroutines")
	}
	dir := filepath.Join("/proc", strconv.Itoa(r.host.PID()), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return s, fmt.Errorf("the soak test needs Linux: %w", err)
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		s.descriptors++
		if strings.HasPrefix(target, "socket:") {
			s.sockets++
		}
	}
	return s, nil
}

// gauges reads the metrics that have no labels.
func gauges(text []byte) map[string]float64 {
	values := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, found := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); found && err == nil {
			values[name] = number
		}
	}
	return values
}

// judge compares the second quarter of the load with the last: the first fills caches and pools.
func judge(before sample, curve []sample, after sample) error {
	if len(curve) < 8 {
		return fmt.Errorf("%d samples are too few to judge: run longer", len(curve))
	}
	quarter := len(curve) / 4
	early, late := curve[quarter:2*quarter], curve[len(curve)-quarter:]
	mean := func(list []sample, of func(sample) float64) (sum float64) {
		for _, s := range list {
			sum += of(s) / float64(len(list))
		}
		return sum
	}
	least := func(list []sample, of func(sample) float64) float64 {
		smallest := of(list[0])
		for _, s := range list {
			smallest = min(smallest, of(s))
		}
		return smallest
	}
	var problems []error
	for _, c := range []struct {
		name           string
		of             func(sample) float64
		pick           func([]sample, func(sample) float64) float64
		share, absolut float64
	}{
		{"goroutines", func(s sample) float64 { return s.goroutines }, mean, 0.2, 20},
		{"MiB of heap", func(s sample) float64 { return s.heap }, least, 0.25, 16}, // the least is what garbage collection leaves
		{"sockets", func(s sample) float64 { return s.sockets }, mean, 0.2, 10},
		{"descriptors", func(s sample) float64 { return s.descriptors }, mean, 0.2, 10},
	} {
		first, last := c.pick(early, c.of), c.pick(late, c.of)
		if last > first*(1+c.share)+c.absolut {
			problems = append(problems, fmt.Errorf("%s grow under load, from %.1f to %.1f", c.name, first, last))
		}
	}
	return errors.Join(append(problems, judgeEnd(before, after))...)
}

// judgeEnd makes sure that nothing of the load is left. The process keeps its registries and the SDK's pools.
func judgeEnd(before, after sample) error {
	var problems []error
	for _, c := range []struct {
		name        string
		first, last float64
		maxRetained float64
	}{
		{"goroutines", before.goroutines, after.goroutines, 8},
		{"MiB of heap", before.heap, after.heap, 16},
		{"sockets", before.sockets, after.sockets, 4},
		{"descriptors", before.descriptors, after.descriptors, 6},
	} {
		if c.last > c.first+c.maxRetained {
			problems = append(problems, fmt.Errorf("%s stay after the load: %.1f instead of %.1f", c.name, c.last, c.first))
		}
	}
	return errors.Join(problems...)
}
