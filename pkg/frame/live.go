package frame

import "github.com/grafana/grafana-plugin-sdk-go/data"

// Whole is how a frame of a live channel is sent: with its schema, because a viewer takes what a frame says of itself from it.
const Whole = data.IncludeAll

// Live makes a log of what is new in a live channel. Unlike an answer it names its query itself.
func Live(refID string, rows []Row, m Meta) *data.Frame {
	m.Stats = Stats{Found: len(rows), Read: len(rows), Shown: len(rows)}
	f := Logs(rows, m)[0]
	f.RefID = refID
	return f
}
