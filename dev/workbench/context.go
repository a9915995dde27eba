package workbench

import (
	"fmt"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/config"
)

// roleHeader names the caller's role: Viewer, Editor or Admin, which is the default. Grafana takes it from the
// session; here the page and the tests set it.
const roleHeader = "X-Workbench-Role"

const (
	roleViewer = "Viewer"
	roleEditor = "Editor"
	roleAdmin  = "Admin"
)

func roleOf(header http.Header) (string, error) {
	switch role := header.Get(roleHeader); role {
	case "":
		return roleAdmin, nil
	case roleViewer, roleEditor, roleAdmin:
		return role, nil
	default:
		return "", badRequestError{fmt.Errorf("%s %q is not %s, %s or %s", roleHeader, role, roleViewer, roleEditor, roleAdmin)}
	}
}

// pluginContext returns what the plugin learns about the caller and the data source.
func (w *Workbench) pluginContext(uid string, header http.Header) (backend.PluginContext, error) {
	role, err := roleOf(header)
	if err != nil {
		return backend.PluginContext{}, err
	}
	source, err := w.sources.get(uid)
	if err != nil {
		return backend.PluginContext{}, err
	}
	settings, err := source.settings()
	if err != nil {
		return backend.PluginContext{}, err
	}
	return backend.PluginContext{
		OrgID:                      1,
		Namespace:                  "default",
		PluginID:                   w.meta.ID,
		PluginVersion:              w.meta.Info.Version,
		User:                       &backend.User{Login: "workbench", Name: "Workbench", Email: "workbench@localhost", Role: role},
		DataSourceInstanceSettings: settings,
		GrafanaConfig:              w.grafanaConfig(),
	}, nil
}

// grafanaConfig must not change between requests, or the plugin creates a new instance for each.
func (w *Workbench) grafanaConfig() *config.GrafanaCfg {
	return config.NewGrafanaCfg(map[string]string{
		config.AppURL:                           w.url + "/",
		config.ConcurrentQueryCount:             "10",
		config.UserFacingDefaultError:           "please inspect the workbench's log for details",
		config.SQLRowLimit:                      "1000000",
		config.SQLMaxOpenConnsDefault:           "100",
		config.SQLMaxIdleConnsDefault:           "100",
		config.SQLMaxConnLifetimeSecondsDefault: "14400",
		config.ResponseLimit:                    "0",
	})
}
