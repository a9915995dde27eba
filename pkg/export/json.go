package export

import (
	"errors"
	"io"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/cbc"
)

// relayJSON hands on the events of a JSON file that are kept. Where some may have to be left out, and the list of events is a
// member of an object, the other members would tell of more events than there are: then it becomes a plain list.
func relayJSON(in *window, k *keeper, out *chunker) (rewrapped bool, err error) {
	rows := cbc.NewJSONRows(io.MultiReader(newRest(in), in.r), mostRow)
	head, err := rows.Head()
	if err != nil {
		return false, oddJSON(err)
	}
	head = append([]byte(nil), head...)
	rewrapped = rows.Wrapped() && k.drops()
	if rewrapped {
		out.buf = append(out.buf, '[')
	} else {
		out.buf = append(out.buf, head...)
	}
	if rows.Lines() {
		out.file.MediaType = "application/x-ndjson"
	}
	if err := eachJSON(rows, k, out); err != nil {
		return rewrapped, oddJSON(err)
	}
	if rows.Lines() && k.raw == 0 && !out.begun {
		out.buf = append(out.buf[:0], "[]\n"...) // nothing at all is no JSON
		out.file.MediaType = "application/json"
		return rewrapped, nil
	}
	tail, err := rows.Tail(head)
	if err != nil {
		return rewrapped, oddJSON(err)
	}
	if rewrapped {
		tail = []byte("]\n")
	}
	out.buf = append(out.buf, tail...)
	return rewrapped, nil
}

func eachJSON(rows *cbc.JSONRows, k *keeper, out *chunker) error {
	kept := 0
	for {
		gap, event, err := rows.Next()
		if errors.Is(err, io.EOF) {
			if !k.ticket.known() && k.raw == 0 && rows.Wrapped() {
				return errForm // whose empty list it is cannot be told, and what stands around it may be anything
			}
			return nil
		}
		if err != nil {
			return err
		}
		if !k.ticket.known() && k.raw == 0 && !cbc.IsEvent(event) {
			return errForm
		}
		keep, err := k.keepJSON(rows.CreateTime(), event)
		if err != nil {
			return err
		}
		if !keep {
			continue
		}
		if kept > 0 || k.raw == 1 {
			out.buf = append(out.buf, gap...)
		}
		kept++
		out.buf = append(out.buf, event...)
		if err := out.full(); err != nil {
			return err
		}
	}
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
	if errors.As(err, &failed) || errors.As(err, &odd) {
		return err
	}
	return &unusable{"its JSON is not understood (" + err.Error() + ")"}
}

// newRest reads what is left of a window's bytes at hand.
func newRest(w *window) io.Reader { return &rest{w} }

type rest struct{ *window }

func (r *rest) Read(p []byte) (int, error) {
	n := copy(p, r.window.rest())
	if r.pos += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
