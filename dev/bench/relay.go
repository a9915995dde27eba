package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// relay forwards connections to a server and counts the bytes of the answers.
type relay struct {
	url      string
	target   string
	listener net.Listener
	received atomic.Int64
	done     sync.WaitGroup
}

func startRelay(ctx context.Context, url string) (*relay, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{url: "http://" + listener.Addr().String(), target: strings.TrimPrefix(url, "http://"), listener: listener}
	r.done.Go(func() { r.accept(ctx) })
	return r, nil
}

func (r *relay) accept(ctx context.Context) {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // the listener was closed
		}
		go r.forward(ctx, client)
	}
}

// forward connects two connections until one is closed.
func (r *relay) forward(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.target)
	if err != nil {
		return // the client's connection is closed
	}
	go func() {
		_, _ = io.Copy(server, client) // ends when either side closes
		_ = server.Close()
	}()
	_, _ = io.Copy(counter{client, &r.received}, server)
}

func (r *relay) close() error {
	err := r.listener.Close()
	r.done.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// counter counts written bytes.
type counter struct {
	w io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.w.Write(p)
}
