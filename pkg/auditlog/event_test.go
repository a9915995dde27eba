package auditlog_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// someText draws from a few texts, so equal and nearly equal events are frequent.
func someText() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"", "a", "b", "ab", "a\x00", "é"})
}

// someEvent draws an event whose fields are often equal to those of another.
func someEvent() *rapid.Generator[auditlog.Event] {
	field := rapid.Custom(func(t *rapid.T) auditlog.Field {
		return auditlog.Field{Name: someText().Draw(t, "name"), Value: json.RawMessage(someText().Draw(t, "value"))}
	})
	return rapid.Custom(func(t *rapid.T) auditlog.Event {
		return auditlog.Event{
			CreateTime: time.Unix(
				rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt32, -62135596800, 253402300799}).Draw(t, "second"),
				rapid.SampledFrom([]int64{0, 1, 999_999_999}).Draw(t, "nanosecond"),
			).UTC(),
			OrgKey: someText().Draw(t, "org_key"), Actor: someText().Draw(t, "actor"), ActorIP: someText().Draw(t, "actor_ip"),
			RequestURL: someText().Draw(t, "request_url"), Description: someText().Draw(t, "description"),
			Flagged: rapid.Bool().Draw(t, "flagged"), Verbose: rapid.Bool().Draw(t, "verbose"),
			Extra: rapid.SliceOfN(field, 0, 2).Draw(t, "extra"),
		}
	})
}

// alike draws two events that differ in few fields or in none.
func alike(t *rapid.T) (a, b auditlog.Event) {
	a, other := someEvent().Draw(t, "a"), someEvent().Draw(t, "b")
	b = a
	for _, part := range rapid.SliceOfN(rapid.IntRange(0, 8), 0, 2).Draw(t, "differ in") {
		switch part {
		case 0:
			b.CreateTime = other.CreateTime
		case 1:
			b.OrgKey = other.OrgKey
		case 2:
			b.Actor, b.ActorIP = other.Actor, other.ActorIP
		case 3:
			b.Actor, b.ActorIP = a.ActorIP, a.Actor
		case 4:
			b.RequestURL = other.RequestURL
		case 5:
			b.Description = other.Description
		case 6:
			b.Flagged, b.Verbose = other.Flagged, other.Verbose
		default:
			b.Extra = other.Extra
		}
	}
	return a, b
}

func TestCompareAgreesWithID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := alike(t)
		require.Equal(t, a.ID() == b.ID(), auditlog.Compare(&a, &b) == 0, "%+v\n%+v", a, b)
	})
}

func TestCompareIsATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := alike(t)
		c := someEvent().Draw(t, "c")
		require.Zero(t, auditlog.Compare(&a, &a))
		require.Equal(t, auditlog.Compare(&a, &b), -auditlog.Compare(&b, &a))
		events := []*auditlog.Event{&a, &b, &c}
		slices.SortFunc(events, auditlog.Compare)
		require.LessOrEqual(t, auditlog.Compare(events[0], events[1]), 0)
		require.LessOrEqual(t, auditlog.Compare(events[1], events[2]), 0)
		require.LessOrEqual(t, auditlog.Compare(events[0], events[2]), 0)
	})
}

func TestCompareOrdersByTimeFirst(t *testing.T) {
	older := auditlog.Event{CreateTime: time.Unix(1, 0), Description: "z"}
	newer := auditlog.Event{CreateTime: time.Unix(1, 1), Description: "a"}
	require.Equal(t, -1, auditlog.Compare(&older, &newer))
	elsewhere := older
	elsewhere.CreateTime = older.CreateTime.In(time.FixedZone("", 3600))
	require.Zero(t, auditlog.Compare(&older, &elsewhere))
	require.Equal(t, older.ID(), elsewhere.ID())
}

// Links to rows contain ids: these values may never change.
func TestIDIsStable(t *testing.T) {
	login := auditlog.Event{
		CreateTime: time.Date(2024, 4, 17, 19, 18, 37, 480_000_000, time.UTC), OrgKey: "ABCD1234", Actor: "a@example.com",
		ActorIP: "192.0.2.7", Description: "Logged in successfully",
	}
	full := login
	full.RequestURL, full.Flagged, full.Verbose = "/settings/users", true, true
	full.Extra = []auditlog.Field{{Name: "region", Value: json.RawMessage(`"eu"`)}, {Name: "size", Value: json.RawMessage(`7`)}}
	old := auditlog.Event{CreateTime: time.Unix(-1, 999_999_999).UTC()}
	for want, e := range map[string]auditlog.Event{
		"1bf5a58eebdc684b77f4eb3dfac28d7e": login,
		"9f2f71fa07214679491252e5db9ab8b6": full,
		"5628eb92fd569aab41c87bef32619cc2": old,
		"7493b7763ece78215c61806e924ffa91": {},
	} {
		require.Equal(t, want, e.ID().String())
	}
}

// Text in another field makes another event.
func TestIDKeepsFieldsApart(t *testing.T) {
	events := []auditlog.Event{
		{OrgKey: "ab"}, {OrgKey: "a", Actor: "b"}, {Actor: "ab"}, {ActorIP: "ab"}, {RequestURL: "ab"}, {Description: "ab"},
		{Description: "a", Flagged: true}, {Description: "a", Verbose: true}, {Description: "a"},
		{Extra: []auditlog.Field{{Name: "a", Value: json.RawMessage(`1`)}}}, {Extra: []auditlog.Field{{Name: "", Value: json.RawMessage(`a1`)}}},
		{Extra: []auditlog.Field{{Name: "a"}, {Name: "1"}}}, {CreateTime: time.Unix(0, 0)}, {CreateTime: time.Unix(0, 1)},
	}
	seen := map[auditlog.ID]int{}
	for i, e := range events {
		before, twice := seen[e.ID()]
		require.False(t, twice, "events %d and %d", before, i)
		seen[e.ID()] = i
	}
}
