package simulator

import (
	"math/rand/v2"
	"slices"
	"time"
)

// generator generates events by hour. The events of an hour depend only on the seed and the hour, so two servers with
// the same seed agree where their histories overlap.
type generator struct {
	seed   uint64
	orgKey string
	size   Generate
	start  time.Time
	next   time.Time // first hour without live events
}

func newGenerator(seed uint64, orgKey string, size Generate, start time.Time) *generator {
	start = start.UTC()
	return &generator{seed: seed, orgKey: orgKey, size: size, start: start, next: start.Truncate(time.Hour)}
}

// The share of events by people; keys and sensors cause the rest around the clock.
const humanShare = 0.6

// workday is the activity in each hour (UTC) of a working day.
var workday = [24]float64{1, 1, 1, 1, 1, 2, 4, 9, 14, 18, 18, 17, 12, 16, 18, 17, 14, 9, 5, 3, 2, 2, 1, 1}

const weekend = 0.15 // of a working day

// humanPace returns the share of an average day's human events in an hour.
func humanPace(hour time.Time) float64 {
	sum := 0.0
	for _, weight := range workday {
		sum += weight
	}
	average := sum * (5 + 2*weekend) / 7
	pace := workday[hour.Hour()] / average
	if day := hour.Weekday(); day == time.Saturday || day == time.Sunday {
		pace *= weekend
	}
	return pace
}

// history generates everything up to the start.
func (g *generator) history() []Event {
	from := g.start.AddDate(0, 0, -g.size.Days)
	events := make([]Event, 0, g.size.Days*g.size.PerDay*11/10)
	perDay := float64(g.size.PerDay)
	for hour := from.Truncate(time.Hour); !hour.After(g.start); hour = hour.Add(time.Hour) {
		d := g.hourBuilder(hour, 1)
		d.addEvents(perDay*(1-humanShare)/24, perDay*humanShare*humanPace(hour))
		for _, e := range d.take() {
			if e.CreateTime.After(from) && !e.CreateTime.After(g.start) {
				events = append(events, e)
			}
		}
	}
	return events
}

// until generates the events that are missing after the start, up to the end of the current hour. Their pace is steady,
// so that a demo has events at night, too.
func (g *generator) until(now time.Time) []Event {
	var events []Event
	for ; g.size.LivePerDay > 0 && !g.next.After(now); g.next = g.next.Add(time.Hour) {
		d := g.hourBuilder(g.next, 2)
		perHour := float64(g.size.LivePerDay) / 24
		d.addEvents(perHour*(1-humanShare), perHour*humanShare)
		for _, e := range d.take() {
			if !e.CreateTime.After(g.start) {
				continue
			}
			if g.size.Lateness > 0 {
				e.Arrives = e.CreateTime.Add(time.Duration(d.chance.Int64N(int64(g.size.Lateness))))
			}
			events = append(events, e)
		}
	}
	return events
}

// hourBuilder generates the scenes of one hour.
type hourBuilder struct {
	scene
	hour   time.Time
	events []Event
}

func (g *generator) hourBuilder(hour time.Time, salt uint64) *hourBuilder {
	chance := rand.New(rand.NewPCG(g.seed*2+salt, uint64(hour.Unix())))
	return &hourBuilder{scene: scene{chance: chance, orgKey: g.orgKey}, hour: hour}
}

// activity is a kind of scene that people cause.
type activity struct {
	weight int // share of all activities, in thousandths
	size   float64
	act    func(*hourBuilder)
}

var activities = []activity{
	{4, 23, (*hourBuilder).intrusion},
	{20, 3.5, (*hourBuilder).policyEdit},
	{3, 2, (*hourBuilder).roleCreation},
	{6, 2.5, (*hourBuilder).duplicate},
	{967, 1, (*hourBuilder).routine},
}

// addEvents generates about n events.
func (d *hourBuilder) addEvents(machine, human float64) {
	for range d.round(machine) {
		d.newSubjects()
		d.single(machineDeck, d.moment())
	}
	size := 0.0
	for _, p := range activities {
		size += float64(p.weight) / 1000 * p.size
	}
	for range d.round(human / size) {
		at := d.chance.IntN(1000)
		d.newSubjects()
		for _, p := range activities {
			if at -= p.weight; at < 0 {
				p.act(d)
				break
			}
		}
	}
}

// round rounds at random, so that averages stay.
func (d *hourBuilder) round(x float64) int { return int(x + d.chance.Float64()) }

// take returns the events of the hour, ascending.
func (d *hourBuilder) take() []Event {
	slices.SortStableFunc(d.events, func(a, b Event) int { return a.CreateTime.Compare(b.CreateTime) })
	return d.events
}

func (d *hourBuilder) moment() time.Time {
	return d.hour.Add(time.Duration(d.chance.IntN(3_600_000)) * time.Millisecond)
}

var (
	machineDeck  = newWeightedRecipes(byKey, byVendor, byDevice, bySystem)
	humanDeck    = newWeightedRecipes(byUser)
	failedLogins = newWeightedRecipes(byIntruder)

	loggedIn       = newRecipe(pattern{text: textLoggedIn})
	policyRequest  = newRecipe(pattern{text: textPolicyRequest})
	policyModified = newRecipe(pattern{text: textPolicyModified})
	policyUpdated  = newRecipe(pattern{text: textPolicyUpdated})
	ruleConfig     = newRecipe(pattern{text: textRuleConfig})
	ruleConfigJSON = newRecipe(pattern{text: textRuleConfigJSON, verbose: true})
	roleCreated    = newRecipe(pattern{text: textRoleCreated, url: urlRoles})
	roleGranted    = newRecipe(pattern{text: textRoleGranted, url: urlPermissions})
)

func (d *hourBuilder) single(from *weightedRecipes, at time.Time) {
	r := from.draw(&d.scene)
	d.setActor(r.by)
	d.emit(r, at)
}

func (d *hourBuilder) emit(r *recipe, at time.Time) {
	d.events = append(d.events, Event{
		CreateTime: at, OrgKey: d.orgKey, Actor: d.actor, ActorIP: d.address, RequestURL: r.url.write(&d.scene),
		Description: r.description.write(&d.scene), Flagged: r.flagged, Verbose: r.verbose,
	})
}

func (d *hourBuilder) ms(from, to int) time.Duration {
	return time.Duration(from+d.chance.IntN(to-from+1)) * time.Millisecond
}

func (d *hourBuilder) routine() {
	if d.chance.IntN(60) == 0 {
		d.single(failedLogins, d.moment())
		return
	}
	d.single(humanDeck, d.moment())
}

// intrusion is a burst of failed logins from one address, sometimes with success.
func (d *hourBuilder) intrusion() {
	at := d.moment()
	d.setActor(byIntruder)
	for range 5 + d.chance.IntN(36) {
		d.emit(failedLogins.draw(&d.scene), at)
		at = at.Add(d.ms(300, 6000))
	}
	if d.chance.IntN(5) == 0 {
		d.emit(loggedIn, at)
	}
}

// policyEdit generates three or four entries in one second, the last one verbose.
func (d *hourBuilder) policyEdit() {
	d.setActor(byUser)
	at := d.moment().Truncate(time.Second).Add(d.ms(0, 300))
	if d.chance.IntN(2) == 0 {
		d.emit(policyRequest, at)
		at = at.Add(d.ms(10, 200))
	}
	if d.chance.IntN(3) == 0 {
		d.emit(policyUpdated, at)
	} else {
		d.emit(policyModified, at)
	}
	at = at.Add(d.ms(10, 200))
	d.emit(ruleConfig, at)
	d.emit(ruleConfigJSON, at.Add(d.ms(70, 93)))
}

func (d *hourBuilder) roleCreation() {
	d.setActor(byUser)
	at := d.moment()
	d.emit(roleCreated, at)
	d.emit(roleGranted, at.Add(d.ms(3500, 4500)))
}

// duplicate generates an event two or three times in one millisecond.
func (d *hourBuilder) duplicate() {
	d.single(humanDeck, d.moment())
	again := d.events[len(d.events)-1]
	for range 1 + d.chance.IntN(2) {
		d.events = append(d.events, again)
	}
}
