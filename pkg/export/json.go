package export

import (
	"bytes"
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// relayJSON hands on the events of a JSON file that are kept. Where some may have to be left out, and the list of events is a
// member of an object, the other members would tell of more events than there are: then it becomes a plain list.
func relayJSON(in *window, k *keeper) (rewrapped bool, err error) {
	var rows cbc.JSONRows
	head, err := headJSON(in, &rows)
	if err != nil {
		return false, oddJSON(err)
	}
	if rewrapped = rows.Wrapped() && k.drops(); rewrapped {
		err = errors.Join(in.put([]byte{'['}), in.drop(len(head)))
	} else {
		in.keep(len(head))
	}
	if rows.Lines() {
		in.out.file.MediaType = "application/x-ndjson"
	}
	if err == nil {
		err = eachJSON(in, &rows, k)
	}
	if err == nil {
		err = tailJSON(in, &rows, head, rewrapped)
	}
	if err == nil && rows.Lines() && k.raw == 0 && !in.out.begun {
		in.out.reset(File{Name: in.out.file.Name, MediaType: "application/json"})
		err = in.out.add([]byte("[]\n")) // nothing at all is no JSON
	}
	return rewrapped, oddJSON(err)
}

// headJSON finds what stands before the first event.
func headJSON(in *window, rows *cbc.JSONRows) ([]byte, error) {
	for {
		length, err := rows.Head(in.rest(), in.end)
		if err == nil {
			return bytes.Clone(in.rest()[:length]), nil
		}
		if !errors.Is(err, errMore) {
			return nil, err
		}
		if err := in.more(); err != nil {
			return nil, err
		}
	}
}

// eachJSON hands on the events.
func eachJSON(in *window, rows *cbc.JSONRows, k *keeper) error {
	kept := 0
	for {
		gap, length, err := rows.Next(in.rest(), in.end)
		if err != nil {
			switch {
			case errors.Is(err, errMore):
				err = in.more()
			case errors.Is(err, io.EOF) && !k.token.known() && k.raw == 0 && rows.Wrapped():
				return errForm // whose empty list it is cannot be told, and what stands around it may be anything
			case errors.Is(err, io.EOF):
				return nil
			}
			if err != nil {
				return err
			}
			continue
		}
		event := in.rest()[gap : gap+length]
		if !k.token.known() && k.raw == 0 && !cbc.IsEvent(event) {
			return errForm
		}
		keep, err := k.keepJSON(rows.CreateTime(), event)
		switch {
		case err != nil:
			return err
		case !keep:
			err = in.drop(gap + length)
		case kept == 0 && k.raw > 1:
			err = in.drop(gap) // it parted the event from one that was left out
			in.keep(length)
		default:
			in.keep(gap + length)
		}
		if err != nil {
			return err
		}
		if keep {
			kept++
		}
	}
}

// tailJSON hands on what stands behind the last event.
func tailJSON(in *window, rows *cbc.JSONRows, head []byte, rewrapped bool) error {
	for !in.end {
		if err := in.more(); err != nil {
			return err
		}
	}
	tail := in.rest()
	if err := rows.Tail(head, tail); err != nil {
		return err
	}
	if rewrapped {
		return errors.Join(in.put([]byte("]\n")), in.drop(len(tail)))
	}
	in.keep(len(tail))
	return in.flush()
}

// keepJSON tells whether an event belongs to the export.
func (k *keeper) keepJSON(created, event []byte) (bool, error) {
	if created == nil {
		return false, &unusable{"its events have no create_time"}
	}
	if inside, err := k.inside(created); !inside {
		return false, err
	}
	if len(k.needs) == 0 {
		k.rows++
		return true, nil
	}
	var e auditlog.Event
	if err := cbc.DecodeEvent(event, &e); err != nil {
		return false, err
	}
	return k.passes(&e), nil
}

// oddJSON keeps a connection's failure apart from a file that is not understood.
func oddJSON(err error) error {
	var failed *cbc.Error
	var odd *unusable
	if err == nil || errors.As(err, &failed) || errors.As(err, &odd) {
		return err
	}
	return &unusable{"its JSON is not understood (" + err.Error() + ")"}
}
