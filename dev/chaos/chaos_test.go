package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"carbonblack-auditlog-datasource/dev/pgtest"
	"carbonblack-auditlog-datasource/dev/simulator"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/store"
)

var (
	runs  = flag.Int("chaos.runs", 1, "how many seeds run on each store")
	seed  = flag.Uint64("chaos.seed", 0, "the one seed to run; 0 runs -chaos.runs others")
	whole = flag.Bool("chaos.whole", false, "longer runs that wait until no gap is open any more: two minutes each")
)

const root = "../.."

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(pluginDir) // the system empties it otherwise
		os.Exit(code)
	}))
}

var pluginDir = filepath.Join(os.TempDir(), fmt.Sprint("cbc-chaos-", os.Getpid()))

// build builds the plugin once for all runs.
var build = sync.OnceValue(func() error {
	if err := os.Mkdir(pluginDir, 0o755); err != nil {
		return err
	}
	meta, err := os.ReadFile(filepath.Join(root, "plugin.json"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(pluginDir, "plugin.json"), meta, 0o600); err != nil {
		return err
	}
	executable := filepath.Join(pluginDir, "gpx_carbonblack_auditlog_"+runtime.GOOS+"_"+runtime.GOARCH)
	compile := exec.Command("go", "build", "-tags", "arrow_json_stdlib", "-o", executable, "./pkg")
	compile.Dir = root
	if output, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
})

// A killed process loses its store, and the next one must find everything by search.
func TestProcessChaosMemory(t *testing.T) {
	onEachSeed(t, func(r *run) {
		r.store, r.processes, r.thief = "memory", 1, !*whole || r.chance.IntN(2) == 0
	})
}

func TestProcessChaosPostgres(t *testing.T) {
	onEachSeed(t, func(r *run) {
		r.store, r.processes, r.thief = "postgres", 1+r.chance.IntN(3), *whole && r.chance.IntN(4) == 0
		r.database = pgtest.NewServer(r.t)
	})
}

// Replicas share an archive and a budget. Answers are from the archive and from searches, and exact while either fails.
func TestProcessChaosArchive(t *testing.T) {
	onEachSeed(t, func(r *run) {
		r.store, r.processes, r.archive = "postgres", 2+r.chance.IntN(2), true
		r.database = pgtest.NewServer(r.t)
	})
}

// onEachSeed runs a kind of chaos with several seeds at once, because each mostly waits, and logs how to repeat a seed.
func onEachSeed(t *testing.T, kind func(*run)) {
	t.Parallel()
	require.NoError(t, build())
	seeds := []uint64{*seed}
	if *seed == 0 {
		seeds = make([]uint64, *runs)
		for i := range seeds {
			seeds[i] = 1 + rand.Uint64N(1<<32)
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("again: go test ./dev/chaos -run '%s' -chaos.seed=%d -chaos.whole=%t", t.Name(), seed, *whole)
				}
			})
			newRun(t, seed, kind).play()
		})
	}
}

// run is one chaos run.
type run struct {
	t         *testing.T
	chance    *rand.Rand
	sim       *simulator.Server
	url       string
	store     string
	processes int
	database  *pgtest.Database // nil without one
	archive   bool             // answers come from searches and an archive, and the queue is not read
	// thief is another client of the key, whose permission is also renewed. Then the run is short and the store is new: the
	// search that fills it finds what was taken. Otherwise only known gaps are searched.
	thief    bool
	replicas []*replica
	serial   int
}

func newRun(t *testing.T, seed uint64, kind func(*run)) *run {
	r := &run{t: t, chance: rand.New(rand.NewPCG(seed, 1))}
	kind(r)
	r.sim = simulator.New(simulator.Config{Seed: seed, Events: []simulator.Event{}, Switches: simulator.Switches{
		QueueBatch: 5 + r.chance.IntN(60),
		QueueOrder: []string{"descending", "ascending", "shuffled"}[r.chance.IntN(3)],
		Ties:       []string{"stable", "shuffled"}[r.chance.IntN(2)],
		TimeDigits: []string{"3", "6", "trim"}[r.chance.IntN(3)],
		Gzip:       []string{"off", "accepted"}[r.chance.IntN(2)],
	}})
	server := httptest.NewServer(r.sim)
	t.Cleanup(server.Close)
	r.url = server.URL
	if r.database != nil && !r.thief && !r.archive {
		r.live()
	} else {
		for range 50 {
			r.happen(5, time.Duration(r.chance.Int64N(int64(48*time.Hour))))
		}
	}
	if r.archive {
		r.manyEvents()
	}
	for range r.processes {
		r.replicas = append(r.replicas, r.start())
	}
	return r
}

// live gives the store a past in which the queue was read to its end. Otherwise its first gap would hide every loss for a minute.
func (r *run) live() {
	backing, err := store.NewPostgres(store.PostgresConfig{DSN: r.database.DSN}, cbc.APIKey{URL: r.url, OrgKey: r.sim.OrgKey(), APIID: r.sim.Keys()[0].APIID})
	require.NoError(r.t, err)
	defer backing.Close()
	_, err = backing.Update(context.Background(), func(b *store.ReadState) {
		b.Opened, b.From = b.Now-time.Hour.Milliseconds(), b.Now-72*time.Hour.Milliseconds()
		b.Since, b.Drained, b.Audited = b.Opened, b.Now, b.Now
	})
	require.NoError(r.t, err)
}

// play runs the steps, then waits for the complete truth. A theft must happen before the first gap of a store closes: later it is
// found only by an audit, 15 minutes after the previous one.
func (r *run) play() {
	steps, most := 7, 30*time.Second
	switch {
	case *whole && r.thief:
		steps, most = 16, 40*time.Second
	case *whole:
		steps, most = 30, 100*time.Second
	case r.archive:
		steps, most = 3, 15*time.Second
	}
	if r.database != nil && !r.thief && !r.archive {
		r.known()
	}
	for started := time.Now(); steps > 0 && time.Since(started) < most; steps-- {
		r.step()
		time.Sleep(time.Duration(r.chance.Int64N(int64(3 * time.Second))))
	}
	r.sim.SetFaults(simulator.Faults{})
	r.settle()
}

// known waits until a process reports a complete store, which shows that it has the past that it was given.
func (r *run) known() {
	require.Eventually(r.t, func() bool {
		last, _ := r.replicas[0].last()
		return last.vouched
	}, 20*time.Second, 50*time.Millisecond)
}

// manyEvents are more than a search returns.
func (r *run) manyEvents() {
	events, now := make([]simulator.Event, 10_500), time.Now().UTC().Truncate(time.Millisecond)
	for i := range events {
		events[i] = simulator.Event{CreateTime: now.Add(-time.Minute - time.Duration(i)*16*time.Second), Actor: fmt.Sprint("user", i%7), ActorIP: "192.0.2.8", Description: fmt.Sprint("old ", i)}
	}
	r.sim.Add(events...)
}

// happen adds n events of some time ago, some of them twice.
func (r *run) happen(n int, ago time.Duration) {
	at := time.Now().UTC().Add(-ago).Truncate(time.Millisecond)
	for range n {
		r.serial++
		e := simulator.Event{CreateTime: at, Arrives: at, Actor: "a@example.com", ActorIP: "192.0.2.7", Description: fmt.Sprint("event ", r.serial)}
		if ago == 0 {
			e.CreateTime = at.Add(-time.Duration(r.chance.IntN(5000)) * time.Millisecond)
		}
		r.sim.Add(slices.Repeat([]simulator.Event{e}, 1+r.chance.IntN(5)/4)...)
	}
}

// settle waits until each process answers with exactly the truth and, in a whole run, reports that nothing may be missing.
func (r *run) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	quiet := time.Now()
	for i, p := range r.replicas {
		for {
			last, invented := p.last()
			require.Empty(r.t, invented, "process %d has answered with what never happened, or with more of it", i)
			if last.asked.After(quiet) && len(last.missing) == 0 && (!*whole || last.vouched) && (!r.archive || p.archived()) {
				break
			}
			require.NoError(r.t, ctx.Err(), "process %d: of %d events %d are missing, such as %s; it says %q",
				i, len(r.truth()), len(last.missing), strings.Join(last.missing[:min(3, len(last.missing))], " and "), last.said)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// truth returns what happened, and how often.
func (r *run) truth() map[string]int {
	counts := map[string]int{}
	for _, e := range r.sim.Events() {
		counts[identity(e.CreateTime, e.Actor, e.ActorIP, e.Description, e.OrgKey)]++
	}
	return counts
}

func identity(at time.Time, texts ...string) string {
	return fmt.Sprintf("%d %q", at.UnixMicro(), texts)
}
