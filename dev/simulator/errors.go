package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an error in the format that Carbon Black Cloud's services share.
type apiError struct {
	status  int
	code    string
	message string
	field   string
	reason  string
	invalid any
	known   []string
}

func (e *apiError) body() []byte {
	content := map[string]any{"error_code": e.code, "message": e.message}
	for key, value := range map[string]string{"field": e.field, "reason": e.reason} {
		if value != "" {
			content[key] = value
		}
	}
	if e.invalid != nil {
		content["invalid_value"] = e.invalid
	}
	if e.known != nil {
		content["known_values"] = e.known
	}
	body, err := json.Marshal(content)
	if err != nil {
		return []byte(`{"error_code":"INTERNAL","message":"unprintable"}`)
	}
	return body
}

func badRequest(message, field string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "BAD_REQUEST", message: message, field: field}
}

func badValue(field, value string, known ...string) *apiError {
	e := badRequest("Malformed JSON input: "+field, field)
	e.code, e.invalid, e.known = "INVALID_ENUM_VALUE", value, known
	return e
}

func badQuery(err error) *apiError {
	e := badRequest(err.Error(), "query")
	e.reason = "query_malformed_syntax"
	return e
}

func notFound(what string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "NOT_FOUND", message: what + " not found"}
}

// refuse answers with an error. Bodies of 401, 403, 404 and 429 have the format that the switch says.
func (c *call) refuse(e *apiError) {
	form := c.sw.ErrorBody
	if e.status == http.StatusBadRequest || e.status == http.StatusConflict {
		form = "json"
	}
	switch form {
	case "empty":
		c.send(e.status, "", nil)
	case "html":
		c.send(e.status, "text/html; charset=utf-8", errorPage(e.status))
	default:
		c.send(e.status, "application/json", e.body())
	}
}

func errorPage(status int) []byte {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return fmt.Appendf(nil, "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n</body>\r\n</html>\r\n", title, title)
}
