package export

import (
	"bytes"
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// copyJSON copies the events of a JSON file that belong to the export. Where some may have to be left out, and the list of events is
// a member of an object, the other members would count more events than there are: then the list comes alone.
func copyJSON(in *rowBuffer, f *rowFilter) (unwrapped bool, err error) {
	c := &jsonCopier{in: in, rowFilter: f}
	head, err := c.head()
	if err != nil {
		return false, notUnderstood(err)
	}
	if unwrapped = c.list.Wrapped() && f.mayDrop(); unwrapped {
		err = errors.Join(in.insert([]byte{'['}), in.drop(len(head)))
	} else {
		in.accept(len(head))
	}
	if c.list.Lines() {
		in.out.file.MediaType = "application/x-ndjson"
	}
	if err == nil {
		err = c.rows()
	}
	if err == nil {
		err = c.tail(head, unwrapped)
	}
	if err == nil && c.list.Lines() && f.raw == 0 && !in.out.begun {
		in.out.reset(File{Name: in.out.file.Name, MediaType: "application/json"})
		err = in.out.add([]byte("[]\n")) // a file of no bytes is not JSON
	}
	return unwrapped, notUnderstood(err)
}

type jsonCopier struct {
	*rowFilter
	in    *rowBuffer
	list  cbc.JSONRows
	event auditlog.Event
}

// head returns what stands before the first event.
func (c *jsonCopier) head() ([]byte, error) {
	for {
		length, err := c.list.Head(c.in.unread(), c.in.end)
		if err == nil {
			return bytes.Clone(c.in.unread()[:length]), nil
		}
		if !errors.Is(err, cbc.ErrMore) {
			return nil, err
		}
		if err := c.in.fill(); err != nil {
			return nil, err
		}
	}
}

// rows copies the events.
func (c *jsonCopier) rows() error {
	for {
		separator, length, err := c.list.Next(c.in.unread(), c.in.end)
		switch {
		case err == nil:
			err = c.row(separator, length)
		case c.skipBad(err):
			err = c.in.drop(separator + length)
		case errors.Is(err, cbc.ErrMore):
			err = c.in.fill()
		case errors.Is(err, io.EOF) && !c.token.known() && c.raw == 0 && c.list.Wrapped():
			return errNotAuditLog // nobody knows whose list is empty, and what stands around it may be anything
		case errors.Is(err, io.EOF):
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// row accepts an event and the separator before it, or drops them.
func (c *jsonCopier) row(separator, length int) error {
	event := c.in.unread()[separator : separator+length]
	if !c.token.known() && c.raw == c.skipped && !cbc.IsEvent(event) {
		return errNotAuditLog
	}
	first := c.rowFilter.rows == 0
	keep, err := c.decide(event)
	switch {
	case err != nil && !c.skipBad(err):
		return err
	case err != nil, !keep:
		return c.in.drop(separator + length)
	case first && c.raw > 1:
		err = c.in.drop(separator) // from an event that was left out
		c.in.accept(length)
		return err
	}
	c.in.accept(separator + length)
	return nil
}

// decide reports whether an event belongs to the export.
func (c *jsonCopier) decide(event []byte) (bool, error) {
	created := c.list.CreateTime()
	if created == nil {
		return false, &cbc.RowError{Reason: "it has no create_time"}
	}
	ms, err := c.timeOf(string(created))
	if err != nil {
		return false, err
	}
	if len(c.needs) > 0 && c.inRange(ms) {
		c.event = auditlog.Event{} // members that are absent are not set
		if err := cbc.DecodeEvent(event, &c.event); err != nil {
			return false, &cbc.RowError{Reason: err.Error()}
		}
	}
	return c.count(ms, &c.event), nil
}

// tail copies what stands behind the last event.
func (c *jsonCopier) tail(head []byte, unwrapped bool) error {
	for !c.in.end {
		if err := c.in.fill(); err != nil {
			return err
		}
	}
	tail := c.in.unread()
	if err := c.list.Tail(head, tail); err != nil {
		return err
	}
	if unwrapped {
		return errors.Join(c.in.insert([]byte("]\n")), c.in.drop(len(tail)))
	}
	c.in.accept(len(tail))
	return c.in.flush()
}

// notUnderstood distinguishes a file that is not understood from a connection that failed.
func notUnderstood(err error) error {
	var failed *cbc.Error
	var odd *unusable
	if err == nil || errors.As(err, &failed) || errors.As(err, &odd) {
		return err
	}
	return &unusable{"its JSON is not understood (" + err.Error() + ")"}
}
