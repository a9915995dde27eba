package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// State is the answer to GET /simulator/state.
type State struct {
	Now       string             `json:"now"`
	OrgKey    string             `json:"orgKey"`
	Events    int                `json:"events"`   // visible
	Pending   int                `json:"pending"`  // not arrived
	Queues    map[string]int     `json:"queues"`   // events waiting, by API ID
	Jobs      int                `json:"jobs"`     // of all keys
	Rejected  int                `json:"rejected"` // calls over the rate limit
	Endpoints map[string]Counter `json:"endpoints"`
	Switches  Switches           `json:"switches"`
	Faults    Faults             `json:"faults"`
}

// State returns a summary of the server.
func (s *Server) State() State {
	now := s.now()
	visible := s.store.at(now)
	state := State{
		Now: string(appendTime(nil, now, "3")), OrgKey: s.orgKey, Events: len(visible.sorted), Pending: len(s.store.waiting()),
		Queues: map[string]int{}, Jobs: len(s.jobs.all(now)), Rejected: s.limiter.rejections(), Endpoints: s.log.counts(),
		Switches: s.Switches(), Faults: s.Faults(),
	}
	for _, key := range s.keys.all() {
		state.Queues[key.APIID] = key.queue.length(visible)
	}
	return state
}

// control handles requests to the simulator itself and reports whether this was one:
//
//	GET  /simulator/state      State
//	GET  /simulator/requests   the log of requests; DELETE clears it
//	POST /simulator/switches   changes the switches in the body; DELETE resets all
//	POST /simulator/faults     replaces all faults; DELETE removes them
//	POST /simulator/events     adds the events of a JSON array
//	DELETE /simulator/tokens   makes all access tokens invalid
func (s *Server) control(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, "/simulator/")
	if !ok {
		return false
	}
	content, err := s.command(r.Method, name, io.LimitReader(r.Body, 64<<20))
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		content = map[string]string{"error": err.Error()}
	}
	_, _ = w.Write(encode(content)) // the client may be gone
	return true
}

func (s *Server) command(method, name string, body io.Reader) (any, error) {
	switch method + " " + name {
	case "GET state":
		return s.State(), nil
	case "GET requests":
		return s.Requests(), nil
	case "DELETE requests":
		s.ResetRequests()
		return s.State(), nil
	case "POST switches":
		return s.changeSwitches(s.Switches(), body)
	case "DELETE switches":
		return s.changeSwitches(Switches{}, strings.NewReader("{}"))
	case "POST faults":
		return s.changeFaults(body)
	case "DELETE faults":
		return s.changeFaults(strings.NewReader("{}"))
	case "DELETE tokens":
		s.RevokeTokens()
		return s.State(), nil
	case "POST events":
		var events []Event
		if err := decodeStrictly(body, &events); err != nil {
			return nil, err
		}
		s.Add(events...)
		return s.State(), nil
	}
	return nil, fmt.Errorf("unknown command %s %s", method, name)
}

func (s *Server) changeSwitches(sw Switches, body io.Reader) (any, error) {
	if err := decodeStrictly(body, &sw); err != nil {
		return nil, err
	}
	settled, err := sw.withDefaults()
	if err != nil {
		return nil, err
	}
	s.switches.Store(&settled)
	return settled, nil
}

func (s *Server) changeFaults(body io.Reader) (any, error) {
	var faults Faults
	if err := decodeStrictly(body, &faults); err != nil {
		return nil, err
	}
	if _, err := faults.withDefaults(); err != nil {
		return nil, err
	}
	s.SetFaults(faults)
	return s.Faults(), nil
}

func decodeStrictly(body io.Reader, into any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	return nil
}
