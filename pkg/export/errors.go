package export

import (
	"errors"
	"fmt"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Kind classifies an Error.
type Kind int

// The kinds of failure that are not Carbon Black Cloud's own, which come as a *cbc.Error.
const (
	Bad      Kind = iota // the request is malformed
	Missing              // there is no such export, or no longer
	NotReady             // there is no file yet, or the job has failed
	TooLarge             // the query does not fit into an ID
	Broken               // the file is incomplete or malformed
	Busy                 // too many downloads at once
)

// Error is the failure of a request about an export.
type Error struct {
	Kind Kind
	text string
	err  error
}

func (e *Error) Error() string { return e.text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

func fail(kind Kind, format string, args ...any) *Error {
	e := &Error{Kind: kind, text: fmt.Sprintf(format, args...)}
	for _, arg := range args {
		if err, is := arg.(error); is {
			e.err = err
		}
	}
	return e
}

var (
	errNoExport   = fail(Missing, "there is no such export: the id is not one of this data source")
	errBusySource = fail(Busy, "this data source hands out %d files at the moment, which is its maximum: try again when a download has ended", maxDownloads)
	errBusyUser   = fail(Busy, "you are downloading %d files at the moment, which is the maximum: try again when a download has ended", maxDownloadsPerUser)
)

// ErrStalled ends a download whose next part was not taken in time.
var ErrStalled = fail(Broken, "the download ended, because the next part of the file was not taken within %v: download it again", stallTimeout)

var errTooLong = fail(TooLarge, "the query is too long for an export: shorten its lists of values or its Lucene query")

// status returns the HTTP status of an answer that was an error, 0 if there was none.
func status(err error) int {
	if failed, ok := errors.AsType[*cbc.Error](err); ok {
		return failed.Status
	}
	return 0
}

// forbidden reports whether the Job service refuses the API key. A 401 means the same as a 403 there, because the key was accepted for
// the search.
func forbidden(err error) bool { return status(err) == 403 || status(err) == 401 }
