// The data source's backend, started by Grafana.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"carbonblack-auditlog-datasource/pkg/plugin"
)

func main() {
	if err := datasource.Manage(plugin.ID, plugin.Open, datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("the plugin stopped", "error", err)
		os.Exit(1)
	}
}
