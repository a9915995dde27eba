package export

import (
	"crypto/sha256"
	"errors"
	"hash"
	"time"
)

// A file is sent in chunks. Each is a message to Grafana, which accepts 16 MiB. gRPC pools buffers of up to 1 MiB, so a little less
// costs both sides the least. On a slow connection chunks become smaller, so that something arrives now and then. The first chunk is
// large enough for most files to be found unusable before anything was sent.
const (
	maxChunk  = 1<<20 - 1<<10
	minChunk  = maxChunk / 16
	slowChunk = time.Second
)

// chunkWriter sends a file in chunks, and computes its size and digest.
type chunkWriter struct {
	sink   Sink
	file   File
	now    func() time.Time
	digest hash.Hash
	buf    []byte // not sent yet
	size   int    // of a chunk
	last   time.Time
	begun  bool
	failed error // of the sink
	bytes  int64
}

func newChunkWriter(sink Sink, f File, now func() time.Time) *chunkWriter {
	return &chunkWriter{sink: sink, file: f, now: now, digest: sha256.New(), size: maxChunk, last: now()}
}

// add adds a part of the file. A large part is sent without being copied, but nothing is sent before there is enough for a chunk: until
// then the file can be replaced.
func (c *chunkWriter) add(part []byte) error {
	for len(part) >= c.size/2 && (c.begun || len(c.buf)+len(part) >= c.size) {
		if err := c.send(c.buf); err != nil {
			return err
		}
		c.buf = c.buf[:0]
		piece := part[:min(len(part), c.size)]
		if err := c.send(piece); err != nil {
			return err
		}
		part = part[len(piece):]
		c.adaptSize()
	}
	c.buf = append(c.buf, part...)
	return c.full()
}

// full sends what was collected, if that is enough for a chunk.
func (c *chunkWriter) full() error {
	for len(c.buf) >= c.size {
		chunk := c.buf[:c.size]
		if err := c.send(chunk); err != nil {
			return err
		}
		c.buf = c.buf[:copy(c.buf, c.buf[len(chunk):])]
		c.adaptSize()
	}
	return nil
}

// adaptSize chooses the size of the next chunk by how long this one took.
func (c *chunkWriter) adaptSize() {
	now := c.now()
	switch took := now.Sub(c.last); {
	case took > slowChunk:
		c.size = max(c.size/2, minChunk)
	case took < slowChunk/4:
		c.size = min(c.size*2, maxChunk)
	}
	c.last = now
}

// end sends the rest, which is more than a chunk where much follows the last row.
func (c *chunkWriter) end() error {
	if err := c.full(); err != nil {
		return err
	}
	return c.send(c.buf)
}

// endPart sends the rest of a file that breaks off. Only whole rows are added, so what was sent ends with a whole row, and a mark behind
// it is outside of quotes. It returns the error that ends the file: if the sink has stalled, that it has.
func (c *chunkWriter) endPart(err error) error {
	if c.begun && c.failed == nil {
		_ = c.end() // sets c.failed
	}
	if errors.Is(c.failed, ErrStalled) {
		return c.failed
	}
	return err
}

func (c *chunkWriter) send(chunk []byte) error {
	if !c.begun {
		c.begun = true
		c.failed = c.sink.Begin(c.file)
	}
	if len(chunk) == 0 || c.failed != nil {
		return c.failed
	}
	_, _ = c.digest.Write(chunk) // never fails
	c.bytes += int64(len(chunk))
	c.failed = c.sink.Write(chunk)
	return c.failed
}

// sentAny reports whether a part of the file was sent to somebody.
func (c *chunkWriter) sentAny() bool { return c.begun && c.sink != discard{} }

// reset starts another file in place of one of which nothing was sent.
func (c *chunkWriter) reset(f File) { *c = *newChunkWriter(c.sink, f, c.now) }
