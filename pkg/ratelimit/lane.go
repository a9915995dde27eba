package ratelimit

import (
	"context"
	"time"
)

// Lane is the priority of a request. Requests of a lane start before those of all later lanes.
type Lane int

// The lanes, in order of priority.
const (
	LaneAlert      Lane = iota // an alert rule: a late answer is a missed alert
	LanePanel                  // a user is waiting
	LaneBackground             // nobody is waiting
	lanes
)

var (
	// shares holds the percentage of the budget that each lane may use, so that something is left for the lanes before it.
	shares = [lanes]int{LaneAlert: 100, LanePanel: 90, LaneBackground: 50}
	// maxWait bounds the wait of a request whose context has no deadline; 0 means no bound.
	maxWait = [lanes]time.Duration{LaneAlert: 8 * time.Second, LanePanel: 20 * time.Second}
)

// answerTime is the least time between the start of a request that waited and its deadline: with less, it would only waste budget.
const answerTime = time.Second

// share returns how many requests per window a lane may use, at least one.
func (l Lane) share(limit int) int { return max(limit*shares[l]/100, 1) }

// latestStart returns until when a request may wait for its start; zero means any time.
func latestStart(ctx context.Context, lane Lane, now time.Time) time.Time {
	if deadline, bounded := ctx.Deadline(); bounded {
		return deadline.Add(-answerTime)
	}
	if maxWait[lane] > 0 {
		return now.Add(maxWait[lane])
	}
	return time.Time{}
}

// Tenant is the unit by which usage is shown: the data sources of one Grafana organization that hold the same credential.
type Tenant struct {
	Identity any   // of the credential: any comparable value
	OrgID    int64 // of the Grafana organization; 0 for work that serves all of them, such as reading the queue
	// unverified is set while the credential is not accepted. Such tenants are counted apart, so that they cannot displace others.
	unverified bool
}

// Origin is where a request comes from: a panel or an alert rule, by Grafana's UIDs. All empty means background work.
type Origin struct {
	Tenant    Tenant `json:"-"`
	Dashboard string `json:"dashboard"`
	Panel     string `json:"panel"`
	Rule      string `json:"rule"`
}

type (
	laneKey   struct{}
	originKey struct{}
	firstKey  struct{} // whether an unverified client has sent nothing yet
)

// WithLane sets the lane of the requests made with the context. The default is LanePanel.
func WithLane(ctx context.Context, lane Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// LaneOf returns the lane of the requests made with the context.
func LaneOf(ctx context.Context) Lane {
	if lane, ok := ctx.Value(laneKey{}).(Lane); ok && lane >= 0 && lane < lanes {
		return lane
	}
	return LanePanel
}

// WithOrigin sets the origin of the requests made with the context.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// WithUnverified marks the requests made with the context as those of a client whose credential is not accepted. All such clients share
// a small part of the budget, half of which is for the first request of each.
func WithUnverified(ctx context.Context, first bool) context.Context {
	o := OriginOf(ctx)
	o.Tenant.unverified = true
	ctx = context.WithValue(ctx, firstKey{}, first)
	return WithOrigin(ctx, o)
}

// OriginOf returns the origin of the requests made with the context.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
