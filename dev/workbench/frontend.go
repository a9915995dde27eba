package workbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

var errNotAdmin = errors.New("only admins can change data sources")

func (w *Workbench) handleListSources(rw http.ResponseWriter, _ *http.Request) {
	writeJSON(rw, http.StatusOK, w.sources.list())
}

func (w *Workbench) handleGetSource(rw http.ResponseWriter, r *http.Request) {
	source, err := w.sources.get(r.PathValue("uid"))
	if err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	writeJSON(rw, http.StatusOK, source.public())
}

func (w *Workbench) handleCreateSource(rw http.ResponseWriter, r *http.Request) {
	w.saveSource(rw, r, func(source *Source) error {
		if _, err := w.sources.get(source.UID); err == nil {
			return fmt.Errorf("a data source with the UID %q already exists", source.UID)
		}
		return nil
	})
}

func (w *Workbench) handleUpdateSource(rw http.ResponseWriter, r *http.Request) {
	w.saveSource(rw, r, func(source *Source) error {
		old, err := w.sources.get(r.PathValue("uid"))
		source.UID, source.ReadOnly = old.UID, old.ReadOnly
		return err
	})
}

// saveSource answers like Grafana's routes that create and update; check rejects invalid bodies.
func (w *Workbench) saveSource(rw http.ResponseWriter, r *http.Request, check func(*Source) error) {
	if !allowAdmin(rw, r) {
		return
	}
	body, err := readBody(rw, r)
	if err != nil {
		writeError(rw, http.StatusBadRequest, err)
		return
	}
	var source Source
	if err := json.Unmarshal(body, &source); err != nil {
		writeError(rw, http.StatusBadRequest, fmt.Errorf("data source: %w", err))
		return
	}
	if err := check(&source); err != nil {
		writeError(rw, statusOf(badUnlessMissing(err)), err)
		return
	}
	saved, err := w.sources.save(source)
	if err != nil {
		writeError(rw, http.StatusBadRequest, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{
		"id": saved.ID, "name": saved.Name, "message": "Datasource saved", "datasource": saved,
	})
}

func badUnlessMissing(err error) error {
	if errors.Is(err, errNoSource) {
		return err
	}
	return badRequestError{err}
}

func (w *Workbench) handleDeleteSource(rw http.ResponseWriter, r *http.Request) {
	if !allowAdmin(rw, r) {
		return
	}
	if err := w.sources.delete(r.PathValue("uid")); err != nil {
		writeError(rw, statusOf(err), err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]string{"message": "Data source deleted"})
}

func allowAdmin(rw http.ResponseWriter, r *http.Request) bool {
	role, err := roleOf(r.Header)
	if err != nil {
		writeError(rw, statusOf(err), err)
		return false
	}
	if role != roleAdmin {
		writeError(rw, http.StatusForbidden, errNotAdmin)
		return false
	}
	return true
}

// handleFrontendSettings returns the settings that the page, and Grafana's runtime package in it, need at the start.
func (w *Workbench) handleFrontendSettings(rw http.ResponseWriter, _ *http.Request) {
	meta := w.meta.frontend()
	datasources := map[string]any{}
	byDefault := ""
	for _, source := range w.sources.list() {
		if source.IsDefault || byDefault == "" {
			byDefault = source.Name
		}
		datasources[source.Name] = map[string]any{
			"id": source.ID, "uid": source.UID, "name": source.Name, "type": source.Type, "access": source.Access,
			"isDefault": source.IsDefault, "readOnly": source.ReadOnly, "jsonData": source.JSONData, "meta": meta,
		}
	}
	writeJSON(rw, http.StatusOK, map[string]any{
		"defaultDatasource": byDefault, "datasources": datasources, "plugin": meta, "appUrl": w.url + "/",
	})
}

// routeFiles serves the plugin's front end where Grafana does, and the page at the root.
func (w *Workbench) routeFiles(mux *http.ServeMux) {
	prefix := "/public/plugins/" + w.meta.ID + "/"
	files := http.StripPrefix(prefix, http.FileServer(http.Dir(w.config.PluginDir)))
	mux.HandleFunc(prefix, func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix+w.meta.Executable) {
			http.NotFound(rw, r)
			return
		}
		serveFresh(files, rw, r)
	})
	if w.config.PageDir == "" {
		return
	}
	page := http.FileServer(http.Dir(w.config.PageDir))
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) { serveFresh(page, rw, r) })
	mux.HandleFunc("/public/build/img/icons/", w.handleIcon(page))
}

// serveFresh prevents browsers from caching an earlier build.
func serveFresh(files http.Handler, rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Cache-Control", "no-cache")
	files.ServeHTTP(rw, r)
}

// handleIcon returns an empty image for icons that Grafana has but its packages lack.
func (w *Workbench) handleIcon(page http.Handler) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		path := filepath.Join(w.config.PageDir, filepath.FromSlash(r.URL.Path))
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			page.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "image/svg+xml")
		_, _ = rw.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"></svg>`))
	}
}
