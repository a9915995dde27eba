package plugin

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"carbonblack-auditlog-datasource/dev/simulator"
)

// incident is what an intruder does: fails to log in, gets in from a new address, and covers the tracks.
func incident() []simulator.Event {
	const victim, intruderIP = "jane@example.com", "203.0.113.66"
	var events []simulator.Event
	for i := range 300 { // the normal life of the organization
		events = append(events, simulator.Event{
			CreateTime: present.Add(-time.Duration(i+3) * 4 * time.Minute), Actor: fmt.Sprintf("user%d@example.com", i%7), ActorIP: fmt.Sprintf("198.51.100.%d", i%5+1),
			Description: "Logged in successfully",
		})
	}
	for i := range 5 {
		events = append(events, simulator.Event{CreateTime: present.Add(-time.Duration(40-i) * time.Minute), Actor: victim, ActorIP: fmt.Sprintf("%s:%d", intruderIP, 40000+i), Description: "Login failed"})
	}
	for i, description := range []string{
		"Logged in successfully", "Added API ID Z9Y8X7W6V5 with name backup in org 4821", "Policy Standard (ID: 6525) was modified", "Deleted Config: siem-export",
	} {
		e := simulator.Event{CreateTime: present.Add(-time.Duration(30-5*i) * time.Minute), Actor: "Jane@Example.com", ActorIP: intruderIP, Description: description}
		if i == 3 {
			e.RequestURL = "/data_forwarder/v2/orgs/TEST/configs"
		}
		events = append(events, e)
	}
	return events
}

// From the alert to the full list of what the intruder did takes at most six requests; see docs/how-to/investigate.md.
func TestInvestigateAnIncident(t *testing.T) {
	sim, url := cloud(t, simulator.Config{Events: incident()})
	d := newInstance(t, settingsOf(sim, url, 0, nil))
	rule := ask(t, d, map[string]string{"FromAlert": "true"}, `{"queryType":"count","groupBy":["account","address"],"criteria":{"action":["login"],"outcome":["failure"]}}`)["A"]
	require.NoError(t, rule.Error)
	require.Len(t, rule.Frames, 1, "the alert names one account and one address, whatever their spellings and ports")
	labels := rule.Frames[0].Fields[0].Labels
	require.Equal(t, "jane@example.com", labels["account"])
	require.Equal(t, "203.0.113.66", labels["address"])
	require.Equal(t, int64(5), rule.Frames[0].Fields[0].At(0))

	sim.ResetRequests()
	account, address := labels["account"], labels["address"]
	steps := ask(t, d, nil,
		fmt.Sprintf(`{"criteria":{"account":[%q],"action":["login"],"outcome":["failure"]}}`, account),
		fmt.Sprintf(`{"queryType":"top","groupBy":["address","outcome"],"criteria":{"account":[%q],"action":["login"]}}`, account),
		`{"queryType":"firstSeen","groupBy":["account","address"],"criteria":{"action":["login"],"outcome":["success"]}}`,
		fmt.Sprintf(`{"queryType":"top","groupBy":["account"],"criteria":{"address":[%q]}}`, address),
		fmt.Sprintf(`{"format":"table","sort":"asc","criteria":{"account":[%q],"address":["203.0.113.0/24"]}}`, account))
	for refID, answer := range steps {
		require.NoError(t, answer.Error, refID)
		require.NotEmpty(t, answer.Frames, refID)
	}
	list := steps["E"].Frames[0]
	descriptions, _ := list.FieldByName("description")
	var did []string
	for i := range descriptions.Len() {
		did = append(did, descriptions.At(i).(string))
	}
	require.Equal(t, []string{
		"Login failed", "Login failed", "Login failed", "Login failed", "Login failed",
		"Logged in successfully", "Added API ID Z9Y8X7W6V5 with name backup in org 4821", "Policy Standard (ID: 6525) was modified", "Deleted Config: siem-export",
	}, did, "everything the intruder did, in order")
	others, _ := steps["D"].Frames[0].FieldByName("account")
	require.Equal(t, 1, others.Len(), "nobody else came from this address")
	require.LessOrEqual(t, len(sim.Requests()), 6)
}
