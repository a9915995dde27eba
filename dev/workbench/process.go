package workbench

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

var errClosed = errors.New("the workbench is closed")

// process is the plugin's executable. Connecting starts it again if it has died.
type process struct {
	path   string
	stderr io.Writer

	mu     sync.Mutex
	client *goplugin.Client
	conn   *connection
	closed bool
}

// connection holds the gRPC services of a running plugin.
type connection struct {
	data        grpcplugin.DataClient
	resource    grpcplugin.ResourceClient
	diagnostics grpcplugin.DiagnosticsClient
	stream      grpcplugin.StreamClient
}

func newProcess(path string, stderr io.Writer) *process {
	return &process{path: path, stderr: stderr}
}

func (p *process) connect() (*connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	if p.client != nil && !p.client.Exited() {
		return p.conn, nil
	}
	p.kill()
	client := goplugin.NewClient(clientConfig(p.path, p.stderr))
	conn, err := dispense(client)
	if err != nil {
		client.Kill()
		return nil, fmt.Errorf("start the plugin %s: %w", p.path, err)
	}
	p.client, p.conn = client, conn
	return conn, nil
}

func (p *process) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.kill()
}

// kill must be called even for a process that has died: it frees the connection and its goroutines.
func (p *process) kill() {
	if p.client != nil {
		p.client.Kill()
	}
	p.client, p.conn = nil, nil
}

func clientConfig(path string, stderr io.Writer) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data":        &grpcplugin.DataGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"stream":      &grpcplugin.StreamGRPCPlugin{},
		}},
		Cmd:              exec.Command(path),
		SkipHostEnv:      true, // as in Grafana: the plugin must not need the host's environment
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		Stderr:           stderr,
	}
}

func dispense(client *goplugin.Client) (*connection, error) {
	rpc, err := client.Client()
	if err != nil {
		return nil, err
	}
	conn := &connection{}
	return conn, errors.Join(
		dispenseAs(rpc, "data", &conn.data),
		dispenseAs(rpc, "resource", &conn.resource),
		dispenseAs(rpc, "diagnostics", &conn.diagnostics),
		dispenseAs(rpc, "stream", &conn.stream),
	)
}

func dispenseAs[T any](rpc goplugin.ClientProtocol, name string, target *T) error {
	raw, err := rpc.Dispense(name)
	if err != nil {
		return err
	}
	typed, ok := raw.(T)
	if !ok {
		return fmt.Errorf("plugin service %q has type %T", name, raw)
	}
	*target = typed
	return nil
}
