package pgtest

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// poolSize is small, so that clients have to share connections.
const poolSize = 3

// Pooled returns the address of a transaction pooler in front of the database, as PgBouncer is one with pool_mode=transaction: each
// transaction of a client gets another connection to the server. Nothing that belongs to a session lasts: settings, session locks,
// named statements, and "listen".
func (d *Database) Pooled(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{dsn: d.DSN, servers: make(chan *session, poolSize), clients: map[net.Conn]bool{}}
	for range poolSize {
		server, err := p.connect()
		if err != nil {
			t.Fatal(err)
		}
		p.servers <- server
	}
	p.serving.Go(func() { p.accept(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.close()
	})
	u, err := url.Parse(d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	return u.String()
}

type pooler struct {
	dsn     string
	servers chan *session // those that no transaction uses
	serving sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	clients map[net.Conn]bool
}

// session is a connection to the server.
type session struct {
	*pgconn.HijackedConn
	sending sync.Mutex // an answer can come, and the session go to another client, before the call that sent the question has returned
}

func (p *pooler) connect() (*session, error) {
	conn, err := pgconn.Connect(context.Background(), p.dsn)
	if err != nil {
		return nil, err
	}
	hijacked, err := conn.Hijack()
	return &session{HijackedConn: hijacked}, err
}

func (p *pooler) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.closed {
			_ = conn.Close()
		} else {
			p.clients[conn] = true
			p.serving.Go(func() { p.serve(conn) })
		}
		p.mu.Unlock()
	}
}

func (p *pooler) close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.clients {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
	close(p.servers)
	for server := range p.servers {
		_ = server.Conn.Close()
	}
}

// serve passes messages between a client and the server that its transaction has.
func (p *pooler) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		p.mu.Lock()
		delete(p.clients, conn)
		p.mu.Unlock()
	}()
	c := client{pooler: p, backend: pgproto3.NewBackend(conn, conn)}
	if c.welcome(conn) != nil {
		return
	}
	for {
		message, err := c.backend.Receive()
		if _, leaves := message.(*pgproto3.Terminate); err != nil || leaves {
			break
		}
		if c.send(message) != nil {
			break
		}
	}
	c.abandon()
	c.relays.Wait()
}

// client is one connection of a client.
type client struct {
	*pooler
	backend *pgproto3.Backend
	relays  sync.WaitGroup

	answering sync.Mutex // a transaction can begin before the relay of the one before has returned

	mu      sync.Mutex
	server  *session // of the transaction under way; nil between two
	replies int      // "ready for query" that the server still owes
}

// welcome answers the start of a connection: any user is let in.
func (c *client) welcome(conn net.Conn) error {
	for {
		message, err := c.backend.ReceiveStartupMessage()
		if err != nil {
			return err
		}
		switch message.(type) {
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte("N")); err != nil {
				return err
			}
		case *pgproto3.StartupMessage:
			c.backend.Send(&pgproto3.AuthenticationOk{})
			for name, value := range map[string]string{"client_encoding": "UTF8", "standard_conforming_strings": "on", "server_version": "18.0"} {
				c.backend.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
			}
			c.backend.Send(&pgproto3.BackendKeyData{SecretKey: []byte{0, 0, 0, 0}})
			c.backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			return c.backend.Flush()
		default:
			return errors.New("cancelling is not supported")
		}
	}
}

// send passes a message on, to a server of its own if none is the client's.
func (c *client) send(message pgproto3.FrontendMessage) error {
	c.mu.Lock()
	server := c.server
	if server == nil {
		server = <-c.servers
		c.server = server
		c.relays.Go(func() { c.relay(server) })
	}
	flush := true
	switch message.(type) {
	case *pgproto3.Query, *pgproto3.Sync:
		c.replies++
	case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Execute, *pgproto3.Close:
		flush = false
	}
	c.mu.Unlock()
	server.sending.Lock()
	defer server.sending.Unlock()
	server.Frontend.Send(message)
	if flush {
		return server.Frontend.Flush()
	}
	return nil
}

// relay passes answers on until the transaction has ended, and gives the server back then.
func (c *client) relay(server *session) {
	for {
		message, err := server.Frontend.Receive()
		if err != nil {
			c.replace(server)
			return
		}
		ended := false
		if ready, ok := message.(*pgproto3.ReadyForQuery); ok {
			c.mu.Lock()
			if c.replies--; c.replies == 0 && ready.TxStatus == 'I' {
				c.server, ended = nil, true
			}
			c.mu.Unlock()
		}
		_ = c.answer(message) // a client that has left shows in serve
		if ended {
			c.servers <- server
			return
		}
	}
}

func (c *client) answer(message pgproto3.BackendMessage) error {
	c.answering.Lock()
	defer c.answering.Unlock()
	c.backend.Send(message)
	return c.backend.Flush()
}

// abandon ends the transaction of a client that has left.
func (c *client) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		_ = c.server.Conn.Close()
	}
}

// replace connects to the server anew, in the place of a connection that has ended.
func (c *client) replace(server *session) {
	_ = server.Conn.Close()
	c.mu.Lock()
	c.server, c.replies = nil, 0
	c.mu.Unlock()
	if fresh, err := c.connect(); err == nil {
		c.servers <- fresh
	}
}
