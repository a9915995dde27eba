package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// copyJobFile copies the file of a job, row by row: rows that belong to the export stay as they are, byte for byte.
func (s *Service) copyJobFile(ctx context.Context, t token, done time.Time, options Options, out *chunkWriter) (facts, error) {
	fresh := func() bool { return s.startedRecently(t) || s.config.Now().Sub(done).Abs() < jobVisibilityDelay }
	body, err := s.openFile(ctx, t, fresh)
	switch {
	case status(err) == 404 && fresh():
		return facts{}, fail(NotReady, "the file is not there yet, though Carbon Black Cloud says that the job is completed: try again in a moment")
	case status(err) == 404:
		return facts{}, fail(Missing, "Carbon Black Cloud no longer has the file: it keeps files for 30 days. Start the export again")
	case forbidden(err):
		return facts{}, &unusable{whyNoJobService(err)}
	case err != nil:
		return facts{}, err
	}
	defer func() { _ = body.Close() }() // errors were reported by Read
	made, err := s.copyRows(newRowBuffer(body, out), t, options, out)
	if out.failed != nil {
		return made, out.failed
	}
	return made, explain(ctx, err)
}

// copyRows copies the rows of a job's file that belong to the export.
func (s *Service) copyRows(in *rowBuffer, t token, options Options, out *chunkWriter) (facts, error) {
	format, err := in.sniff(t.Format)
	if err != nil {
		return facts{}, err
	}
	out.file = s.announce(t, format)
	f := s.newRowFilter(t)
	made := facts{Kind: KindJob, Format: format}
	if format == cbc.ExportJSON {
		made.Unwrapped, err = copyJSON(in, f)
	} else {
		made.Marked, err = markForExcel(in, options)
		if err == nil {
			err = copyCSV(in, f, options)
		}
	}
	made.Rows, made.Received, made.Raw, made.Missing = f.rows, f.received, f.raw, f.missing
	if made.Skipped = f.skipped; f.skipped > 0 {
		made.SkippedNote = fmt.Sprintf("%d of the %d rows of the job's file cannot be read and are left out, the first is %s", f.skipped, f.raw, f.first)
	}
	if err == nil {
		err = f.check()
	}
	return made, err
}

// markForExcel begins a CSV with a byte order mark if it is to have one and has none.
func markForExcel(in *rowBuffer, options Options) (marked bool, err error) {
	if bytes.HasPrefix(in.unread(), []byte(byteOrderMark)) {
		return true, nil
	}
	if !options.Excel {
		return false, nil
	}
	return true, in.insert([]byte(byteOrderMark))
}

// openFile opens the file of a job. The file of a job that was just started or completed may, like the job itself, become visible a
// little later.
func (s *Service) openFile(ctx context.Context, t token, fresh func() bool) (io.ReadCloser, error) {
	for pause := minPoll; ; pause *= 2 {
		body, err := s.config.Cloud.Download(ctx, t.Job)
		if status(err) != 404 || !fresh() || pause > maxPause {
			return body, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// maxPause is the longest pause between two tries to open a file.
const maxPause = time.Second

// startedRecently reports whether a job was started so recently that it may not be visible everywhere. One that was started in the
// future was started by a clock that has been set back.
func (s *Service) startedRecently(t token) bool {
	return t.Created > 0 && s.config.Now().Sub(t.created()).Abs() < jobVisibilityDelay
}

// explain distinguishes a file that broke off from one that cannot be used.
func explain(ctx context.Context, err error) error {
	var odd *unusable
	var failed *cbc.Error
	switch {
	case errors.As(err, &odd), ctx.Err() != nil:
		return err
	case errors.As(err, &failed):
		return fail(Broken, "the file broke off on its way from Carbon Black Cloud: %v", err)
	}
	return err
}

// rowFilter decides which rows of a job's file belong to the export, and counts.
type rowFilter struct {
	token    token
	needs    []auditlog.Key // what the plugin's part of the filter needs of an event
	matcher  auditlog.Matcher
	clock    clockReader
	raw      int      // rows of the file
	received int      // of those, the ones of the time range
	rows     int      // of those, the ones that pass the filter
	skipped  int      // rows that cannot be read
	first    string   // the first of them, and why it cannot be read
	missing  []string // columns of an audit log that a CSV does not have
}

func (s *Service) newRowFilter(t token) *rowFilter {
	f := &rowFilter{token: t}
	if t.known() {
		f.needs, f.matcher = keysMatchedHere(*t.Filter), t.Filter.Local()
	}
	return f
}

// timeOf reads the time of a row in milliseconds.
func (f *rowFilter) timeOf(created string) (ms int64, err error) {
	ms, ok := f.clock.read(created)
	if !ok {
		return 0, &cbc.RowError{Reason: "its create_time is no time"}
	}
	if f.token.torn(ms) && !strings.ContainsAny(created, ".,") {
		return 0, errCoarse
	}
	return ms, nil
}

// inRange reports whether a row of a time belongs to the time range.
func (f *rowFilter) inRange(ms int64) bool { return !f.token.known() || f.token.contains(ms) }

// count counts a row and reports whether it belongs to the export. Of the event only what the filter needs is set, if it is in the
// time range.
func (f *rowFilter) count(ms int64, e *auditlog.Event) bool {
	f.raw++
	if !f.inRange(ms) {
		return false
	}
	f.received++
	if len(f.needs) > 0 && !f.matcher.Match(e, auditlog.Class{}) {
		return false
	}
	f.rows++
	return true
}

// skip counts a row that cannot be read. It costs itself only: the others come out.
func (f *rowFilter) skip(reason string) {
	f.raw++
	f.skipped++
	if f.skipped == 1 {
		f.first = fmt.Sprintf("row %d (%s)", f.raw, reason)
	}
}

// skipBad counts a row that cannot be read, if an error is about one.
func (f *rowFilter) skipBad(err error) bool {
	var bad *cbc.RowError
	if !errors.As(err, &bad) {
		return false
	}
	f.skip(bad.Reason)
	return true
}

// mayDrop reports whether rows may have to be left out.
func (f *rowFilter) mayDrop() bool {
	return f.token.known() && (f.token.Expected.Bounds == wide || len(f.needs) > 0)
}

// check returns an error for a file that is known to lack events, to write their times in a way that puts them outside the time
// range, or to be mostly unreadable. Rows that cannot be read may belong to the time range.
func (f *rowFilter) check() error {
	if f.skipped > f.raw-f.skipped {
		return &unusable{fmt.Sprintf("%d of its %d rows cannot be read, the first is %s", f.skipped, f.raw, f.first)}
	}
	expected := f.token.Expected
	if f.token.known() && (f.raw < expected.Sent || f.received+f.skipped < expected.Count) {
		return &unusable{fmt.Sprintf("it holds fewer events than Carbon Black Cloud counted at the start, %d", max(expected.Sent, expected.Count))}
	}
	return nil
}
