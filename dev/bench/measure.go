package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is the cost of a run: the cloud's calls and bytes, the time, and the maximum growth of the heap
// (uncollected garbage included).
type sample struct {
	calls int
	bytes int64
	took  time.Duration
	heap  int64
}

const (
	repetitions = 3
	enough      = 12 * time.Second // no repetition starts after this time
)

// repeat measures a run several times. prepare sets up each run and is not measured.
func repeat(ctx context.Context, c *cloud, prepare func() (run func() error, err error)) (sample, error) {
	var all []sample
	var spent time.Duration
	for len(all) < repetitions && spent < enough {
		run, err := prepare()
		if err != nil {
			return sample{}, err
		}
		s, err := measure(ctx, c, run)
		if err != nil {
			return sample{}, err
		}
		all = append(all, s)
		spent += s.took
	}
	return summary(all), nil
}

// summary returns the median of the times and the worst of everything else.
func summary(all []sample) sample {
	var out sample
	times := make([]time.Duration, len(all))
	for i, s := range all {
		times[i] = s.took
		out.calls, out.bytes, out.heap = max(out.calls, s.calls), max(out.bytes, s.bytes), max(out.heap, s.heap)
	}
	out.took = median(times)
	return out
}

// median returns the larger of the two middle values for an even number of times.
func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func measure(ctx context.Context, c *cloud, run func() error) (sample, error) {
	callsBefore, err := c.calls(ctx)
	if err != nil {
		return sample{}, err
	}
	bytesBefore := c.relay.received.Load()
	peak := watchHeap()
	start := time.Now()
	err = run()
	took := time.Since(start)
	grown := peak()
	if err != nil {
		return sample{}, err
	}
	callsAfter, err := c.calls(ctx)
	return sample{calls: callsAfter - callsBefore, bytes: c.relay.received.Load() - bytesBefore, took: took, heap: grown}, err
}

// watchHeap samples the heap every two milliseconds until peak is called, which returns the maximum growth.
func watchHeap() (peak func() int64) {
	before := liveHeap()
	stop, stopped := make(chan struct{}), make(chan int64)
	go func() {
		most := before
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				most = max(most, heapNow())
			case <-stop:
				stopped <- max(most, heapNow())
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-stopped - before
	}
}

// liveHeap returns the size of the heap after garbage collection.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // collects what finalizers and pools released in the first
	return heapNow()
}

func heapNow() int64 {
	read := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(read)
	return int64(read[0].Value.Uint64())
}

// forgetPeak resets peakBytes. If that is not allowed, the peak is that of the whole process.
func forgetPeak(pid int) { _ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) }

// peakBytes returns the peak memory of a process as Linux counts it. Sampling would miss peaks and take
// time. It is 0 on other systems.
func peakBytes(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, peak, found := strings.Cut(string(raw), "VmHWM:")
	fields := strings.Fields(peak)
	if err != nil || !found || len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
