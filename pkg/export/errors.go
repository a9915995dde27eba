package export

import (
	"errors"
	"fmt"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// Kind says what is wrong with a request about an export.
type Kind int

// The kinds of failure that are not Carbon Black Cloud's own, which come as a *cbc.Error.
const (
	Bad      Kind = iota // the request is malformed
	Missing              // there is no such export, or no longer
	NotReady             // there is no file yet, or there never will be one
	TooLarge             // the query does not fit an id
	Broken               // the file is not whole, or not understood
	Busy                 // too many files are on their way
)

// Error is a request that cannot be answered. Its text says why.
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

// ErrStalled ends a download of which nothing was taken for a while.
var ErrStalled = fail(Broken, "the download ended, because nothing of the file was taken for %v: download it again", stallTimeout)

var errTooLong = fail(TooLarge, "the query is too long for an export: shorten its lists of values or its Lucene text")

// status is the HTTP status with which Carbon Black Cloud refused, 0 when it did not.
func status(err error) int {
	var failed *cbc.Error
	if errors.As(err, &failed) {
		return failed.Status
	}
	return 0
}

// forbidden tells whether the Job service is closed to the API key. A key that may search and is not known there lacks a
// permission, too.
func forbidden(err error) bool { return status(err) == 403 || status(err) == 401 }
