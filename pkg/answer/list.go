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
	var listed []*auditlog.Event
	edge := 0 // events of the millisecond where a user who scrolls goes on
	points, table := 0, q.Format == query.FormatTable
	r, err := x.read(ctx, x.source, 0, func(e *auditlog.Event, _ auditlog.Class) bool {
		if q.Scrolls && x.plan.atScrollEdge(e) {
			edge++
		} else if len(listed)-edge >= q.Limit {
			return false
		}
		listed, points = append(listed, e), points+pointsOf(e, table)
		return points <= maxListPoints && (len(listed)-edge < q.Limit || q.Scrolls)
	})
	if err != nil {
		return Result{}, err
	}
	if points > maxListPoints {
		return Result{}, query.Errorf("the answer is too large after %s events: ask for fewer rows or a shorter time range", thousands(len(listed)))
	}
	if err := x.takeRoom(ctx, points); err != nil {
		return Result{}, err
	}
	rows := make([]frame.Row, len(listed))
	for i, e := range listed {
		rows[i] = frame.Row{Event: e, Class: x.classify(e), Folded: r.folded[e]}
	}
	setIDs(rows)
	content := frame.Content{Shape: frame.ShapeLogs, Rows: rows}
	if table {
		content.Shape = frame.ShapeTable
	}
	return x.result(ctx, content, r)
}

// pointsOf returns the size of the row of an event, in points. Its text is copied several times on its way to Grafana; a log line repeats
// it in its labels, each with its name.
func pointsOf(e *auditlog.Event, table bool) int {
	text := len(e.Description) + len(e.Actor) + len(e.ActorIP) + len(e.RequestURL)
	for _, f := range e.Extra {
		text += len(f.Name) + len(f.Value)
	}
	if table {
		return pointsPerRow + text/textPerPoint
	}
	return (pointsPerRow + text/textPerPoint) * 3 / 2
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
