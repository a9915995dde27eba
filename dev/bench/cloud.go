package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// latency is the simulated cloud's delay of each answer.
const latency = 150 * time.Millisecond

const seed = 1

// cloud is a simulated Carbon Black Cloud in another process, so that its memory does not count as the plugin's, behind
// a proxy that counts bytes.
type cloud struct {
	URL    string          `json:"url"`
	OrgKey string          `json:"orgKey"`
	Keys   []simulator.Key `json:"keys"`

	relay   *relay
	process *exec.Cmd
}

// startCloud starts the simulator with a history. live is the number of new events per day, or -1 for none.
func startCloud(ctx context.Context, binary string, size simulator.Generate) (*cloud, error) {
	process := exec.CommandContext(ctx, binary, "-addr", "127.0.0.1:0", "-seed", strconv.Itoa(seed),
		"-days", strconv.Itoa(size.Days), "-per-day", strconv.Itoa(size.PerDay), "-live-per-day", strconv.Itoa(size.LivePerDay),
		"-faults", fmt.Sprintf(`{"latencyMs":%d}`, latency.Milliseconds()))
	process.Stderr = os.Stderr
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	c := &cloud{process: process}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, c)
	}
	if err == nil {
		c.relay, err = startRelay(ctx, c.URL)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the simulator's first line: %w", err), c.stop())
	}
	return c, nil
}

func (c *cloud) stop() error {
	var err error
	if c.relay != nil {
		err = c.relay.close()
	}
	if killed := c.process.Process.Kill(); killed != nil {
		return errors.Join(err, killed)
	}
	var ended *exec.ExitError
	if waited := c.process.Wait(); waited != nil && !errors.As(waited, &ended) { // it is always killed
		err = errors.Join(err, waited)
	}
	return err
}

// calls returns the number of searches that the simulator has counted.
func (c *cloud) calls(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/simulator/state", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var state simulator.State
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return 0, fmt.Errorf("read the simulator's state: %w", err)
	}
	return state.Endpoints["search"].Calls, nil
}
