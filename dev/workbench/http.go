package workbench

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// maxBody is Grafana's limit for the body of a resource call.
const maxBody = 128 << 20

func readBody(rw http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
}

func writeJSON(rw http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		writeError(rw, http.StatusInternalServerError, err)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	// An error means that the caller is gone.
	_, _ = rw.Write(body)
}

// writeError answers in the format of Grafana's errors.
func writeError(rw http.ResponseWriter, status int, err error) {
	writeJSON(rw, status, map[string]string{"message": err.Error()})
}

func statusOf(err error) int {
	var bad badRequestError
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, errNoSource), errors.Is(err, errNoDashboard):
		return http.StatusNotFound
	default:
		return http.StatusInternalServerError
	}
}
