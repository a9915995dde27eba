package cbc

import (
	"cmp"
	"slices"
	"time"
)

// mostOrigins bounds how many origins are told apart; the others count together.
const mostOrigins = 500

// otherOrigins stands for those that are not told apart.
var otherOrigins = Origin{Dashboard: "other"}

// Status is what a governor does now and has done so far.
type Status struct {
	Budget      Budget        `json:"budget"`
	PausedUntil *int64        `json:"pausedUntil"` // milliseconds since the epoch; nil when requests may start
	InFlight    int           `json:"inFlight"`
	Waiting     Waiting       `json:"waiting"`
	Calls       int64         `json:"calls"`     // requests that were started
	Throttled   int64         `json:"throttled"` // of those, the ones that were answered 429
	WaitedMS    int64         `json:"waitedMs"`  // how long requests waited for their start, or in vain
	Origins     []OriginUsage `json:"origins"`   // who spent the calls, most first
}

// Budget is how many requests may start in a window.
type Budget struct {
	Limit         int `json:"limit"`
	Used          int `json:"used"`
	Left          int `json:"left"`
	WindowSeconds int `json:"windowSeconds"`
}

// Waiting is how many requests wait in each lane.
type Waiting struct {
	Alert      int `json:"alert"`
	Panel      int `json:"panel"`
	Background int `json:"background"`
}

// OriginUsage is what one origin has spent.
type OriginUsage struct {
	Origin
	Calls     int64 `json:"calls"`
	WaitedMS  int64 `json:"waitedMs"`
	Throttled int64 `json:"throttled"`

	waited time.Duration // finer than WaitedMS, so that many short waits add up
}

// usage counts since the process started.
type usage struct {
	calls, throttled int64
	wait             time.Duration
	origins          map[Origin]*OriginUsage
}

func (u *usage) of(o Origin) *OriginUsage {
	if u.origins[o] == nil {
		if len(u.origins) >= mostOrigins {
			o = otherOrigins
		}
		if u.origins[o] == nil {
			u.origins[o] = &OriginUsage{Origin: o}
		}
	}
	return u.origins[o]
}

func (u *usage) start(o Origin, waited time.Duration) {
	u.calls++
	u.of(o).Calls++
	u.waited(o, waited)
}

func (u *usage) waited(o Origin, d time.Duration) {
	u.wait += d
	u.of(o).waited += d
}

func (u *usage) throttle(o Origin) {
	u.throttled++
	u.of(o).Throttled++
}

func (u *usage) list() []OriginUsage {
	out := make([]OriginUsage, 0, len(u.origins))
	for _, o := range u.origins {
		spent := *o
		spent.WaitedMS = spent.waited.Milliseconds()
		out = append(out, spent)
	}
	slices.SortFunc(out, func(a, b OriginUsage) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Dashboard, b.Dashboard), cmp.Compare(a.Panel, b.Panel), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// Status tells what the governor does now and who has spent what.
func (g *Governor) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.pace.expire(now)
	limit, used := g.limit(), len(g.pace.starts)
	s := Status{
		Budget:   Budget{Limit: limit, Used: used, Left: max(limit-used, 0), WindowSeconds: int(Window.Seconds())},
		InFlight: g.inFlight,
		Waiting: Waiting{
			Alert: len(g.waiting[LaneAlert]), Panel: len(g.waiting[LanePanel]), Background: len(g.waiting[LaneBackground]),
		},
		Calls: g.usage.calls, Throttled: g.usage.throttled, WaitedMS: g.usage.wait.Milliseconds(), Origins: g.usage.list(),
	}
	if g.pause.until.After(now) {
		ms := g.pause.until.UnixMilli()
		s.PausedUntil = &ms
	}
	return s
}
