package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// relay hands on the file of a job, row by row: rows that are kept stay as they are, byte for byte.
func (s *Service) relay(ctx context.Context, t token, done time.Time, safe bool, out *chunker) (facts, error) {
	fresh := func() bool { return s.young(t) || s.config.Now().Sub(done) < unborn }
	body, err := s.openFile(ctx, t, fresh)
	switch {
	case status(err) == 404 && fresh():
		return facts{}, fail(NotReady, "the file is not there yet, though Carbon Black Cloud says that it is made: try again in a moment")
	case status(err) == 404:
		return facts{}, fail(Missing, "Carbon Black Cloud does not have the file any more: it keeps files for 30 days. Start the export again")
	case forbidden(err):
		return facts{}, &unusable{closed(err)}
	case err != nil:
		return facts{}, err
	}
	defer func() { _ = body.Close() }() // whatever was wrong with it has been said
	in := newWindow(body, out)
	format, err := in.sniff(t.Format)
	if err != nil {
		return facts{}, err
	}
	out.file = s.announce(t, format)
	k := s.keeper(t)
	made := facts{Kind: KindJob, Format: format}
	if format == cbc.ExportJSON {
		made.Rewrap, err = relayJSON(in, k)
	} else {
		err = relayCSV(in, k, safe)
	}
	made.Rows, made.Received, made.Raw, made.Lacks = k.rows, k.received, k.raw, k.lacks
	if out.failed != nil {
		return made, out.failed
	}
	if err != nil {
		return made, explain(ctx, err)
	}
	if t.known() && k.short(t.Census) {
		return made, &unusable{fmt.Sprintf("it holds fewer events than Carbon Black Cloud counted at the start, %d", max(t.Census.Sent, t.Census.Count))}
	}
	return made, nil
}

// openFile opens the file of a job. That of a job that was just started or completed may, like the job itself, be known a little
// later only.
func (s *Service) openFile(ctx context.Context, t token, fresh func() bool) (io.ReadCloser, error) {
	for pause := firstPoll; ; pause *= 2 {
		body, err := s.config.Cloud.Download(ctx, t.Job)
		if status(err) != 404 || !fresh() || pause > mostPause {
			return body, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// mostPause is the longest pause between two tries to open a file.
const mostPause = time.Second

// young tells whether the job may have been started so recently that it is not known everywhere.
func (s *Service) young(t token) bool {
	return t.Created > 0 && s.config.Now().Sub(t.created()) < unborn
}

// explain keeps apart a file that broke off and one that is not understood.
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

// keeper decides which rows of a job's file belong to the export, and counts.
type keeper struct {
	token    token
	needs    []auditlog.Key // what the plugin's part of the filter looks at
	matcher  auditlog.Matcher
	clock    clockReader
	raw      int      // rows of the file
	received int      // of those, the ones of the window
	rows     int      // of those, the ones that pass the filter
	lacks    []string // columns of an audit log that a CSV does not have
}

func (s *Service) keeper(t token) *keeper {
	k := &keeper{token: t}
	if t.known() {
		k.needs, k.matcher = decidedHere(*t.Filter), t.Filter.Local()
	}
	return k
}

// inside counts a row, by the text of its time, and tells whether it is of the window.
func (k *keeper) inside(created []byte) (bool, error) {
	ms, ok := k.clock.read(created)
	if !ok {
		return false, &unusable{"its times are not understood"}
	}
	if k.token.torn(ms) && bytes.IndexAny(created, ".,") < 0 {
		return false, errCoarse
	}
	k.raw++
	if k.token.known() && !k.token.contains(ms) {
		return false, nil
	}
	k.received++
	return true, nil
}

// passes counts an event of the window and tells whether it passes the filter.
func (k *keeper) passes(e *auditlog.Event) bool {
	if len(k.needs) > 0 && !k.matcher.Match(e, auditlog.Class{}) {
		return false
	}
	k.rows++
	return true
}

// drops tells whether rows may have to be left out.
func (k *keeper) drops() bool {
	return k.token.known() && (k.token.Census.Bounds == wide || len(k.needs) > 0)
}

// short tells whether the file is known to lack events, or to write their times in a way that puts them outside the window.
func (k *keeper) short(c census) bool { return k.raw < c.Sent || k.received < c.Count }
