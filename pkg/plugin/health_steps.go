package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"carbonblack-auditlog-datasource/pkg/cbc"
)

// step is one check of Save & test.
type step struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Status  string `json:"status"` // ok, warning, failed or skipped
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// The states of a step.
const (
	stepOK      = "ok"
	stepWarning = "warning" // queries work, something else does not
	stepFailed  = "failed"
	stepSkipped = "skipped"
)

// stepOrder is the order in which the steps are checked and shown.
var stepOrder = []string{"settings", "name", "tls", "api", "clock", "orgKey", "apiKey", "org.audits", "jobs.status", "store", "lease", "archive", "budget"}

var stepTitles = map[string]string{
	"settings":    "Settings",
	"name":        "Name resolution",
	"tls":         "Connection and TLS",
	"api":         "Carbon Black Cloud answers",
	"clock":       "Clock difference",
	"orgKey":      "Org key",
	"apiKey":      "API key",
	"org.audits":  "Permission org.audits",
	"jobs.status": "Permission jobs.status",
	"store":       "Store of the queue",
	"lease":       "Reader of the queue",
	"archive":     "Archive",
	"budget":      "Request budget",
}

func skip(name, reason string) step {
	return step{Name: name, Title: stepTitles[name], Status: stepSkipped, Message: reason}
}

func passed(name, message string) step {
	return step{Name: name, Title: stepTitles[name], Status: stepOK, Message: message}
}

func warned(name, message, remedy string) step {
	return step{Name: name, Title: stepTitles[name], Status: stepWarning, Message: message, Remedy: remedy}
}

func failed(name, message, remedy string) step {
	return step{Name: name, Title: stepTitles[name], Status: stepFailed, Message: message, Remedy: remedy}
}

// sentence describes the step in a sentence.
func (s step) sentence() string {
	text := s.Title + ": " + s.Message
	if s.Remedy != "" {
		text += " " + s.Remedy
	}
	return text
}

func describeSteps(steps []step) string {
	lines := make([]string, len(steps))
	for i, s := range steps {
		lines[i] = "[" + s.Status + "] " + s.sentence()
	}
	return strings.Join(lines, "\n")
}

// remedies say what to do about a step that failed.
var remedies = map[string]string{
	"name":       "Check the spelling of the URL, and the name servers of the Grafana server.",
	"tls":        "Check the URL, and the proxy, firewall and certificates in between. A proxy with a certificate of its own needs its CA certificate under HTTP and TLS.",
	"api":        "Check that the URL is the address of the console. If it is, try again later.",
	"orgKey":     "Copy the org key from the console, under Settings > API Access.",
	"apiKey":     "Copy API ID and API secret again, or create a new API key. Check that the key belongs to this org key and host.",
	"org.audits": "In the console, give the key an access level of type Custom with Audit Logs > View and Export Audits (org.audits): READ.",
}

// oauthRemedies replace the remedies of an API key for an OAuth app.
var oauthRemedies = map[string]string{
	"apiKey":     "Check the app ID, the app secret and the token URL, and that the app belongs to the organization of the org key.",
	"org.audits": "Give the OAuth app a role that includes View and Export Audits (org.audits): READ.",
}

func remedyOf(name string, oauth bool) string {
	if other := oauthRemedies[name]; oauth && other != "" {
		return other
	}
	return remedies[name]
}

// cloudSteps returns the steps of a search, up to the one that failed.
func cloudSteps(err error, p *probe, oauth bool) []step {
	names := []string{"name", "tls", "api", "orgKey", "apiKey", "org.audits"}
	broken := ""
	if err != nil {
		broken = brokenStep(err)
	}
	at := slices.Index(names, broken)
	var steps []step
	for i, name := range names {
		switch {
		case err == nil || i < at && !(name == "orgKey" && broken == "apiKey"):
			steps = append(steps, passed(name, okMessage(name, p)))
		case i == at:
			steps = append(steps, failed(name, err.Error()+".", remedyOf(name, oauth)))
		default:
			steps = append(steps, skip(name, "Not checked, because an earlier step failed."))
		}
		if name == "api" {
			steps = append(steps, clockStep(p))
		}
	}
	return steps
}

// brokenStep returns the step that an error belongs to.
func brokenStep(err error) string {
	var request *cbc.Error
	if !errors.As(err, &request) {
		return "api"
	}
	switch request.Kind {
	case cbc.KindOrgKey:
		return "orgKey"
	case cbc.KindKey:
		return "apiKey"
	case cbc.KindPermission:
		return "org.audits"
	case cbc.KindHost, cbc.KindNetwork:
		if request.Status != 0 || request.Intermediary {
			return "api"
		}
		return brokenConnection(request)
	}
	return "api"
}

// brokenConnection distinguishes a host name that is not found from a connection that cannot be made.
func brokenConnection(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "name"
	}
	return "tls"
}

func okMessage(name string, p *probe) string {
	_, _, _, connection := p.seen()
	switch name {
	case "name":
		return "The host is found."
	case "tls":
		return tlsMessage(connection)
	case "api":
		return "The API answers."
	case "orgKey", "apiKey":
		return "Accepted."
	}
	return "Granted: the audit log can be searched."
}

// tlsMessage describes an established connection.
func tlsMessage(connection *tls.ConnectionState) string {
	if connection == nil {
		return "Connected without TLS."
	}
	message := "Connected with " + tls.VersionName(connection.Version)
	if len(connection.PeerCertificates) > 0 {
		message += ", certificate valid until " + expiry(connection.PeerCertificates)
	}
	return message + "."
}

// expiry returns when the first certificate of a chain expires.
func expiry(chain []*x509.Certificate) string {
	first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return first.NotAfter.UTC().Format(time.DateOnly)
}

// maxClockDifference is how far the clocks may be apart. A Date header has whole seconds, and an answer may take a few.
const maxClockDifference = 30 * time.Second

// clockStep compares the clock of this server with the Date header of the answer.
func clockStep(p *probe) step {
	answered, serverAt, localAt, _ := p.seen()
	switch {
	case !answered:
		return skip("clock", "Not checked, because there is no answer.")
	case serverAt.IsZero():
		return skip("clock", "Not checked, because the answer has no Date header.")
	}
	difference := localAt.Sub(serverAt).Round(time.Second)
	if difference.Abs() <= maxClockDifference {
		return passed("clock", "The clocks agree.")
	}
	direction := "ahead of"
	if difference < 0 {
		direction = "behind"
	}
	return warned("clock", fmt.Sprintf("The clock of the Grafana server is %s %s that of Carbon Black Cloud, so the newest events may be missing or late.", difference.Abs(), direction),
		"Synchronize the clock of the Grafana server, for example with NTP.")
}

// jobsStep reports whether export jobs can be used. Queries work without them.
func jobsStep(err error) step {
	var request *cbc.Error
	if err == nil {
		return passed("jobs.status", "Granted: export jobs can be followed.")
	}
	if errors.As(err, &request) && request.Kind == cbc.KindPermission {
		return warned("jobs.status", "The permission is missing: queries work, exports by jobs do not.",
			"In the console, add Background Tasks > Status (jobs.status): READ to the access level of the key.")
	}
	return warned("jobs.status", "Not known: "+err.Error()+".", "Try again later.")
}

// checkBudget reports what is left of the request budget.
func (d *Instance) checkBudget(ctx context.Context) step {
	limits := d.limits(ctx)
	left := fmt.Sprintf("%d of %d requests of these five minutes are left.", limits.Budget.Left, limits.Budget.Limit)
	if limits.PausedUntil != nil {
		until := time.UnixMilli(*limits.PausedUntil).UTC().Format("15:04:05 UTC")
		return warned("budget", "Carbon Black Cloud limits the requests: nothing is sent before "+until+".", "Lower Requests per five minutes under Limits.")
	}
	if limits.Budget.Left*10 < limits.Budget.Limit {
		return warned("budget", left, "Find out who uses them on the plugin's dashboard, or raise Requests per five minutes under Limits.")
	}
	return passed("budget", left)
}
