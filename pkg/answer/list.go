package answer

import (
	"context"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/frame"
	"carbonblack-auditlog-datasource/pkg/query"
)

// list lists the newest or oldest events.
func (x *execution) list(ctx context.Context) (Result, error) {
	q := x.plan.Query
	var rows []frame.Row
	edge := 0 // rows of the millisecond where a user who scrolls goes on
	r, err := x.read(ctx, 0, func(e *auditlog.Event, c auditlog.Class) bool {
		if q.Scrolls && x.plan.atScrollEdge(e) {
			edge++
		} else if len(rows)-edge >= q.Limit {
			return false
		}
		rows = append(rows, frame.Row{Event: e, Class: c})
		return len(rows)-edge < q.Limit || q.Scrolls
	})
	if err != nil {
		return Result{}, err
	}
	if err := x.takeRoom(ctx, len(rows)*pointsPerRow); err != nil {
		return Result{}, err
	}
	for i := range rows {
		rows[i].Folded = r.folded[rows[i].Event]
	}
	setIDs(rows)
	content := frame.Content{Shape: frame.ShapeLogs, Rows: rows}
	if q.Format == query.FormatTable {
		content.Shape = frame.ShapeTable
	}
	return x.result(ctx, content, r)
}

// atScrollEdge reports whether an event lies in the millisecond where a user who scrolls goes on: some of its events are on the screen
// already, and all of them are listed once more, in addition to the limit.
func (p Plan) atScrollEdge(e *auditlog.Event) bool {
	if p.Query.Oldest {
		return e.CreateTime.UnixMilli() <= p.Range.From
	}
	return e.CreateTime.UnixMilli() >= p.Range.To-1
}

// setIDs gives each row its ID: that of the event, with an ordinal for further events that are equal in every field. Equal events are
// neighbours.
func setIDs(rows []frame.Row) {
	ordinal := 0
	for i := range rows {
		if i > 0 && auditlog.Compare(rows[i-1].Event, rows[i].Event) == 0 {
			ordinal++
		} else {
			ordinal = 0
		}
		rows[i].ID = rows[i].Event.ID().Row(ordinal)
	}
}
