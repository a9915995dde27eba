package plugin

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/auditlog"
	"carbonblack-auditlog-datasource/pkg/catalog"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/export"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// ownCacheBytes bounds the cache of a reader that reads a time range only once.
const ownCacheBytes = 1 << 20

// newExports makes the exports of an instance. What is remembered of them belongs to the data source and its API key, so that changing
// other settings loses none.
func newExports(s settings, identity cbc.Identity, secret string, client *cbc.Client, past *history.History, classifier *catalog.Catalog) *export.Service {
	return export.New(export.Config{
		Cloud: client,
		Past:  past,
		OwnPast: func() export.Past {
			return history.New(history.Config{Searcher: client, Settle: s.settle, CacheBytes: ownCacheBytes})
		},
		Classify: classifier.ClassifyEvent,
		Owner:    export.Owner{Identity: identity, DataSource: export.DataSource{UID: s.uid}},
		Secret:   []byte(secret),
		Accepted: client.Accepted,
		Settle:   s.settle,
		Random:   rand.Reader,
	})
}

// exportsOf returns the exports of the organization that a request comes from.
func (d *Instance) exportsOf(r *http.Request) *export.Service {
	return d.exports.ForOrg(backend.PluginConfigFromContext(r.Context()).OrgID)
}

// loginOf returns the login of the user, "" if nobody is logged in.
func loginOf(r *http.Request) string {
	if user := backend.UserFromContext(r.Context()); user != nil {
		return user.Login
	}
	return ""
}

// exportRoutes adds the routes of exports. Grafana lets viewers call all of them, so those that change something check the role.
func (d *Instance) exportRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /exports", d.postExport)
	mux.HandleFunc("GET /exports", d.getExports)
	mux.HandleFunc("GET /exports/{id}", d.getExport)
	mux.HandleFunc("GET /exports/{id}/download", d.downloadExport)
	mux.HandleFunc("GET /exports/{id}/manifest", d.getManifest)
	mux.HandleFunc("DELETE /exports/{id}", d.deleteExport)
}

// mayChange reports whether the user may start exports and take them off the list.
func mayChange(r *http.Request) bool {
	user := backend.UserFromContext(r.Context())
	return user != nil && (user.Role == "Editor" || user.Role == "Admin")
}

func refuseViewer(w http.ResponseWriter) {
	sendError(w, http.StatusForbidden, "this requires the role Editor or Admin; viewers can list and download exports")
}

func sendError(w http.ResponseWriter, status int, text string) {
	sendJSON(w, status, map[string]string{"error": text})
}

// exportRequest is the body that starts an export. Times are milliseconds.
type exportRequest struct {
	Query  json.RawMessage `json:"query"`
	From   *int64          `json:"from"`
	To     *int64          `json:"to"`
	Format string          `json:"format"`
}

// maxRequest bounds a body. It is far more than fits into an export's ID.
const maxRequest = 1 << 20

func (d *Instance) postExport(w http.ResponseWriter, r *http.Request) {
	if !mayChange(r) {
		refuseViewer(w)
		return
	}
	request, err := d.readExport(w, r)
	if err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return
	}
	started, err := d.exportsOf(r).Start(r.Context(), request)
	if err != nil {
		sendFailure(w, err)
		return
	}
	sendJSON(w, http.StatusAccepted, started)
}

func (d *Instance) readExport(w http.ResponseWriter, r *http.Request) (export.Request, error) {
	var body exportRequest
	if err := readBody(w, r, maxRequest, &body); err != nil {
		return export.Request{}, errors.New(`the body is malformed, expected {"query":{…},"from":ms,"to":ms,"format":"csv|json"}: ` + err.Error())
	}
	if body.From == nil || body.To == nil {
		return export.Request{}, errors.New("from and to are missing: set the time range in milliseconds since 1970")
	}
	if body.Format == "" {
		body.Format = string(cbc.ExportCSV)
	}
	if len(body.Query) == 0 {
		body.Query = json.RawMessage("{}")
	}
	parsed, err := query.Parse(body.Query, d.catalog, d.settings.maxEvents)
	if err != nil {
		return export.Request{}, err
	}
	if parsed.Source == query.SourceQueue {
		return export.Request{}, errors.New(`"source":"queue" cannot be exported: use "source":"search" for the same events`)
	}
	if parsed.After != nil {
		return export.Request{}, errors.New(`"after" cannot be exported: a file holds all events that match a filter`)
	}
	return export.Request{
		Query: body.Query, Filter: parsed.Filter, TimeRange: auditlog.TimeRange{From: *body.From, To: *body.To},
		Format: cbc.ExportFormat(body.Format), Who: loginOf(r),
	}, nil
}

func (d *Instance) getExports(w http.ResponseWriter, r *http.Request) {
	exports, whole, message := d.exportsOf(r).List(r.Context())
	if exports == nil {
		exports = []export.Export{}
	}
	sendJSON(w, http.StatusOK, map[string]any{"exports": exports, "complete": whole, "message": message})
}

func (d *Instance) getExport(w http.ResponseWriter, r *http.Request) {
	found, err := d.exportsOf(r).Get(r.Context(), r.PathValue("id"))
	if err != nil {
		sendFailure(w, err)
		return
	}
	sendJSON(w, http.StatusOK, found)
}

func (d *Instance) deleteExport(w http.ResponseWriter, r *http.Request) {
	if !mayChange(r) {
		refuseViewer(w)
		return
	}
	if err := d.exportsOf(r).Forget(r.PathValue("id")); err != nil {
		sendFailure(w, err)
		return
	}
	sendJSON(w, http.StatusOK, map[string]string{"message": "the export was removed from the list; Carbon Black Cloud keeps its file for 30 days"})
}

func (d *Instance) getManifest(w http.ResponseWriter, r *http.Request) {
	choice, err := choiceOf(r)
	if err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return
	}
	manifest, err := d.exportsOf(r).Manifest(r.Context(), r.PathValue("id"), loginOf(r), choice)
	if err != nil {
		sendFailure(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	sendJSON(w, http.StatusOK, manifest)
}

// choiceOf reads the options of a file. Other parameters, such as Grafana's orgId in links, are ignored.
func choiceOf(r *http.Request) (choice export.Choice, err error) {
	if choice.Safe, err = flagOf(r, "safe"); err != nil {
		return choice, err
	}
	choice.Excel, err = flagOf(r, "excel")
	return choice, err
}

// flagOf reads a parameter that is true or false, nil if it is absent.
func flagOf(r *http.Request, name string) (*bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return nil, errors.New(name + " must be true or false")
	}
	return &value, nil
}

func (d *Instance) downloadExport(w http.ResponseWriter, r *http.Request) {
	choice, err := choiceOf(r)
	if err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return
	}
	out := streamOf(r.Context())
	err = d.exportsOf(r).Download(r.Context(), r.PathValue("id"), loginOf(r), choice.Or(export.DefaultOptions), out)
	if err == nil {
		return
	}
	if out.taken.Load() {
		out.abort(r.Context(), err)
		return
	}
	sendFailure(w, err)
}

// sendFailure answers with an error of an export or of Carbon Black Cloud.
func sendFailure(w http.ResponseWriter, err error) {
	w.Header().Set("Cache-Control", "no-store")
	sendError(w, failureStatus(err), err.Error())
}
