package cbc

import (
	"context"
	"time"
)

// Lane is how urgent a request is. A lane's requests go before those of all later ones.
type Lane int

// The lanes, most urgent first.
const (
	LaneAlert      Lane = iota // an alert rule: a late answer is a missed alarm
	LanePanel                  // somebody looks at a panel
	LaneBackground             // nobody waits
	lanes
)

// shares are the percents of a window that a lane may fill, so that the more urgent ones find something left.
var shares = [lanes]int{LaneAlert: 100, LanePanel: 90, LaneBackground: 50}

// patience is the longest wait of a request whose context has no deadline; 0 is any.
var patience = [lanes]time.Duration{LaneAlert: 8 * time.Second, LanePanel: 20 * time.Second}

// answerTime is what must be left of a deadline when a request starts that has waited: one that is sure to be cut off is only a
// call less for the others.
const answerTime = time.Second

// share is how many of a window's requests a lane may use: at least one.
func (l Lane) share(limit int) int { return max(limit*shares[l]/100, 1) }

// Tenant is whose requests are counted together: the data sources of one Grafana organization that hold the same secret of an API
// key.
type Tenant struct {
	Identity Identity
	OrgID    int64 // of the Grafana organization; 0: what is done for all of them, such as reading the queue
	// unproved is set for requests of a client whose API key is not accepted: such tenants are counted in a place of their own, so
	// that they push nobody else out.
	unproved bool
}

// Origin is who asks: a dashboard's panel or an alert rule, by Grafana's ids. Without any it is the background.
type Origin struct {
	Tenant    Tenant `json:"-"`
	Dashboard string `json:"dashboard"`
	Panel     string `json:"panel"`
	Rule      string `json:"rule"`
}

type (
	laneKey   struct{}
	originKey struct{}
)

// WithLane makes the requests of a context go by that lane. Without one it is LanePanel.
func WithLane(ctx context.Context, lane Lane) context.Context {
	return context.WithValue(ctx, laneKey{}, lane)
}

// LaneOf returns the lane by which the requests of a context go.
func LaneOf(ctx context.Context) Lane {
	if lane, ok := ctx.Value(laneKey{}).(Lane); ok && lane >= 0 && lane < lanes {
		return lane
	}
	return LanePanel
}

// WithOrigin makes the requests of a context count as the origin's.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// withUnproved marks the requests of a context as those of a client whose API key is not accepted.
func withUnproved(ctx context.Context) context.Context {
	o := OriginOf(ctx)
	o.Tenant.unproved = true
	return WithOrigin(ctx, o)
}

// OriginOf returns the origin as which the requests of a context count.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}
