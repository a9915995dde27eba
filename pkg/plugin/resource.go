package plugin

import (
	"encoding/json"
	"net/http"
	"path"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
)

// routes are the resources of a data source. Grafana lets every viewer call them all.
func (d *Instance) routes() backend.CallResourceHandler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /catalog", d.getCatalog)
	mux.HandleFunc("POST /catalog/test", testCatalog)
	mux.HandleFunc("GET /status", d.getStatus)
	mux.HandleFunc("GET /values", d.getValues)
	mux.HandleFunc("POST /values", d.postValues)
	mux.HandleFunc("POST /estimate", d.postEstimate)
	mux.HandleFunc("POST /archive/estimate", d.postArchiveEstimate)
	d.exportRoutes(mux)
	mux.HandleFunc("/", notFound)
	return breakable{httpadapter.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer d.leave()
		if r.URL.Path != path.Clean(r.URL.Path) {
			notFound(w, r) // the mux would redirect
			return
		}
		mux.ServeHTTP(w, r.WithContext(d.withTenant(r.Context(), backend.PluginConfigFromContext(r.Context()).OrgID)))
	}))}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	sendJSON(w, http.StatusNotFound, map[string]string{"error": "there is no " + r.Method + " " + r.URL.Path})
}

// getCatalog lists the rows that classify descriptions, and the values that they use.
func (d *Instance) getCatalog(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, map[string]any{
		"rows":       d.catalog.Rows(),
		"categories": d.catalog.Categories(),
		"actions":    d.catalog.Actions(),
		"outcomes":   d.catalog.Outcomes(),
	})
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the reader may be gone
}
