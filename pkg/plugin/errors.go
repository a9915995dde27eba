package plugin

import (
	"context"
	"errors"
	"net/http"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"carbonblack-auditlog-datasource/pkg/answer"
	"carbonblack-auditlog-datasource/pkg/cbc"
	"carbonblack-auditlog-datasource/pkg/export"
	"carbonblack-auditlog-datasource/pkg/history"
	"carbonblack-auditlog-datasource/pkg/query"
)

// queryError converts an error to Grafana's form, with a status and a source. Errors of the query, the settings and Carbon Black Cloud are
// downstream; all others are the plugin's.
func queryError(err error) backend.DataResponse {
	status, source := classify(err)
	words := err.Error()
	var failed *cbc.Error
	if errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &failed) { // while it waited for what another query asks
		words = "Carbon Black Cloud did not answer in time: the query waited for what another one asked"
	}
	return backend.ErrDataResponseWithSource(status, source, words)
}

func classify(err error) (backend.Status, backend.ErrorSource) {
	var bad *query.Error
	var failed *cbc.Error
	var unreadable *answer.QueueError
	switch {
	case errors.As(err, &bad):
		return backend.StatusBadRequest, backend.ErrorSourceDownstream
	case errors.As(err, &failed):
		return statusOf(failed), backend.ErrorSourceDownstream
	case errors.Is(err, history.ErrWithheld), errors.Is(err, history.ErrUncountable), errors.Is(err, history.ErrManyCounts), errors.Is(err, history.ErrStuck):
		return backend.StatusBadGateway, backend.ErrorSourceDownstream
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return backend.StatusTimeout, backend.ErrorSourceDownstream
	case errors.As(err, &unreadable):
		return backend.StatusBadGateway, backend.ErrorSourceDownstream
	}
	return backend.StatusInternal, backend.ErrorSourcePlugin
}

// statusOf returns Grafana's status for a failed request. The vendor's status is kept if it means the same to Grafana.
func statusOf(e *cbc.Error) backend.Status {
	switch e.Kind {
	case cbc.KindKey, cbc.KindOrgKey:
		return backend.StatusUnauthorized
	case cbc.KindPermission:
		return backend.StatusForbidden
	case cbc.KindQuery:
		return backend.StatusBadRequest
	case cbc.KindThrottled:
		return backend.StatusTooManyRequests
	case cbc.KindTimeout, cbc.KindCanceled:
		return backend.StatusTimeout
	case cbc.KindHost, cbc.KindNetwork, cbc.KindServer, cbc.KindAnswer, cbc.KindTooLarge:
		return backend.StatusBadGateway
	}
	return backend.StatusInternal
}

// settingsError marks an error of the settings as the user's.
func settingsError(err error) error { return backend.DownstreamError(err) }

// failureStatus is the HTTP status of a failed resource call.
func failureStatus(err error) int {
	if failed, ok := errors.AsType[*export.Error](err); ok {
		switch failed.Kind {
		case export.Bad:
			return http.StatusBadRequest
		case export.Missing:
			return http.StatusNotFound
		case export.NotReady:
			return http.StatusConflict
		case export.TooLarge:
			return http.StatusRequestEntityTooLarge
		case export.Broken:
			return http.StatusBadGateway
		case export.Busy:
			return http.StatusTooManyRequests
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout
	}
	status, _ := classify(err)
	return int(status)
}
