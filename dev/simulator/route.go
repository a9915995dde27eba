package simulator

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// route is a parsed path.
type route struct {
	endpoint   string // "" is none
	method     string
	permission string
	orgKey     string
	id         string // of a job, or the signature of a download
}

// parseRoute parses an escaped path. An escaped slash is part of a name.
func parseRoute(path string) route {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		unescaped, err := url.PathUnescape(part)
		if err != nil {
			return route{}
		}
		parts[i] = unescaped
	}
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch {
	case path == tokenPath:
		return route{endpoint: "token", method: http.MethodPost}
	case len(parts) == 6 && strings.HasPrefix(path, "/audit_log/v1/orgs/") && at(4) == "logs":
		return auditRoute(at(3), at(5))
	case len(parts) >= 5 && strings.HasPrefix(path, "/jobs/v1/orgs/") && at(4) == "jobs":
		return jobRoute(at(3), parts[5:])
	case len(parts) == 2 && at(0) == "storage":
		return route{endpoint: "storage", method: http.MethodGet, id: at(1)}
	}
	return route{}
}

func auditRoute(orgKey, verb string) route {
	r := route{orgKey: orgKey, permission: PermissionAudits, method: http.MethodPost}
	switch verb {
	case "_search":
		r.endpoint = "search"
	case "_export":
		r.endpoint = "export"
	case "_queue":
		r.endpoint, r.method = "queue", http.MethodGet
	default:
		return route{}
	}
	return r
}

func jobRoute(orgKey string, rest []string) route {
	r := route{orgKey: orgKey, permission: PermissionJobs, method: http.MethodGet}
	switch {
	case len(rest) == 0:
		r.endpoint = "jobs"
	case len(rest) == 1:
		r.endpoint, r.id = "job", rest[0]
	case len(rest) == 2 && (rest[1] == "progress" || rest[1] == "download"):
		r.endpoint, r.id = rest[1], rest[0]
	default:
		return route{}
	}
	return r
}

func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
