// The data source's backend, started by Grafana.
package main

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"carbonblack-auditlog-datasource/pkg/plugin"
)

// memoryLimit is where the garbage collector works harder, in bytes, unless the operator has set a limit (GOMEMLIMIT): what the process
// holds is bounded below it, and the process shares its host with Grafana.
const memoryLimit = 400_000_000

func main() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
	if err := datasource.Manage(plugin.ID, plugin.Open, datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("the plugin stopped", "error", err)
		os.Exit(1)
	}
}
