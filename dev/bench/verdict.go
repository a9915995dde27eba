package bench

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Verdicts on an answer. Anything else is wrong, and an error.
const (
	exact      = "exact"
	exactNoted = "exact, rarer groups may be missing and it says so"
	cut        = "newest part only, and it says so"
)

// judge compares an answer with the truth. It returns exact, or cut for an answer that holds less and says so.
type judge func(t *truth, frames data.Frames) (string, error)

func judgeCount(t *truth, frames data.Frames) (string, error) {
	if got := number(frames[0].Fields[0], 0); len(frames) != 1 || got != t.total {
		return "", fmt.Errorf("the count is %d, not %d", got, t.total)
	}
	return exact, nil
}

// judgeSeries compares every bucket of every series, and finds missing series.
func judgeSeries(t *truth, frames data.Frames) (string, error) {
	partial := len(warnings(frames)) > 0
	sum := int64(0)
	for _, f := range frames {
		want := t.buckets
		if actor, grouped := f.Fields[1].Labels["actor"]; grouped {
			want = t.byActor[actor]
		}
		for row := range f.Rows() {
			start, _ := f.Fields[0].At(row).(time.Time)
			got := number(f.Fields[1], row)
			sum += got
			if got > want[start.UnixMilli()] || !partial && got != want[start.UnixMilli()] {
				return "", fmt.Errorf("%v: %d at %v, not %d", f.Fields[1].Labels, got, start, want[start.UnixMilli()])
			}
		}
	}
	switch {
	case sum == t.total:
		return exact, nil
	case partial:
		return cut, nil
	}
	return "", fmt.Errorf("the series hold %d events of %d", sum, t.total)
}

func judgeTop(t *truth, frames data.Frames) (string, error) {
	f, noted, verdict := frames[0], len(warnings(frames)) > 0, exact
	if noted {
		verdict = exactNoted
	}
	for row := range f.Rows() {
		actor, _ := f.Fields[0].At(row).(string)
		switch got := number(f.Fields[1], row); {
		case got == t.actors[actor]:
		case noted && got < t.actors[actor]:
			verdict = cut
		default:
			return "", fmt.Errorf("%q has %d events, not %d", actor, got, t.actors[actor])
		}
	}
	return verdict, nil
}

func judgeEvents(t *truth, frames data.Frames) (string, error) {
	f := frames[0]
	if f.Rows() != len(t.newest) {
		return "", fmt.Errorf("%d rows, not %d", f.Rows(), len(t.newest))
	}
	for row, want := range t.newest {
		if got, _ := f.Fields[0].At(row).(time.Time); !got.Equal(want) {
			return "", fmt.Errorf("row %d is of %v, not of %v", row, got, want)
		}
	}
	return exact, nil
}

func number(field *data.Field, row int) int64 {
	n, _ := field.At(row).(int64)
	return n
}
