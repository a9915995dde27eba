package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
)

// Fill is what a search found in a time range.
type Fill struct {
	Range   auditlog.TimeRange
	Holes   []auditlog.TimeRange // parts of it of which not every event could be read
	Events  []auditlog.Event
	Catalog string // fingerprint of the catalog
	Class   func(*auditlog.Event) auditlog.Class
	Rate    float64 // events a second
}

// Add replaces what the archive holds of a time range, and covers it.
func (l *FillLease) Add(ctx context.Context, f Fill) (ArchiveState, error) {
	if err := l.archive.createPartitions(ctx, f.Events); err != nil {
		return ArchiveState{}, err
	}
	ids, err := l.archive.classIDs(ctx, f.Events, f.Class)
	if err != nil {
		return ArchiveState{}, err
	}
	state, err := l.use(ctx, func(tx pgx.Tx, keyID int32, state *ArchiveState) error {
		deleted, err := tx.Exec(ctx, `delete from cbc_audit_archived where ledger = $1 and happened >= $2 and happened < $3`, keyID, nanos(f.Range.From), nanos(f.Range.To))
		if err != nil {
			return err
		}
		rows := make([][]any, len(f.Events))
		for i := range f.Events {
			rows[i] = l.archive.row(keyID, &f.Events[i], ids[f.Class(&f.Events[i])])
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"cbc_audit_archived"}, archivedColumns, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		state.cover(f, deleted.RowsAffected())
		return l.archive.block(ctx, tx, keyID, state, f, ids)
	})
	if err == nil {
		l.archive.analyze(ctx, "cbc_audit_archived", len(f.Events), analyzeArchiveAfter)
	}
	return state, err
}

// block stores events as a block if they are many. Otherwise it drops the blocks that they change.
func (a *Archive) block(ctx context.Context, tx pgx.Tx, keyID int32, s *ArchiveState, f Fill, ids map[auditlog.Class]int32) error {
	if len(f.Events) < a.minBlock {
		return dropBlocks(ctx, tx, keyID, s, f.Range)
	}
	events := make([]*auditlog.Event, len(f.Events))
	for i := range events {
		events[i] = &f.Events[i]
	}
	return putBlock(ctx, tx, keyID, s, f.Range, events, func(e *auditlog.Event) int32 { return ids[f.Class(e)] })
}

// cover notes that a time range was filled.
func (s *ArchiveState) cover(f Fill, replaced int64) {
	if s.Catalog != f.Catalog { // nothing else was classified alike
		s.Catalog, s.Classified = f.Catalog, nil
	}
	s.Covered, s.Classified = addRange(s.Covered, f.Range), addRange(s.Classified, f.Range)
	s.Holes = removeRange(s.Holes, f.Range)
	for _, hole := range f.Holes {
		s.Covered, s.Classified, s.Holes = removeRange(s.Covered, hole), removeRange(s.Classified, hole), addRange(s.Holes, hole)
	}
	s.Events += int64(len(f.Events)) - replaced
	s.Fill = FillProgress{At: s.Now, RatePerSecond: f.Rate}
}

// createPartitions makes the months of events. Nothing waits for it that reads others.
func (a *Archive) createPartitions(ctx context.Context, events []auditlog.Event) error {
	if _, err := a.id(ctx); err != nil {
		return err
	}
	made := map[partition]bool{}
	for i := range events {
		month := monthOf(events[i].CreateTime)
		if made[month] {
			continue
		}
		made[month] = true
		if err := a.createPartition(ctx, month); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) createPartition(ctx context.Context, month partition) error {
	var exists bool
	err := a.pool.QueryRow(ctx, `select to_regclass($1) is not null`, month.name()).Scan(&exists)
	if err == nil && !exists {
		_, err = a.pool.Exec(ctx, month.create())
	}
	if isCreatedMeanwhile(err) {
		err = nil
	}
	if isForbidden(err) {
		return fmt.Errorf("PostgreSQL: the user of storeDsn may not create the table %s: grant CREATE on the schema and make it the owner of cbc_audit_archived", month.name())
	}
	return failed(err)
}

// classIDs returns the numbers of the classes of events.
func (a *Archive) classIDs(ctx context.Context, events []auditlog.Event, classOf func(*auditlog.Event) auditlog.Class) (map[auditlog.Class]int32, error) {
	ids := map[auditlog.Class]int32{}
	for i := range events {
		class := classOf(&events[i])
		if _, known := ids[class]; known {
			continue
		}
		id, err := a.classID(ctx, class)
		if err != nil {
			return nil, err
		}
		ids[class] = id
	}
	return ids, nil
}

func (a *Archive) classID(ctx context.Context, c auditlog.Class) (int32, error) {
	c.Targets = nil
	if id, known := a.classes.Load(c); known {
		return id.(int32), nil
	}
	if _, err := a.id(ctx); err != nil {
		return 0, err
	}
	_, err := a.pool.Exec(ctx, `insert into cbc_audit_class (category, action, outcome, severity, code) values ($1, $2, $3, $4, $5) on conflict do nothing`,
		c.Category, c.Action, c.Outcome, c.Severity, c.Code)
	if err != nil {
		return 0, failed(err)
	}
	var id int32
	err = a.pool.QueryRow(ctx, `select id from cbc_audit_class where category = $1 and action = $2 and outcome = $3 and severity = $4 and code = $5`,
		c.Category, c.Action, c.Outcome, c.Severity, c.Code).Scan(&id)
	if err == nil {
		a.classes.Store(c, id)
	}
	return id, failed(err)
}

var archivedColumns = []string{
	"happened", "ledger", "class", "flags", "actor", "account", "actor_ip", "address", "description", "request_url", "org_key", "extra", "exact",
}

// row makes the columns of an event.
func (a *Archive) row(keyID int32, e *auditlog.Event, class int32) []any {
	flags := flagsOf(e)
	if !storable(e) {
		return []any{e.CreateTime.UnixNano(), keyID, class, flags, "", "", "", "", "", "", nil, nil, exactText(e)}
	}
	var orgKey *string
	if e.OrgKey != a.key.OrgKey {
		orgKey = &e.OrgKey
	}
	return []any{
		e.CreateTime.UnixNano(), keyID, class, flags, e.Actor, auditlog.Account(e.Actor), e.ActorIP, auditlog.Address(e.ActorIP), e.Description, e.RequestURL,
		orgKey, extraOf(e), nil,
	}
}

const (
	flagFlagged int16 = 1
	flagVerbose int16 = 2
	flagBits          = 2
)

func flagsOf(e *auditlog.Event) (flags int16) {
	if e.Flagged {
		flags |= flagFlagged
	}
	if e.Verbose {
		flags |= flagVerbose
	}
	return flags
}

// exactText is the JSON of an event that columns cannot hold.
func exactText(e *auditlog.Event) string {
	return strings.ToValidUTF8(string(e.AppendJSON(nil)), "\ufffd")
}

// storable reports whether columns can hold the event: text in PostgreSQL has no null character.
func storable(e *auditlog.Event) bool {
	for _, s := range [...]string{e.Actor, e.ActorIP, e.Description, e.RequestURL, e.OrgKey} {
		if strings.ToValidUTF8(s, "") != s || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}

// extraOf returns the fields that the plugin does not know, nil if there are none: a JSON list of names and values, both as strings, so
// that the bytes of a value stay.
func extraOf(e *auditlog.Event) *string {
	if len(e.Extra) == 0 {
		return nil
	}
	fields := make([][2]string, len(e.Extra))
	for i, f := range e.Extra {
		fields[i] = [2]string{f.Name, string(f.Value)}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprint("strings always marshal: ", err))
	}
	return new(string(text))
}

func nanos(ms int64) int64 { return ms * int64(time.Millisecond) }

// analyzeArchiveAfter is the least growth, in events, that makes new statistics worth while.
const analyzeArchiveAfter = 20_000
