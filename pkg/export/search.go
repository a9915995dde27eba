package export

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/ratelimit"
)

// search makes a file by reading the time range page by page, oldest events first, as fast as the rate limit permits. extras are columns
// that a CSV is known to need beyond those of every event.
func (s *Service) search(ctx context.Context, t token, extras []string, options Options, out *chunkWriter) (facts, error) {
	made := facts{Kind: KindSearch, Format: t.Format, Raw: -1}
	var w eventWriter = &jsonWriter{}
	if t.Format == cbc.ExportCSV {
		w = &csvWriter{safe: options.Safe, extras: slices.Clone(extras)}
		if made.Marked = options.Excel; made.Marked {
			out.buf = append(out.buf, byteOrderMark...)
		}
	}
	matcher := t.Filter.Local()
	var coverage history.Coverage
	var cost history.Cost
	background := ratelimit.WithLane(ctx, ratelimit.LaneBackground)
	for batch, err := range s.config.OwnPast().Read(background, question(t.Filter.Cloud(), t.timeRange()), &coverage, &cost) {
		if err != nil {
			return made, err
		}
		for e := range batch {
			made.Received++
			class := auditlog.Class{}
			if t.Filter.NeedsClass() {
				class = s.config.Classify(e)
			}
			if !matcher.Match(e, class) {
				continue
			}
			made.Rows++
			if out.buf, err = w.add(out.buf, e); err == nil {
				err = out.full()
			}
			if err != nil {
				return made, err
			}
		}
	}
	if bad := coverage.Bad; bad != nil { // all others were read
		made.Skipped, made.SkippedNote = bad.Count, bad.Error()
	}
	switch {
	case coverage.TruncatedAt != 0:
		return made, fail(Broken, "Carbon Black Cloud does not return all events of the millisecond %s, so the file cannot be complete",
			time.UnixMilli(coverage.TruncatedAt).UTC().Format(time.RFC3339Nano))
	case !coverage.Complete || !coverage.StaleSince.IsZero():
		return made, fail(Broken, "not all of the time range could be read")
	}
	out.buf = w.end(out.buf)
	return made, nil
}

// eventWriter writes events as rows of a file.
type eventWriter interface {
	add(to []byte, e *auditlog.Event) ([]byte, error)
	end(to []byte) []byte // also when there was no event
}

// columns are the fields of an event, in the order in which they are written.
var columns = []string{"create_time", "actor", "actor_ip", "description", "request_url", "flagged", "verbose", "org_key"}

func fieldTexts(e *auditlog.Event) [8]string {
	return [8]string{
		auditlog.FormatTime(e.CreateTime), e.Actor, e.ActorIP, e.Description, e.RequestURL, strconv.FormatBool(e.Flagged), strconv.FormatBool(e.Verbose), e.OrgKey,
	}
}

// csvWriter writes CSV by RFC 4180. Unknown fields become columns behind the others: those of the first event, and those that are known
// to occur later.
type csvWriter struct {
	safe   bool
	begun  bool
	extras []string
}

func (w *csvWriter) begin(to []byte, extra []auditlog.Field) []byte {
	w.begun = true
	for i, name := range columns {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, name...)
	}
	w.extras = w.lacking(extra)
	for _, name := range w.extras {
		to = w.cell(append(to, ','), name)
	}
	return append(to, "\r\n"...)
}

func (w *csvWriter) add(to []byte, e *auditlog.Event) ([]byte, error) {
	if !w.begun {
		to = w.begin(to, e.Extra)
	}
	for i, text := range fieldTexts(e) {
		if i > 0 {
			to = append(to, ',')
		}
		to = w.cell(to, text)
	}
	for _, name := range w.extras {
		to = append(to, ',')
		if i := slices.IndexFunc(e.Extra, func(f auditlog.Field) bool { return f.Name == name }); i >= 0 {
			to = w.cell(to, e.Extra[i].Text())
		}
	}
	if needed := w.lacking(e.Extra); len(needed) > len(w.extras) {
		return to, &missingColumns{needed}
	}
	return append(to, "\r\n"...), nil
}

// lacking returns the extra columns, and those that some fields need beyond them.
func (w *csvWriter) lacking(fields []auditlog.Field) []string {
	needed := slices.Clip(w.extras)
	for _, f := range fields {
		if !slices.Contains(needed, f.Name) {
			needed = append(needed, f.Name)
		}
	}
	return needed
}

// missingColumns says that a field occurred after the header of a CSV was written. It holds the columns that are needed.
type missingColumns struct{ columns []string }

func (l *missingColumns) Error() string {
	return fmt.Sprintf("the field %q occurred after the header of the CSV was written", l.columns[len(l.columns)-1])
}

// maxExtras bounds the columns that a CSV has beyond those of every event.
const maxExtras = 50

func (w *csvWriter) cell(to []byte, text string) []byte {
	formula := w.safe && isFormula(text)
	if !formula && !strings.ContainsAny(text, ",\"\r\n") && (text == "" || text[0] != ' ' && text[len(text)-1] != ' ') {
		return append(to, text...)
	}
	to = append(to, '"')
	if formula {
		to = append(to, '\'')
	}
	to = append(to, strings.ReplaceAll(text, `"`, `""`)...)
	return append(to, '"')
}

func (w *csvWriter) end(to []byte) []byte {
	if !w.begun {
		return w.begin(to, nil)
	}
	return to
}

// jsonWriter writes a list of objects, one per line. Unknown fields follow the others as they were received.
type jsonWriter struct{ rows int }

func (w *jsonWriter) add(to []byte, e *auditlog.Event) ([]byte, error) {
	if w.rows++; w.rows == 1 {
		to = append(to, "[\n"...)
	} else {
		to = append(to, ",\n"...)
	}
	return e.AppendFullJSON(to), nil
}

func (w *jsonWriter) end(to []byte) []byte {
	if w.rows == 0 {
		return append(to, "[]\n"...)
	}
	return append(to, "\n]\n"...)
}
