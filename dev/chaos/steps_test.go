package chaos

import (
	"context"
	"net/http"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// step is an event of the script.
type step struct {
	name string
	do   func()
}

// step runs a random step and returns its name.
func (r *run) step() {
	r.happen(r.chance.IntN(40), 0)
	steps := []step{
		{"faults", r.fail},
		{"faults", r.fail},
		{"kill", func() { r.signal(r.any(), syscall.SIGKILL) }},
		{"kill in the middle of a read", r.killWhileReading},
		{"kill in the middle of a read", r.killWhileReading},
		{"pause", func() { r.pause(r.any()) }},
		{"new settings", func() { r.change(r.any()) }},
		{"the database", r.interrupt},
	}
	if r.thief {
		steps = append(steps, step{"another consumer", r.steal}, step{"the last days once more", func() { r.sim.Grant(r.sim.Keys()[0].APIID) }})
	}
	chosen := steps[r.chance.IntN(len(steps))]
	r.t.Log(chosen.name)
	chosen.do()
}

func (r *run) fail() { r.sim.SetFaults(simulator.Faults{Rules: r.faults()}) }

func (r *run) any() *replica { return r.replicas[r.chance.IntN(len(r.replicas))] }

func (r *run) faults() []simulator.Fault {
	endpoints := []string{"queue", "queue", "search", "any"}
	if r.archive {
		endpoints = []string{"search", "any"}
	}
	kinds := []string{"status", "reset", "truncate", "slow", "delay", "text", "html", "errorMessage"}
	rules := make([]simulator.Fault, 1+r.chance.IntN(3))
	for i := range rules {
		kind, status := kinds[r.chance.IntN(len(kinds))], []int{429, 500, 502, 503}[r.chance.IntN(4)]
		rules[i] = simulator.Fault{
			Kind: kind, Endpoint: endpoints[r.chance.IntN(len(endpoints))], Next: 1 + r.chance.IntN(3),
			Status: status, RetryAfterS: 1, DelayMS: 20 + r.chance.IntN(4000), Bytes: 100 + r.chance.IntN(3000),
		}
		switch kind {
		case "status", "text", "html", "errorMessage": // a rejected call does no work
			rules[i].AfterWork = (kind != "status" || status != http.StatusTooManyRequests) && r.chance.IntN(2) == 0
		case "slow":
			rules[i].DelayMS /= 20
		}
	}
	return rules
}

// signal sends a signal to a process if it runs.
func (r *run) signal(p *replica, s syscall.Signal) {
	if pid := p.host.PID(); pid > 0 {
		_ = syscall.Kill(pid, s) // it may have just exited
	}
}

// killWhileReading kills the process that is receiving a batch of the queue: Carbon Black Cloud has removed it, and no store
// has it. Which process that is cannot be seen here, so all are killed, as when a machine fails.
func (r *run) killWhileReading() {
	r.sim.SetFaults(simulator.Faults{Rules: []simulator.Fault{{Kind: "slow", Endpoint: r.reads(), Next: 1, DelayMS: 200, Bytes: 40}}})
	before := r.slowReads()
	for range 120 { // a poll happens within ten seconds unless something else interferes
		if r.slowReads() > before {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Duration(r.chance.IntN(400)) * time.Millisecond)
	for _, p := range r.replicas {
		r.signal(p, syscall.SIGKILL)
	}
}

// reads is the endpoint that the store is filled from.
func (r *run) reads() string {
	if r.archive {
		return "search"
	}
	return "queue"
}

func (r *run) slowReads() (n int) {
	for _, request := range r.sim.Requests() {
		if request.Endpoint == r.reads() && request.Fault == "slow" {
			n++
		}
	}
	return n
}

// pause stops a process for a while, as when a virtual machine is moved.
func (r *run) pause(p *replica) {
	r.signal(p, syscall.SIGSTOP)
	time.Sleep(time.Duration(1+r.chance.IntN(4)) * time.Second)
	r.signal(p, syscall.SIGCONT)
}

// change saves other settings. Grafana then creates a new instance while the old one runs on for a few seconds.
func (r *run) change(p *replica) {
	p.settings["queuePollSeconds"] = 10 + r.chance.IntN(3)
	p.settings["settleSeconds"] = 30 + r.chance.IntN(60)
	p.save(r.t, http.MethodPut, "/api/datasources/uid/"+uid)
}

// steal reads a batch of the queue, as another client of the key does.
func (r *run) steal() {
	key := r.sim.Keys()[0]
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/audit_log/v1/orgs/"+r.sim.OrgKey()+"/logs/_queue", nil)
	require.NoError(r.t, err)
	request.Header.Set("X-Auth-Token", key.Token())
	request.Close = true
	if response, err := http.DefaultClient.Do(request); err == nil { // this request may fail like any other
		_ = response.Body.Close()
	}
}

// interrupt stops the database for a while, or cuts its connections.
func (r *run) interrupt() {
	if r.database == nil {
		return
	}
	if r.chance.IntN(2) == 0 {
		r.database.Sever(r.t)
		return
	}
	restore := r.database.Interrupt(r.t)
	time.Sleep(time.Duration(r.chance.IntN(4000)) * time.Millisecond)
	restore()
}
