package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// End is the end of the log, which is not settled yet, as it was a moment ago.
type End struct {
	Range  auditlog.TimeRange
	Events []auditlog.Event
	Age    time.Duration // since it was requested
}

// Claim is the right to read the end of the log for all replicas.
type Claim struct{ until int64 }

// claimTime is how long others wait for a replica that reads the end.
const claimTime = 10 * time.Second

// End returns the end of the log if a replica has read it less than fresh ago, and the time range of the caller lies in it: what happened
// in the last moments is taken as read. Else it returns a claim for the caller, or nothing while another replica has one.
func (a *Archive) End(ctx context.Context, r auditlog.TimeRange, fresh time.Duration) (*End, *Claim, error) {
	keyID, err := a.id(ctx)
	if err != nil {
		return nil, nil, err
	}
	var e End
	var text []byte
	var age int64
	err = a.pool.QueryRow(ctx, `with e as (select *, (extract(epoch from clock_timestamp()) * 1000)::bigint - requested as age from cbc_audit_end where ledger = $1)
		select starts, ends, age, events from e where starts <= $2 and age >= 0 and age < $3 and ends + $3 >= $4`, keyID, r.From, fresh.Milliseconds(), r.To).
		Scan(&e.Range.From, &e.Range.To, &age, &text)
	if err == nil {
		e.Age = time.Duration(age) * time.Millisecond
		e.Events, err = decodeEvents(text)
		return &e, nil, failed(err)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, failed(err)
	}
	var claim Claim
	err = a.pool.QueryRow(ctx, `insert into cbc_audit_end as e (ledger, claimed_till)
		values ($1, (extract(epoch from clock_timestamp()) * 1000)::bigint + $2)
		on conflict (ledger) do update set claimed_till = excluded.claimed_till
			where e.claimed_till < excluded.claimed_till - $2 and not (e.starts <= $3 and excluded.claimed_till - $2 - e.requested < $4 and e.ends + $4 >= $5)
		returning claimed_till`, keyID, claimTime.Milliseconds(), r.From, fresh.Milliseconds(), r.To).Scan(&claim.until)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	return nil, &claim, failed(err)
}

// PutEnd gives the end of the log to all replicas. The claim must be from before it was requested.
func (a *Archive) PutEnd(ctx context.Context, c *Claim, w auditlog.TimeRange, events []auditlog.Event) error {
	text := []byte{'['}
	for i := range events {
		if i > 0 {
			text = append(text, ',')
		}
		text = events[i].AppendJSON(text)
	}
	_, err := a.pool.Exec(ctx, `update cbc_audit_end set starts = $3, ends = $4, requested = $2 - $5, claimed_till = 0, events = $6 where ledger = $1 and claimed_till = $2`,
		a.keyID.Load(), c.until, w.From, w.To, claimTime.Milliseconds(), string(append(text, ']')))
	return failed(err)
}

// DropClaim lets another replica read the end.
func (a *Archive) DropClaim(ctx context.Context, c *Claim) error {
	_, err := a.pool.Exec(ctx, `update cbc_audit_end set claimed_till = 0 where ledger = $1 and claimed_till = $2`, a.keyID.Load(), c.until)
	return failed(err)
}

func decodeEvents(text []byte) ([]auditlog.Event, error) {
	var objects []json.RawMessage
	if err := json.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	events := make([]auditlog.Event, len(objects))
	decoder := cbc.NewEventDecoder()
	for i, object := range objects {
		if err := decoder.Decode(object, &events[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}
