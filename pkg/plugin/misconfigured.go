package plugin

import (
	"context"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
)

// Open makes the instance that Grafana holds. If the settings cannot work, it is an instance that reports that to every query. The SDK
// would report an error returned here to the first query only, as an internal error, and the others would look as if they had no data.
func Open(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	d, err := NewInstance(ctx, s)
	if err != nil {
		return newMisconfigured(err), nil
	}
	return d, nil
}

// misconfigured answers every call with the error of the settings.
type misconfigured struct {
	backend.CallResourceHandler
	err error
}

func newMisconfigured(err error) *misconfigured {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /catalog/test", testCatalog) // a wrong rule is mended with it
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	})
	return &misconfigured{err: err, CallResourceHandler: httpadapter.New(mux)}
}

func (m *misconfigured) QueryData(_ context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	resp := backend.NewQueryDataResponse()
	for _, q := range req.Queries {
		resp.Responses[q.RefID] = backend.ErrDataResponseWithSource(backend.StatusBadRequest, backend.ErrorSourceDownstream, m.err.Error())
	}
	return resp, nil
}

func (m *misconfigured) CheckHealth(context.Context, *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	return unhealthy(m.err), nil
}
