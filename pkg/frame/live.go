package frame

import "github.com/grafana/grafana-plugin-sdk-go/data"

// Whole sends a frame of a live channel with its schema, which holds its notices.
const Whole = data.IncludeAll

// Live makes a log of what is new in a live channel.
func Live(refID string, rows []Row, m Meta) *data.Frame {
	m.Stats = Stats{Found: len(rows), Read: len(rows), Shown: len(rows)}
	f := Logs(rows, m)[0]
	f.RefID = refID
	return f
}
